"""Commits slots with what people's decisions make of their rows."""

from __future__ import annotations

from synth.recipe.model import Recipe
from synth.review.overlay import overlay_of
from synth.row import Row, Slot, Status
from synth.store import Overlay, RunStore
from synth.typed_row import Row as Typed


class Committer:
    """Decisions take effect behind the last stage, and in no prompt."""

    def __init__(self, store: RunStore, recipe: Recipe) -> None:
        self._store = store
        self._overlay = overlay_of(store.decisions.read(), recipe)

    @property
    def digest(self) -> str:
        """Changes where decisions keep other rows than before."""
        return self._overlay.digest

    def counts(self, row: Row) -> bool:
        """Whether the row is an accepted draft once its slot is done."""
        if not row.draft:
            return False
        status: Status = "kept" if row.status == "pending" else row.status
        overlay = self._over(row, status)
        return (overlay.row.status if overlay else status) == "kept"

    def commit(self, slot: Slot) -> None:
        """Commits the rows of a slot, and what decisions make of them."""
        rows = (*slot.rows, *slot.settled)
        for row in rows:
            self._overlay.note(row.id, row.lineage.stage, row.lineage.parents)
        self._store.commit(slot, [overlay for row in rows if (overlay := self._over(row, row.status))])

    def refresh(self) -> int:
        """Brings the whole folder up to the decisions. Returns how many rows stay that no stage makes any
        more."""
        return self._overlay.refresh(self._store.overlay, self._store.version)

    def _over(self, row: Row, status: Status) -> Overlay | None:
        if not self._overlay:
            return None
        return self._overlay.over(Typed.from_json({**row.receipt(), "status": status}), row.ended)
