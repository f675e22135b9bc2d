"""The definition of a format: a name, a mapping, and the rules of its consumers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from synth.errors import ExportError
from synth.exports.example import ExampleKind, TrainingExample
from synth.llm.base import Json

# The container of the rows: JSON Lines, Parquet, or a folder of the `datasets` library.
Container = Literal["jsonl", "parquet", "arrow"]

# Returns the problem with an example, as text to follow "row ...: ", or None.
FormatRule = Callable[[TrainingExample], str | None]


@dataclass(frozen=True)
class DatasetFiles:
    """The facts available to a format's extra files: the dataset's name, its splits' files, the model to
    train.
    """

    name: str
    files: dict[str, str]
    model: str | None


def no_extras(_: DatasetFiles) -> dict[str, str]:
    """For formats without extra files."""
    return {}


@dataclass(frozen=True)
class Format:
    """One way to write examples.

    `record` maps an example of `kind` that satisfies `rules` to the JSON to write. `about` is a line for the
    card. `extras` returns the texts of further files that the trainer needs, by file name. `container` is the
    file format of the rows. `thinks_beside` says whether an answer's reasoning has a separate field.
    """

    name: str
    about: str
    record: Callable[[TrainingExample], Json]
    rules: Sequence[FormatRule]
    kind: ExampleKind = "answer"
    extras: Callable[[DatasetFiles], dict[str, str]] = no_extras
    container: Container = "jsonl"
    fewest: int = 1
    thinks_beside: bool = False

    def write(self, example: TrainingExample) -> Json:
        """The record to write. Raises `ExportError`, which names the row and the broken rule."""
        for rule in self.rules:
            if broken := rule(example):
                raise ExportError(
                    f"cannot be written as {self.name}: {broken}.",
                    where=f"row {example.id}",
                    hint="Correct or drop the row, or choose another format.",
                )
        return self.record(example)
