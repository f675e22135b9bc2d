"""The registry of model providers, by the name in a recipe.

A provider is a folder next to this file. It defines its block of the recipe (`config`), makes its clients
(`build`), and defines the checks of `synth doctor` (`check`). Another package adds a `Provider` through an
entry point of the group `synth.providers`.
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

# A provider's folder has the provider's name in recipes, except for this one.
_OTHER_NAMES = {"openai_compatible": "endpoint"}

C = TypeVar("C", bound=ModelConfig)


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What a provider needs besides its own blocks: the recipe's folder and seed, and a function for
    messages to the user.
    """

    folder: Path
    seed: int
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One check of `synth doctor`.

    `run` returns a message if the part works, and raises a `SynthError` if it does not. `place` distinguishes
    several parts of one model.
    """

    run: Callable[[], Coroutine[Any, Any, str]]
    place: str = ""


@dataclass(frozen=True, slots=True)
class Provider(Generic[C]):
    """A provider of models.

    `build` gets all of the provider's models at once, by name, because several may share an engine or a GPU.
    It imports the clients itself, so that a recipe can be read without them.
    """

    config: type[C]
    build: Callable[[Mapping[str, C], BuildContext], Mapping[str, Client]]
    check: Callable[[str, C, Path], Sequence[HealthCheck]]


def _folders() -> dict[str, str]:
    """The import paths of the packaged providers, by name. Imports nothing."""
    folders = [found.name for found in iter_modules([str(Path(__file__).parent)]) if found.ispkg]
    named = {_OTHER_NAMES.get(folder, folder): folder for folder in folders}
    return {name: f"{__package__}.{named[name]}:PROVIDER" for name in sorted(named)}


PROVIDERS: Registry[Provider[Any]] = Registry("synth.providers", _folders(), Provider)


def provider_of(block: Any) -> Provider[Any]:
    """The provider of one of a recipe's `models`. Raises `ValueError` if it names no known provider."""
    name = None
    if isinstance(block, Mapping):
        name = block.get("provider", "endpoint" if "base_url" in block else "embedded")
    try:
        return PROVIDERS.find(str(name))
    except KeyError:
        *most, last = PROVIDERS.names
        raise ValueError(f"provider must be {', '.join(most)} or {last}") from None
