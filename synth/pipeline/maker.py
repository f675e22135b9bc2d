"""Drives a maker: draws in order, asks many at once, admits in order.

Request `i` may use what was admitted up to request `i - window`. So `window` requests can be under way
at any time, a straggler holds nothing back until the window behind it is used up, and what each request
says depends on earlier outcomes alone, never on which reply came first.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from synth.errors import Unfinished
from synth.row import Row, Slot
from synth.stages.base import Maker

# From so many requests on, a maker of which hardly anything passes its own filters stops the run.
_PATIENCE = 200
_LEAST_YIELD = 0.02

# The share that passes is first taken to be 1, with the weight of so many requests: the first drop alone
# is no reason to ask for twice as many.
_PRIOR = 32


@dataclass
class Yield:
    """What came of a maker's requests so far."""

    requests: int = 0
    kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    example: dict[str, str] = field(default_factory=dict)

    def note(self, row: Row) -> None:
        """Counts one row that has been admitted or not."""
        self.requests += 1
        if row.status == "pending":
            self.kept += 1
        else:
            reason = row.reason or row.status
            self.reasons[reason] += 1
            self.example.setdefault(reason, row.detail or "")

    @property
    def hopeless(self) -> bool:
        """Whether nearly nothing passes. Depends on the order of requests alone, not on time."""
        return self.requests >= _PATIENCE and self.kept < self.requests * _LEAST_YIELD

    def why(self) -> str:
        """The most frequent reasons, each with an example."""
        common = self.reasons.most_common(3)
        return "; ".join(
            f"{reason} {n} times (such as: {self.example[reason][:120]})" for reason, n in common
        )


class MakerDriver:
    """One maker at work. `wanted` is how many drafts it is to make, or None for as many as are asked for."""

    def __init__(self, maker: Maker, index: int, wanted: int | None, limit: int | None, window: int) -> None:
        self.maker = maker
        self.index = index
        self.got = Yield()
        self._wanted = wanted if limit is None or wanted is None else min(wanted, limit)
        self._window = window
        self._tasks: deque[asyncio.Task[Row]] = deque()
        self._asked = 0
        self._dry = False

    async def slots(self, allowance: Callable[[], int]) -> AsyncGenerator[Slot, None]:
        """Slots in order, admitted. `allowance()` bounds what is under way where no count does."""
        try:
            while self._wanted is None or self.got.kept < self._wanted:
                self._fill(self._room(allowance))
                if not self._tasks:
                    return
                row = await self._tasks[0]
                self._tasks.popleft()
                yield self._admit(row)
                if self.got.hopeless:
                    raise Unfinished(
                        f"only {self.got.kept} of {self.got.requests} drafts pass its own filters:"
                        f" {self.got.why()}.",
                        where=f"stage {self.maker.name!r}",
                        hint="Look at them with `synth show RUN --status dropped`.",
                    )
        finally:
            for task in self._tasks:
                task.cancel()

    def _fill(self, room: int) -> None:
        while len(self._tasks) < room and not self._dry:
            drawn = self.maker.draw(self._asked)
            if drawn is None:
                self._dry = True
                return
            self._tasks.append(asyncio.ensure_future(self._make(self._asked, drawn)))
            self._asked += 1

    def _room(self, allowance: Callable[[], int]) -> int:
        """How many requests may be under way: what is still needed at the yield so far, within the window."""
        if self._wanted is None:
            needed = allowance()
        else:
            share = (self.got.kept + _PRIOR) / (self.got.requests + _PRIOR)
            needed = int((self._wanted - self.got.kept) / share) + 1
        return max(1, min(self._window, needed))

    async def _make(self, index: int, drawn: object) -> Row:
        return await self.maker.make(index, drawn)

    def _admit(self, row: Row) -> Slot:
        number = self.got.requests
        if row.status == "pending":
            self.maker.admit(number, row)
        self.got.note(row)
        row.born = self.index
        slot = Slot((self.index, number), [row])
        slot.settle(self.index)
        return slot
