"""vLLM engines beside the run: models that are the same share one, and those that do not fit take turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import orjson

from synth.llm.base import Client
from synth.llm.vllm.client import VllmClient
from synth.llm.vllm.fit import ModelSize, card_bytes, describe, find_folder, read_size, share_card
from synth.llm.vllm.gpu_sharing import ModelSwitcher
from synth.llm.vllm.plan import model_to_load
from synth.recipe.model import Recipe, VllmModel

_SHARE_KEY = "gpu_memory_utilization"


def build_engines(recipe: Recipe, say: Callable[[str], None]) -> dict[str, Client]:
    """A client for each model with `provider: vllm`, and words about the card's memory to `say`."""
    engines: dict[bytes, list[str]] = {}
    for name, config in recipe.models.items():
        if isinstance(config, VllmModel):
            engines.setdefault(_engine_key(config), []).append(name)
    configs = [_config(recipe, names[0]) for names in engines.values()]
    shares = _shares(recipe, configs, say) if len(configs) > 1 else [None]
    one_at_a_time = ModelSwitcher()
    clients: dict[str, Client] = {}
    for names, config, share in zip(engines.values(), configs, shares, strict=True):
        own: Mapping[str, object] = {} if share is None else {_SHARE_KEY: share}
        client = VllmClient(
            config.model,
            folder=recipe.folder,
            context=config.context,
            engine={**own, **config.engine},
            send_seed=config.send_seed,
            switcher=one_at_a_time if share is None else None,
        )
        clients |= dict.fromkeys(names, client)
    return clients


def _engine_key(config: VllmModel) -> bytes:
    """Equal for models that one engine can be: what is asked of them may differ, what is loaded not."""
    loaded = config.model_dump(include={"model", "context", "engine", "send_seed"})
    return orjson.dumps(loaded, option=orjson.OPT_SORT_KEYS)


def _config(recipe: Recipe, name: str) -> VllmModel:
    config = recipe.models[name]
    assert isinstance(config, VllmModel)
    return config


def _shares(
    recipe: Recipe, configs: Sequence[VllmModel], say: Callable[[str], None]
) -> Sequence[float | None]:
    """The share of the first card that each gets, where they fit together; None for each, which is to take
    turns, where they do not, or nobody can tell."""
    sizes = [_size(recipe, config) for config in configs]
    known = [size for size in sizes if size is not None]
    cards = card_bytes()
    shares = share_card(known, cards[0]) if cards and len(known) == len(sizes) else None
    if shares is not None:
        say(describe(known, cards[0]))
        return shares
    names = " and ".join(config.model for config in configs)
    why = (
        describe(known, cards[0]) if cards and len(known) == len(sizes) else "Whether they fit is not known."
    )
    say(f"{why} {names} take turns: one is loaded at a time. One model for both would save the loading.")
    return [None] * len(configs)


def _size(recipe: Recipe, config: VllmModel) -> ModelSize | None:
    folder = find_folder(model_to_load(config.model, recipe.folder))
    return read_size(config.model, folder) if folder else None
