"""What an export is made of, counted row by row as it is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from synth.exports.select import is_given, is_held_out
from synth.exports.sides import Side
from synth.llm.base import Json


@dataclass
class Tally:
    """Counts for the card. Nothing in it depends on when or where the rows were made."""

    rows: Counter[Side] = field(default_factory=Counter)
    withheld: Counter[str] = field(default_factory=Counter)
    made_by: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # stage, prompt, model
    scored_by: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    reviews: Counter[str] = field(default_factory=Counter)
    given: Counter[str] = field(default_factory=Counter)  # held_out, seeds
    preferences: Counter[str] = field(default_factory=Counter)  # by source, see preferences.py
    mixed: Counter[str] = field(default_factory=Counter)  # by source
    chosen_letters: int = 0
    rejected_letters: int = 0

    def add(self, receipt: Json, side: Side, preference: Json) -> None:
        """Counts a row that was written, and where its `preference` comes from, if it is one."""
        self.rows[side] += 1
        if preference:
            self.preferences[preference["source"]] += 1
            self.chosen_letters += len(preference.get("chosen", ""))
            self.rejected_letters += len(preference.get("rejected", ""))
        self.reviews[receipt["review"]["status"]] += 1
        lineage = receipt["lineage"]
        if "mixed" in receipt:
            self.mixed[receipt["mixed"]] += 1
        elif is_given(receipt):
            self.given["held_out" if is_held_out(receipt) else "seeds"] += 1
        else:
            self.made_by[
                (lineage["stage"] or lineage["origin"], lineage["prompt"] or "", lineage["model"] or "")
            ] += 1
        for step in receipt["history"]:
            if step.get("model"):
                self.scored_by[(step["stage"], step.get("prompt") or "", step["model"])] += 1

    @property
    def total(self) -> int:
        """Rows written, all splits together."""
        return sum(self.rows.values())

    @property
    def own_judges(self) -> list[str]:
        """Models that marked what they wrote."""
        writers = {model for _, _, model in self.made_by}
        return sorted({model for _, _, model in self.scored_by} & writers)
