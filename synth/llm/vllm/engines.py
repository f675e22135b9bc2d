"""Builds vLLM engines: equal models share one, and models that do not fit together take turns on the GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from synth.llm.base import Client
from synth.llm.providers import BuildContext
from synth.llm.vllm import VllmConfig
from synth.llm.vllm.client import VllmClient
from synth.llm.vllm.fit import ModelSize, card_bytes, describe, find_folder, read_size, share_card
from synth.llm.vllm.gpu_sharing import ModelSwitcher
from synth.llm.vllm.plan import model_to_load

_SHARE_KEY = "gpu_memory_utilization"


def build_engines(models: Mapping[str, VllmConfig], context: BuildContext) -> dict[str, Client]:
    """One client per model. If there are several engines, reports whether they fit into the GPU's memory."""
    engines: dict[bytes, list[str]] = {}
    for name, config in models.items():
        engines.setdefault(_engine_key(config), []).append(name)
    configs = [models[names[0]] for names in engines.values()]
    shares = _shares(configs, context) if len(configs) > 1 else [None]
    one_at_a_time = ModelSwitcher()
    clients: dict[str, Client] = {}
    for names, config, share in zip(engines.values(), configs, shares, strict=True):
        own: Mapping[str, object] = {} if share is None else {_SHARE_KEY: share}
        client = VllmClient(
            config.model,
            folder=context.folder,
            context=config.context,
            engine={**own, **config.engine},
            send_seed=config.send_seed,
            switcher=one_at_a_time if share is None else None,
        )
        clients |= dict.fromkeys(names, client)
    return clients


def _engine_key(config: VllmConfig) -> bytes:
    """A key that is equal for models that can share an engine: the loading options must match, the request
    options may differ.
    """
    loaded = config.model_dump(include={"model", "context", "engine", "send_seed"})
    return orjson.dumps(loaded, option=orjson.OPT_SORT_KEYS)


def _shares(configs: Sequence[VllmConfig], context: BuildContext) -> Sequence[float | None]:
    """Each engine's share of the first GPU, if all fit together.

    None for each engine, which means taking turns, if they do not fit or if that is unknown.
    """
    sizes = [_size(config, context.folder) for config in configs]
    known = [size for size in sizes if size is not None]
    cards = card_bytes()
    shares = share_card(known, cards[0]) if cards and len(known) == len(sizes) else None
    if shares is not None:
        context.say(describe(known, cards[0]))
        return shares
    names = " and ".join(config.model for config in configs)
    why = (
        describe(known, cards[0])
        if cards and len(known) == len(sizes)
        else "It is not known whether they fit."
    )
    context.say(
        f"{why} {names} take turns: one is loaded at a time. One model for both would save the loading."
    )
    return [None] * len(configs)


def _size(config: VllmConfig, folder: Path) -> ModelSize | None:
    files = find_folder(model_to_load(config.model, folder))
    return read_size(config.model, files) if files else None
