"""Drops near-duplicates, in order. The first row stays; held-out rows and seeds come first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from synth.row import Row
from synth.stages.base import OrderedStage
from synth.stages.context import Context
from synth.stages.dedupe.options import DedupeOptions
from synth.stages.dedupe.reasons import DedupeReason
from synth.text.similarity.meaning_index import MeaningIndex
from synth.text.similarity.near_duplicates import NearDuplicateIndex


class Dedupe(OrderedStage):
    """Drops a draft that is a near-duplicate of an earlier row. Given rows are only marked."""

    def __init__(self, name: str, options: DedupeOptions, context: Context) -> None:
        super().__init__(name, options, context)
        self._on = options.on
        is_meaning = options.on == "meaning"
        self._index = (MeaningIndex if is_meaning else NearDuplicateIndex)(options.threshold)
        self._ids: list[str] = []
        self._held_out: set[str] = set()

    def admit(self, row: Row) -> Row:
        """Marks the row with its cluster (the id of the cluster's first row), or drops it."""
        copy = self._index.admit(self._text(row), always=row.given)
        first = row.id if copy is None else self._ids[copy.position]
        row = replace(row, cluster=first)
        if copy is None or row.given:
            self._ids.append(first)
            if row.held_out:
                self._held_out.add(row.id)
            return row
        if first in self._held_out:
            reason = DedupeReason.NEAR_HOLDOUT
        else:
            reason = DedupeReason.EXACT_COPY if copy.exact else DedupeReason.NEAR_COPY
        return row.dropped(self.name, reason, f"similarity {copy.similarity:.2f} with row {first}")

    def _text(self, row: Row) -> str:
        prompt, answer = row.conversation.prompt_text, row.conversation.answer or ""
        parts: Sequence[str] = {"answer": (answer,), "both": (prompt, answer)}.get(self._on, (prompt,))
        return "\n".join(parts)
