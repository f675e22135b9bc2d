"""How many drafts are to be accepted, and which slot decides that it is enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from synth.errors import Unfinished
from synth.pipeline.scheduler.makers import PATIENCE, RequestYield
from synth.row import Row
from synth.slot import Slot

# The yield is looked at over so many slots: what was accepted long ago says little.
_LOOK_AGAIN = 1000


class Target:
    """The accepted drafts of a run, of those `wanted` if the recipe says how many.

    With a target, makers go on for ever, so the run ends at the slot that decides it. Slots come here in the
    run's order: the same one decides it, whatever takes how long. `counts` says whether a row is an accepted
    draft.
    """

    def __init__(self, wanted: int | None, counts: Callable[[Row], bool]) -> None:
        self.wanted = wanted
        self.accepted = 0
        self.hopeless: Unfinished | None = None
        self._counts = counts
        self._slots = 0
        self._recent = RequestYield()

    @property
    def reached(self) -> bool:
        """Whether as many drafts as were wanted are accepted."""
        return self.wanted is not None and self.accepted >= self.wanted

    @property
    def decided(self) -> bool:
        """Whether later slots make no difference any more."""
        return self.reached or self.hopeless is not None

    def check(self) -> None:
        """Raises `Unfinished` where the target is not reached at the end of a run."""
        if self.hopeless is not None:
            raise self.hopeless
        if self.wanted is not None and not self.reached:
            raise Unfinished(
                f"{self.accepted} rows are accepted, not {self.wanted}: the sources are used up.",
                where="target",
                hint="Add documents, prompts or seeds, or lower the target.",
            )

    def room(self, in_flight: int, most: int) -> int:
        """How many more requests are worth having in flight, at the yield so far."""
        if self.wanted is None:
            return most
        share = (self.accepted + 1) / (self._slots + 1)
        return int((self.wanted - self.accepted) / share) + 1 - in_flight

    def cut(self, slot: Slot) -> None:
        """Takes drafts beyond the target out of the slot: they are no rows."""
        if self.wanted is None:
            return
        room = self.wanted - self.accepted - sum(self._counts(row) for row, _ in slot.settled)
        kept = []
        for row in slot.rows:
            counts = self._counts(row)
            if counts and room <= 0:
                continue
            room -= counts
            kept.append(row)
        slot.rows = kept

    def note(self, rows: Sequence[Row]) -> None:
        """Counts the rows of a slot that is through all stages."""
        self.accepted += sum(map(self._counts, rows))
        if drafts := [row for row in rows if row.draft]:
            self._slots += 1
            self._recent.note(drafts)

    def judge(self, asked: int) -> None:
        """Gives up where nearly nothing is accepted any more.

        `asked` counts the requests of this call. One that goes on with such a run first asks for as many as
        it takes to judge: what made the drafts bad may be mended.
        """
        if self._recent.hopeless and not self.reached and asked >= PATIENCE:
            self.hopeless = Unfinished(
                f"{self.accepted} rows are accepted, not {self.wanted}, and nearly nothing is any more:"
                f" {self._recent.why()}.",
                where="target",
                hint=f"Look at them with {self._recent.command}.",
            )
        if self._recent.requests >= _LOOK_AGAIN:
            self._recent = RequestYield()
