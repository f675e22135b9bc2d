"""The result of a check, and the search for files that checks need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from synth.errors import RecipeError
from synth.reasons import Reason
from synth.row import Row


@dataclass(frozen=True, slots=True)
class Objection:
    """Why an answer does not pass: a short fixed code, and a message."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class AnswerCheck:
    """A check. Called with a row, it returns None if the answer passes. `stop` permanently ends a call in
    another thread.
    """

    decide: Callable[[Row], Objection | None]
    stop: Callable[[], None] = lambda: None

    def __call__(self, row: Row) -> Objection | None:
        return self.decide(row)


def existing_file(folder: Path, name: str, key: str) -> Path:
    """The file that a recipe in `folder` names under `key`. Raises `RecipeError` if it does not exist."""
    file = folder / name
    if not file.is_file():
        raise RecipeError(
            "there is no such file.", where=f"{key}: {file}", hint="Paths are relative to the recipe."
        )
    return file
