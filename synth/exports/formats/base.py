"""What a format is: a name, a mapping, and the rules of those who read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from synth.errors import ExportError
from synth.exports.example import ExampleKind, TrainingExample
from synth.llm.base import Json

# What rows are put in: JSON Lines, Parquet, or a folder of the `datasets` library.
Container = Literal["jsonl", "parquet", "arrow"]

# What is wrong with an example, in words that follow "row ...: ", or None.
FormatRule = Callable[[TrainingExample], str | None]


@dataclass(frozen=True)
class DatasetFiles:
    """What a format's extra files can say: the dataset's name, its splits' files, the model to train."""

    name: str
    files: dict[str, str]
    model: str | None


def no_extras(_: DatasetFiles) -> dict[str, str]:
    """For formats that are their rows and nothing more."""
    return {}


@dataclass(frozen=True)
class Format:
    """One way to write examples.

    `record` maps an example of `kind` that keeps `rules`; `about` is a line for the card; `extras` are the
    texts of further files that the trainer wants, by name; `container` is what the rows are put in;
    `thinks_beside` says whether an answer can have its reasoning in a field of its own.
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
        """The record. Raises `ExportError`, naming the row and the rule, where it cannot be expressed."""
        for rule in self.rules:
            if broken := rule(example):
                raise ExportError(
                    f"cannot be written as {self.name}: {broken}.",
                    where=f"row {example.id}",
                    hint="Correct or drop the row, or choose another format.",
                )
        return self.record(example)
