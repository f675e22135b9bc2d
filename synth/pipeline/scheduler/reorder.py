"""Rows on their way past a maker that draws on them: put back into the run's order, without waiting.

A slot that comes to the maker leaves its rows here and goes on at once. The maker takes them in the run's
order. Where its own drafts stand among the other makers' must not depend on who was quick, so as long as
slots may still come, it sees those that are at least `window` slots behind the newest: a straggler holds
it back only when it is the oldest of so many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from synth.row import Row
from synth.stages.parents import Parents


class ReorderBuffer:
    """What has come to one maker so far, by the number that each slot took when it was born."""

    def __init__(self, parents: Parents, window: int) -> None:
        self.parents = parents
        self._window = window
        self._given = 0
        self._early: dict[int, list[Row]] = {}
        self._draws: list[int] = []
        self._came = asyncio.Event()

    def number(self) -> int:
        """The next number; each is to be added exactly once."""
        self._given += 1
        return self._given - 1

    def add(self, number: int, rows: Sequence[Row], maker: str | None) -> None:
        """The rows that slot `number` brings, and the stage that made them; None for a source."""
        self._early[number] = [row for row in rows if self.parents.wanted(row, maker)]
        while (number := len(self._draws)) in self._early:
            for row in self._early.pop(number):
                self.parents.add(row)
            self._draws.append(self.parents.available)
        self._came.set()

    async def may_place(self, draw: int, *, fed: bool) -> bool:
        """Whether draw number `draw` may be placed now. `fed`: further slots may come.

        Waits for the slots that decide it. The answer depends on what they bring, and on how many slots
        were born before, never on time.
        """
        oldest_unseen = max(0, self._given - self._window) if fed else self._given
        while True:
            known = min(oldest_unseen, len(self._draws))
            if known and self._draws[known - 1] > draw:
                return True
            if known == oldest_unseen:
                return not fed and self.parents.available > draw
            self._came.clear()
            await self._came.wait()
