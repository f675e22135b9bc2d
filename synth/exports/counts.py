"""Counts for the dataset card, collected row by row during an export."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from synth.exports.eligibility import WithheldReason
from synth.exports.exported_row import ExportedRow
from synth.exports.preferences import Pair, Preference
from synth.exports.splits import Split
from synth.exports.strata import strata_of


@dataclass
class ExportCounts:
    """Counts for the card. They do not depend on when or where the rows were made."""

    rows: Counter[Split] = field(default_factory=Counter)
    withheld: Counter[WithheldReason] = field(default_factory=Counter)
    made_by: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # stage, prompt, model
    scored_by: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    reviews: Counter[str] = field(default_factory=Counter)
    given: Counter[str] = field(default_factory=Counter)  # held_out, seeds
    preferences: Counter[str] = field(default_factory=Counter)  # by source, see preferences.py
    mixed: Counter[tuple[str, Split]] = field(default_factory=Counter)  # by source
    strata: Counter[tuple[str, str, Split]] = field(
        default_factory=Counter
    )  # dimension, value; own rows alone
    copies: Counter[str] = field(default_factory=Counter)  # by the group of `export.balance`
    chosen_letters: int = 0
    rejected_letters: int = 0

    def add(self, exported: ExportedRow) -> None:
        """Counts a row that was written."""
        row, split = exported.row, exported.split
        self.rows[split] += 1
        self.reviews[row.review.status] += 1
        if exported.preference is not None:
            self._add_preference(exported.preference)
        if exported.mixed is not None:
            self.mixed[exported.mixed, split] += 1
        else:
            self.strata.update((dimension, value, split) for dimension, value in strata_of(row))
            if row.given:
                self.given["held_out" if row.held_out else "seeds"] += 1
            else:
                self.made_by[row.maker, row.lineage.prompt or "", row.lineage.model or ""] += 1
        for event in row.history:
            if model := event.details.get("model"):
                self.scored_by[event.stage, event.details.get("prompt") or "", model] += 1

    def _add_preference(self, preference: Preference) -> None:
        self.preferences[preference.source] += 1
        if isinstance(preference, Pair):
            self.chosen_letters += len(preference.chosen)
            self.rejected_letters += len(preference.rejected)

    def add_copy(self, group: str) -> None:
        """Counts a further copy of a row of train."""
        self.rows["train"] += 1
        self.copies[group] += 1

    @property
    def total(self) -> int:
        """Rows written, all splits together."""
        return sum(self.rows.values())

    @property
    def own_test(self) -> int:
        """The rows of test that are the run's own."""
        return self.rows["test"] - sum(count for (_, split), count in self.mixed.items() if split == "test")

    def only_in_train(self, from_rows: int = 30) -> list[tuple[str, str, int]]:
        """Kinds of rows that are in train and not in test, as tuples of dimension, value and rows in train.

        If a tenth of the rows is in test, a kind of 30 rows misses test by chance in 1 of 24 exports.
        """
        if not self.own_test:
            return []
        return [
            (dimension, value, count)
            for (dimension, value, split), count in sorted(self.strata.items())
            if split == "train"
            and count >= from_rows
            and not self.strata[dimension, value, "test"]
            and dimension != "stage"
        ]

    @property
    def own_judges(self) -> list[str]:
        """Models that scored their own answers."""
        writers = {model for _, _, model in self.made_by}
        return sorted({model for _, _, model in self.scored_by} & writers)
