"""What people decided, for a run on its way: which rows count, and how they are put down."""

from __future__ import annotations

from synth.recipe.model import Recipe
from synth.review.verdicts import verdicts_of
from synth.row import Row
from synth.slot import Slot
from synth.store import Reviewed, RunStore


class Decided:
    """The decisions on this run's rows. They take effect behind the last stage, and in no prompt."""

    def __init__(self, store: RunStore, recipe: Recipe) -> None:
        self._store = store
        self._verdicts = verdicts_of(store.decisions.read(), recipe)

    @property
    def digest(self) -> str:
        """Changes where decisions keep other rows than before."""
        return self._verdicts.digest

    def counts(self, row: Row) -> bool:
        """Whether the row is an accepted draft once its slot is done."""
        if not row.draft:
            return False
        row = row.kept() if row.pending else row
        review = self._review(row, None)
        return (review.row if review else row).status == "kept"

    def commit(self, slot: Slot) -> None:
        """Puts the slot's rows down, with what decisions make of them."""
        for row, _ in slot.every:
            self._verdicts.note(row.id, row.lineage.stage, row.lineage.parents)
        reviews = (self._review(row, ended) for row, ended in slot.every)
        self._store.commit(slot, [review for review in reviews if review is not None])

    def refresh(self) -> int:
        """Brings the whole folder up to the decisions. Returns how many rows stay that no stage makes any
        more."""
        return self._verdicts.refresh(self._store.reviewed, self._store.version)

    def _review(self, row: Row, ended: int | None) -> Reviewed | None:
        return self._verdicts.reviewed(row, ended) if self._verdicts else None
