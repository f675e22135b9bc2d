"""Commits slots, with the effects of people's decisions on their rows."""

from __future__ import annotations

from synth.recipe.model import Recipe
from synth.review.overlay import overlay_of
from synth.row import Row
from synth.slot import Slot
from synth.store import Overlay, RunStore


class Committer:
    """Commits rows and their overlays. Decisions apply after the last stage, and never change a prompt."""

    def __init__(self, store: RunStore, recipe: Recipe) -> None:
        self._store = store
        self._overlay = overlay_of(store.decisions.read(), recipe)

    @property
    def digest(self) -> str:
        """A digest that changes if decisions keep a different set of rows."""
        return self._overlay.digest

    def counts(self, row: Row) -> bool:
        """Whether the row is an accepted draft after its slot is done."""
        if not row.draft:
            return False
        row = row.kept() if row.pending else row
        overlay = self._over(row, None)
        return (overlay.row if overlay else row).status == "kept"

    def commit(self, slot: Slot) -> None:
        """Commits the rows of a slot, and their overlays."""
        if not self._overlay:
            self._store.commit(slot)
            return
        for row, _ in slot.every:
            self._overlay.note(row.id, row.lineage.stage, row.lineage.parents)
        overlays = (self._over(row, ended) for row, ended in slot.every)
        self._store.commit(slot, [overlay for overlay in overlays if overlay is not None])

    def refresh(self) -> int:
        """Updates the whole folder to the decisions. Returns the number of kept rows that no stage makes
        any more.
        """
        return self._overlay.refresh(self._store.overlay, self._store.version)

    def _over(self, row: Row, ended: int | None) -> Overlay | None:
        return self._overlay.over(row, ended) if self._overlay else None
