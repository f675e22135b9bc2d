"""Counts a run's kept drafts by the values that `vary` of their stage asked for."""

from __future__ import annotations

from dataclasses import dataclass

from synth.llm.base import Json
from synth.row import VARIED
from synth.store.reader import RunReader


@dataclass(frozen=True, slots=True)
class VarietyCounts:
    """Kept drafts of one stage: by axis, then by value."""

    axes: dict[str, dict[str, int]]

    def document(self) -> Json:
        """The document that `synth run --json` prints."""
        return {"vary": self.axes}

    def words(self, stage: str) -> str:
        """The same as lines of text."""
        lines = [
            f"  {axis}: {', '.join(f'{value} {count}' for value, count in counts.items()) or 'no drafts'}"
            for axis, counts in self.axes.items()
        ]
        return "\n".join([f"{stage}: kept drafts by what was asked for", *lines])


def variety_of(reader: RunReader) -> dict[str, VarietyCounts]:
    """The counts of each stage of the recipe that has `vary`."""
    axes = {stage["name"]: stage["options"].get("vary") for stage in reader.recipe["stages"]}
    return {
        stage: VarietyCounts({name: reader.label_counts(stage, f"{VARIED}{name}") for name in names})
        for stage, names in axes.items()
        if names
    }
