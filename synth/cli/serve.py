"""`synth serve`: vLLM for a recipe's models, with flags for batch generation."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from synth.cli.console import print_json, say
from synth.cli.interrupt import INTERRUPTED
from synth.errors import InputError
from synth.llm.base import Json
from synth.llm.vllm.fit import ModelSize, card_bytes, describe, find_folder, read_size, share_card
from synth.llm.vllm.install import Vllm, find_vllm
from synth.llm.vllm.plan import ServerPlan, is_open_to_a_network, plan_model, plan_servers
from synth.llm.vllm.server import RunningServer, Start, serve
from synth.recipe.api_keys import model_key
from synth.recipe.load import load_recipe


def serve_models(
    recipe: Path | None,
    settings: list[str],
    model: str | None,
    *,
    host: str | None,
    port: int | None,
    extra: list[str],
    as_json: bool,
) -> int:
    """Starts the servers that the recipe needs, and waits for Ctrl-C, which is the normal end."""
    plans = _plans(recipe, settings, model, host, port)
    vllm = find_vllm()
    shares = [None] * len(plans) if vllm.cpu else _shares(plans)
    starts = [_start(plan, vllm, share, extra) for plan, share in zip(plans, shares, strict=True)]
    if is_open_to_a_network(plans) and not all(plan.api_key for plan in plans):
        say("Warning: anyone who can reach this address can use the model. Set api_key_env to require a key.")

    def ready(servers: Sequence[RunningServer]) -> None:
        for server in servers:
            say(f"vLLM {vllm.version} serves {server.start.model} at {server.start.url}. Ctrl-C stops it.")
        if as_json:
            print_json({"servers": [_document(server) for server in servers]})

    for start in starts:
        say(f"Starting {shlex.join(start.command)}")
    try:
        serve(starts, ready=ready, log=say)
    except KeyboardInterrupt:
        say("vLLM is stopped.")
    return INTERRUPTED


def _document(server: RunningServer) -> Json:
    start = server.start
    return {
        "url": start.url,
        "model": start.model,
        "pid": server.process.pid,
        "command": list(start.command),
    }


def _plans(
    recipe: Path | None, settings: list[str], model: str | None, host: str | None, port: int | None
) -> list[ServerPlan]:
    if recipe is None:
        if model is None:
            raise InputError(
                "needs a recipe or a model.",
                where="synth serve",
                hint="Run `synth serve RECIPE`, or `synth serve --model NAME` (on the hub, or a folder).",
            )
        return [plan_model(model, host=host, port=port)]
    loaded = load_recipe(recipe, settings)
    keys = {name: model_key(name, config) for name, config in loaded.models.items() if model in (None, name)}
    return plan_servers(loaded, keys, model, host=host, port=port)


def _start(plan: ServerPlan, vllm: Vllm, share: float | None, extra: list[str]) -> Start:
    command = vllm.serve_command(plan.model) + plan.flags(cpu=vllm.cpu, gpu_share=share, extra=extra)
    return Start(command, {**vllm.environment, **plan.environment}, plan.url, plan.served)


def _shares(plans: list[ServerPlan]) -> list[float | None]:
    """Each model's share of the first card's memory, which is also reported; None for a single model.

    Raises `InputError` if the models do not fit together.
    """
    cards = card_bytes()
    sizes = [_size(plan) for plan in plans]
    known = [size for size in sizes if size is not None]
    if not cards or len(known) < len(plans):
        missing = "the memory of this machine's card" if not cards else "the size of every model"
        say(f"Cannot check in advance whether the models fit: {missing} is unknown.")
        return [None] * len(plans)
    words = describe(known, cards[0])
    shares = share_card(known, cards[0])
    if len(plans) == 1:
        say(words)
        return [None]
    if shares is None:
        raise InputError(
            words,
            where="models",
            hint="Use one model for both, start only one (--model NAME), or set `provider: vllm` for each,"
            " which loads one model at a time.",
        )
    say(words)
    return list(shares)


def _size(plan: ServerPlan) -> ModelSize | None:
    folder = find_folder(plan.model)
    return read_size(plan.served, folder) if folder else None
