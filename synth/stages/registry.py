"""The registry of stages, by their names in recipes.

A stage is a folder next to this file, with its options (fast to import) and its class (imported only for
recipes that use it). Another package adds a stage through an entry point of the group `synth.stages`, which
names its `StagePlugin`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from synth.plugins import Registry
from synth.recipe.base import StageOptions

if TYPE_CHECKING:
    from synth.stages.base import Stage


@dataclass(frozen=True, slots=True)
class StagePlugin:
    """One kind of stage: its options, and its class as `module:Class`.

    `prompts` is the folder of its prompts. Packaged stages have theirs in `prompts/NAME`.
    """

    options: type[StageOptions]
    place: str
    prompts: Path | None = None

    def load(self) -> type[Stage]:
        """The class of the stage."""
        module, _, name = self.place.partition(":")
        found: type[Stage] = getattr(import_module(module), name)
        return found


def _folders() -> dict[str, str]:
    """The import paths of the packaged stages, by name. Imports nothing."""
    folders = [found.name for found in iter_modules([str(Path(__file__).parent)]) if found.ispkg]
    return {name: f"{__package__}.{name}:STAGE" for name in sorted(folders)}


STAGES: Registry[StagePlugin] = Registry("synth.stages", _folders(), StagePlugin)


def options_class(kind: str) -> type[StageOptions]:
    """The options class of a stage in a run folder; the base class if the stage's package is not
    installed.
    """
    try:
        return STAGES.find(kind).options
    except (KeyError, ValueError):
        return StageOptions
