"""Builds stages and clients from a recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from synth.llm.base import Client
from synth.llm.providers import PROVIDERS, BuildContext
from synth.recipe.base import ModelConfig
from synth.recipe.model import Recipe, StageSpec
from synth.stages.base import Stage
from synth.stages.context import Context
from synth.stages.registry import STAGES


def build_stages(context: Context, build: Callable[[StageSpec, Context], Stage]) -> list[Stage]:
    """The recipe's stages, in order. Raises the error of a stage that cannot be built, before any request."""
    stages: list[Stage] = []
    for spec in context.recipe.stages:
        stage = build(spec, context)
        stages.append(stage)
        if stage.taxonomy is not None:
            context = replace(context, taxonomy=stage.taxonomy)
    return stages


def build_stage(spec: StageSpec, context: Context) -> Stage:
    """One stage. Imports only the recipe's stages; all of them would take half a second."""
    plugin = STAGES.find(spec.kind)
    return plugin.load()(spec.name, spec.options, context.for_stage(spec, plugin.prompts))


def build_clients(recipe: Recipe, say: Callable[[str], None]) -> dict[str, Client]:
    """One client per model of the recipe. A provider builds all of its models together."""
    models: dict[str, dict[str, ModelConfig]] = {}
    for name, config in recipe.models.items():
        models.setdefault(config.provider, {})[name] = config
    context = BuildContext(recipe.folder, recipe.seed, say)
    clients: dict[str, Client] = {}
    for provider, configs in models.items():
        clients |= PROVIDERS.find(provider).build(configs, context)
    return {name: clients[name] for name in recipe.models}
