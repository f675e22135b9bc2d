"""From the recipe's words to stages and clients: the only place that names the concrete ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from synth.errors import InputError, UnreachableError
from synth.llm.base import Client
from synth.recipe.model import EmbeddedModel, EndpointModel, FakeModel, Recipe, StageSpec, VllmModel
from synth.recipe.servers import check_key, shown_variable
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
    """A client for each of the recipe's models; models that are one engine beside the run share it."""
    clients: dict[str, Client] = {
        name: build_client(name, config, recipe, say)
        for name, config in recipe.models.items()
        if not isinstance(config, VllmModel)
    }
    if len(clients) < len(recipe.models):
        from synth.llm.vllm.engines import build_engines

        clients |= build_engines(recipe, say)
    return clients


def build_client(
    name: str,
    config: EmbeddedModel | EndpointModel | FakeModel,
    recipe: Recipe,
    say: Callable[[str], None],
) -> Client:
    """The client for `models.NAME`. Clients load their libraries here, when they are wanted."""
    if isinstance(config, EmbeddedModel):
        from synth.llm.embedded.client import EmbeddedClient

        return EmbeddedClient(
            config.model, folder=recipe.folder, batch_invariant=config.batch_invariant, say=say
        )
    if isinstance(config, FakeModel):
        from synth.llm.fake.client import FakeClient, FakeFaults

        script = recipe.folder / config.script if config.script else None
        faults = FakeFaults(fail=config.fail, cut=config.cut, broken=config.broken)
        return FakeClient(config.model, script=script, delay=config.delay, seed=recipe.seed, faults=faults)
    return _endpoint(name, config)


def _endpoint(name: str, config: EndpointModel) -> Client:
    from synth.llm.openai_compatible.client import EndpointClient

    return EndpointClient(
        config.model,
        config.base_urls,
        api_key=api_key(name, config),
        send_seed=config.send_seed,
        patience=config.patience,
        requests_per_minute=config.limits.requests_per_minute,
        tokens_per_minute=config.limits.tokens_per_minute,
        reply_bytes=config.limits.reply_bytes,
    )


def api_key(name: str, config: EndpointModel) -> str | None:
    """The key from the variable that the recipe names; none named, none sent."""
    if config.api_key_env is None:
        return None
    where, variable = f"models.{name}.api_key_env", shown_variable(config.api_key_env)
    key = os.environ.get(config.api_key_env)
    if not key:
        hint = f"export {variable}=... and run the same command again."
        if variable != config.api_key_env:
            hint = "Name the variable that holds the key, such as WRITER_KEY; never the key itself."
        raise UnreachableError(f"the variable {variable} is not set.", where=where, hint=hint)
    try:
        check_key(key)
    except ValueError as error:
        raise InputError(f"the key in {variable} {error}", where=where) from None
    return key
