"""Providers of models, found by the name that a recipe gives them.

A provider is a folder beside this file: its block of the recipe (`config`), how its clients are made
(`build`), and what `synth doctor` looks at (`check`). Another package adds one through an entry point of the
group `synth.providers`, which names its `Provider`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Generic, TypeVar

from synth.llm.base import Client
from synth.plugins import Registry
from synth.recipe.base import ModelConfig

# A provider's folder has the name that a recipe gives it, but for this one.
_OTHER_NAMES = {"openai_compatible": "endpoint"}

C = TypeVar("C", bound=ModelConfig)


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What a provider may need beside its own blocks: the folder where the recipe's paths start, the recipe's
    seed, and where to say what a user should know.
    """

    folder: Path
    seed: int
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One part that `synth doctor` looks at. `run` gives the words for a part that is well, and raises a
    `SynthError` for one that is not. `place` tells apart several parts of one model.
    """

    run: Callable[[], Coroutine[Any, Any, str]]
    place: str = ""


@dataclass(frozen=True, slots=True)
class Provider(Generic[C]):
    """Makes clients for the models of a recipe that name it.

    `build` gets all of them at once, by name, since several may share an engine or a card. It imports its
    clients itself, so that a recipe can be read without them.
    """

    config: type[C]
    build: Callable[[Mapping[str, C], BuildContext], Mapping[str, Client]]
    check: Callable[[str, C, Path], Sequence[HealthCheck]]


def _folders() -> dict[str, str]:
    """The places of our own providers, by name. Nothing is imported for it."""
    folders = [found.name for found in iter_modules([str(Path(__file__).parent)]) if found.ispkg]
    named = {_OTHER_NAMES.get(folder, folder): folder for folder in folders}
    return {name: f"{__package__}.{named[name]}:PROVIDER" for name in sorted(named)}


PROVIDERS: Registry[Provider[Any]] = Registry("synth.providers", _folders(), Provider)


def provider_of(block: Any) -> Provider[Any]:
    """The provider of one of a recipe's `models`. Raises `ValueError` where it names none that is known."""
    name = None
    if isinstance(block, Mapping):
        name = block.get("provider", "endpoint" if "base_url" in block else "embedded")
    try:
        return PROVIDERS.find(str(name))
    except KeyError:
        *most, last = PROVIDERS.names
        raise ValueError(f"provider must be {', '.join(most)} or {last}") from None
