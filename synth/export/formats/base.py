"""What a format is: a name, a mapping, and the rules of those who read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from synth.errors import ExportError
from synth.export.example import Example
from synth.llm.base import Json

# What is wrong with an example, in words that follow "row ...: ", or None.
Rule = Callable[[Example], str | None]


@dataclass(frozen=True)
class Format:
    """One way to write examples: `record` maps one that keeps `rules`; `about` is a line for the card."""

    name: str
    about: str
    record: Callable[[Example], Json]
    rules: tuple[Rule, ...]

    def write(self, example: Example) -> Json:
        """The record. Raises `ExportError`, naming the row and the rule, where it cannot be expressed."""
        for rule in self.rules:
            if broken := rule(example):
                raise ExportError(
                    f"cannot be written as {self.name}: {broken}.",
                    where=f"row {example.id}",
                    hint="Correct or drop the row, or choose another format.",
                )
        return self.record(example)
