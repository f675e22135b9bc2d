"""The target number of accepted drafts, and the slot that reaches it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from synth.errors import Unfinished
from synth.pipeline.scheduler.makers import PATIENCE, RequestYield
from synth.row import Row
from synth.slot import Slot

# The yield is measured over this number of recent slots, because older ones say little.
_LOOK_AGAIN = 1000


class Target:
    """Counts accepted drafts, up to `wanted` if the recipe sets a target.

    With a target, makers never end, so the run ends at the slot that reaches it. Slots come here in the run's
    order, so this is always the same slot, whatever the speed of replies. `counts` says whether a row is an
    accepted draft.
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
        """Whether the wanted number of drafts is accepted."""
        return self.wanted is not None and self.accepted >= self.wanted

    @property
    def decided(self) -> bool:
        """Whether later slots cannot change the result any more."""
        return self.reached or self.hopeless is not None

    def check(self) -> None:
        """Raises `Unfinished` if the target is not reached at the end of a run."""
        if self.hopeless is not None:
            raise self.hopeless
        if self.wanted is not None and not self.reached:
            raise Unfinished(
                f"{self.accepted} rows are accepted, not {self.wanted}: the sources are used up.",
                where="target",
                hint="Add documents, prompts or seeds, or lower the target.",
            )

    def room(self, in_flight: int, most: int) -> int:
        """The number of further requests that are useful in flight, at the current yield."""
        if self.wanted is None:
            return most
        # One more of each, so that the estimate also works before the first draft is accepted.
        share = (self.accepted + 1) / (self._slots + 1)
        return int((self.wanted - self.accepted) / share) + 1 - in_flight

    def cut(self, slot: Slot) -> None:
        """Removes drafts beyond the target from the slot."""
        if self.wanted is None:
            return
        # Settled rows can count too: people may have decided to keep a row that a stage drops.
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
        """Counts the rows of a slot that has passed all stages."""
        self.accepted += sum(map(self._counts, rows))
        if drafts := [row for row in rows if row.draft]:
            self._slots += 1
            self._recent.note(drafts)

    def judge(self, asked: int) -> None:
        """Stops the run if nearly nothing is accepted any more.

        `asked` is the number of requests in this call. A resumed call must first send enough requests for a
        judgement, because the cause of the bad drafts may have been fixed.
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
