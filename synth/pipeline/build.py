"""From the recipe's words to stages and clients: the only place that names the concrete ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from synth.llm.base import Client
from synth.llm.providers import PROVIDERS, BuildContext
from synth.recipe.base import ModelConfig
from synth.recipe.model import Recipe, StageSpec
from synth.stages.base import Admits, Asks, Context, Maker

Stage = Asks | Admits | Maker


def stage_class(kind: str) -> Callable[[str, Any, Context], Stage]:
    """The class of a stage, by the recipe's verb: `target_failures` is `TargetFailures` of
    `synth.stages.target_failures`. Only the recipe's own stages are loaded: all would take half a second.
    """
    module = import_module(f"synth.stages.{kind}")
    made: Callable[[str, Any, Context], Stage] = getattr(
        module, "".join(map(str.capitalize, kind.split("_")))
    )
    return made


def build_stages(context: Context) -> list[Stage]:
    """The recipe's stages, in order. Raises what makes one impossible, before anything is asked."""
    return [build_stage(spec, context) for spec in context.recipe.stages]


def build_stage(spec: StageSpec, context: Context) -> Stage:
    """One stage, with its own view of each model."""
    models = {name: model.for_stage(spec.name) for name, model in context.models.items()}
    return stage_class(spec.kind)(spec.name, spec.options, replace(context, models=models))


def build_clients(recipe: Recipe, say: Callable[[str], None]) -> dict[str, Client]:
    """A client for each of the recipe's models. A provider builds all of its models together."""
    models: dict[str, dict[str, ModelConfig]] = {}
    for name, config in recipe.models.items():
        models.setdefault(config.provider, {})[name] = config
    context = BuildContext(recipe.folder, recipe.seed, say)
    clients: dict[str, Client] = {}
    for provider, configs in models.items():
        clients |= PROVIDERS.find(provider).build(configs, context)
    return {name: clients[name] for name in recipe.models}
