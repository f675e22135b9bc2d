"""Stages, found by the name that a recipe gives them.

A stage is a folder beside this file: its options, which are light to import, and the stage itself, which is
loaded only for a recipe that has it. Another package adds one through an entry point of the group
`synth.stages`, which names its `StagePlugin`.
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
    """One kind of stage: its options, and the place of its class as `module:Class`.

    `prompts` is the folder of its prompts; our own stages have theirs in `prompts/NAME`.
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
    """The places of our own stages, by name. Nothing is imported for it."""
    folders = [found.name for found in iter_modules([str(Path(__file__).parent)]) if found.ispkg]
    return {name: f"{__package__}.{name}:STAGE" for name in sorted(folders)}


STAGES: Registry[StagePlugin] = Registry("synth.stages", _folders(), StagePlugin)


def options_class(kind: str) -> type[StageOptions]:
    """The options of a stage that a run folder names; those of any stage where its package is not there."""
    try:
        return STAGES.find(kind).options
    except (KeyError, ValueError):
        return StageOptions
