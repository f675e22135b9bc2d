"""What an export is made of, counted row by row as it is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from synth.exports.select import is_given, is_held_out
from synth.exports.sides import Side
from synth.exports.strata import strata_of
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
    mixed: Counter[tuple[str, Side]] = field(default_factory=Counter)  # by source
    strata: Counter[tuple[str, str, Side]] = field(
        default_factory=Counter
    )  # dimension, value; own rows alone
    copies: Counter[str] = field(default_factory=Counter)  # by the group of `export.balance`
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
        if "mixed" not in receipt:
            self.strata.update((dimension, value, side) for dimension, value in strata_of(receipt))
        if "mixed" in receipt:
            self.mixed[receipt["mixed"], side] += 1
        elif is_given(receipt):
            self.given["held_out" if is_held_out(receipt) else "seeds"] += 1
        else:
            self.made_by[
                (lineage["stage"] or lineage["origin"], lineage["prompt"] or "", lineage["model"] or "")
            ] += 1
        for step in receipt["history"]:
            if step.get("model"):
                self.scored_by[(step["stage"], step.get("prompt") or "", step["model"])] += 1

    def add_copy(self, group: str) -> None:
        """Counts a row of train that was written once more."""
        self.rows["train"] += 1
        self.copies[group] += 1

    @property
    def total(self) -> int:
        """Rows written, all splits together."""
        return sum(self.rows.values())

    @property
    def own_test(self) -> int:
        """The rows of test that are the run's own."""
        return self.rows["test"] - sum(count for (_, side), count in self.mixed.items() if side == "test")

    def only_in_train(self, from_rows: int = 30) -> list[tuple[str, str, int]]:
        """Kinds of rows that a model would be trained on and not tested on: dimension, value, rows of train.

        With a tenth of the rows in test, 30 rows have none there by chance once in 24 times.
        """
        if not self.own_test:
            return []
        return [
            (dimension, value, count)
            for (dimension, value, side), count in sorted(self.strata.items())
            if side == "train"
            and count >= from_rows
            and not self.strata[dimension, value, "test"]
            and dimension != "stage"
        ]

    @property
    def own_judges(self) -> list[str]:
        """Models that marked what they wrote."""
        writers = {model for _, _, model in self.made_by}
        return sorted({model for _, _, model in self.scored_by} & writers)
