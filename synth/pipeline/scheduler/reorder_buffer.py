"""A reorder buffer: restores the run's order of the rows that a maker uses as inputs, without blocking them.

A slot that reaches the maker adds its rows here and continues at once. The maker takes them in the run's
order. The position of its own drafts must not depend on the speed of replies. So, as long as slots may still
come, it sees only slots that are at least `window` slots older than the newest. A straggler delays it only if
it is the oldest of this many slots.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from synth.row import Row
from synth.stages.parents import Parents


class ReorderBuffer:
    """The rows that have reached one maker, by the number of their slot."""

    def __init__(self, parents: Parents, window: int) -> None:
        self.parents = parents
        self._window = window
        self._given = 0
        # Rows of slots that are here before an earlier slot.
        self._early: dict[int, list[Row]] = {}
        # The draws that the rows of slots 0 to i allow, by i. `parents` alone knows only the draws of all
        # rows so far, which depend on the speed of replies.
        self._draws: list[int] = []
        self._came = asyncio.Event()

    def number(self) -> int:
        """Assigns the next number. Each number must be added exactly once."""
        self._given += 1
        return self._given - 1

    def add(self, number: int, rows: Sequence[Row], maker: str | None) -> None:
        """Adds the rows of slot `number`, with the stage that made them (None for a source)."""
        self._early[number] = [row for row in rows if self.parents.wanted(row, maker)]
        while (number := len(self._draws)) in self._early:
            for row in self._early.pop(number):
                self.parents.add(row)
            self._draws.append(self.parents.available)
        self._came.set()

    async def may_place(self, draw: int, *, fed: bool) -> bool:
        """Whether draw number `draw` may be placed now. `fed` says that further slots may come.

        Waits for the slots that determine the answer. It depends on their rows and on the number of earlier
        slots, never on time.
        """
        # Computed once: slots that get a number during the wait must not change the answer.
        oldest_unseen = max(0, self._given - self._window) if fed else self._given
        while True:
            known = min(oldest_unseen, len(self._draws))
            if known and self._draws[known - 1] > draw:
                return True
            # All slots that may count are here, so the answer is final.
            if known == oldest_unseen:
                return not fed and self.parents.available > draw
            self._came.clear()
            await self._came.wait()
