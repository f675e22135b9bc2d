"""What a check says of an answer, and how a file that it needs is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from synth.errors import RecipeError
from synth.reasons import Reason
from synth.row import Row


@dataclass(frozen=True, slots=True)
class Objection:
    """Why an answer does not pass, and the words."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class AnswerCheck:
    """Called with a row: None where its answer passes. `stop` ends a call in another thread, for good."""

    decide: Callable[[Row], Objection | None]
    stop: Callable[[], None] = lambda: None

    def __call__(self, row: Row) -> Objection | None:
        return self.decide(row)


def beside(folder: Path, name: str, key: str) -> Path:
    """The file that a recipe in `folder` names under `key`. Raises `RecipeError` where there is none."""
    file = folder / name
    if not file.is_file():
        raise RecipeError(
            "there is no such file.", where=f"{key}: {file}", hint="Paths are relative to the recipe."
        )
    return file
