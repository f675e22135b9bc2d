"""Drives a maker: draws in order, asks many at once, admits in order.

Request `i` may use rows that were admitted up to request `i - window`. So `window` requests can be in flight
at any time. A straggler blocks nothing until the window after it is used up. The content of each request
depends only on earlier outcomes, never on which reply came first.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from synth.errors import Unfinished
from synth.row import Row
from synth.slot import Slot
from synth.stages.base import Maker

# After this many requests, a maker stops the run if hardly any of its drafts passes its own filters.
PATIENCE = 200
_LEAST_YIELD = 0.02

# The initial estimate is that all drafts pass, with the weight of `_PRIOR` requests, so that a single early
# drop does not double the number of requests.
_PRIOR = 32


@dataclass
class RequestYield:
    """The outcomes of requests so far."""

    requests: int = 0
    kept: int = 0
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    example: dict[str, str] = field(default_factory=dict)

    def note(self, rows: Sequence[Row]) -> None:
        """Counts the kept and the other rows of one request."""
        self.requests += 1
        for row in rows:
            if row.reason is None:
                self.kept += 1
            else:
                self.failed += row.status == "failed"
                self.reasons[row.reason] += 1
                self.example.setdefault(row.reason, row.detail or "")

    @property
    def hopeless(self) -> bool:
        """Whether nearly nothing passes. Depends only on the order of requests, not on time."""
        return self.requests >= PATIENCE and self.kept < self.requests * _LEAST_YIELD

    @property
    def command(self) -> str:
        """The command that lists the most frequent kind of unkept rows."""
        status = "failed" if 2 * self.failed > self.reasons.total() else "dropped"
        return f"`synth show RUN --status {status}`"

    def why(self) -> str:
        """The most frequent reasons, each with an example."""
        common = self.reasons.most_common(3)
        return "; ".join(
            f"{reason} {n} times (such as: {self.example[reason][:120].rstrip('.')})" for reason, n in common
        )


class MakerDriver:
    """Drives one maker.

    `wanted` is the number of drafts to make, or None for all possible. `asked()` returns the number of
    requests in this call: only these can stop the run, so that it can continue after the model is fixed.
    """

    def __init__(
        self,
        maker: Maker,
        index: int,
        wanted: int | None,
        window: int,
        asked: Callable[[], int] = lambda: PATIENCE,
    ) -> None:
        self.maker = maker
        self.index = index
        self.got = RequestYield()
        self.wanted = wanted
        self._window = window
        self._asked_in_call = asked
        self._tasks: deque[asyncio.Task[list[Row]]] = deque()
        self.drawn = 0

    @property
    def done(self) -> bool:
        """Whether the wanted number of drafts has passed its filters."""
        return self.wanted is not None and self.got.kept >= self.wanted

    async def slots(self, allowance: Callable[[], int]) -> AsyncGenerator[Slot, None]:
        """Admitted slots, in order. `allowance()` limits the requests in flight if there is no count."""
        try:
            while not self.done:
                self.ask_ahead(allowance)
                if not self._tasks:
                    return
                # The oldest request, even if later ones have finished: rows are admitted in the order of
                # requests.
                rows = await self._tasks[0]
                self._tasks.popleft()
                yield self._admit(rows)
                if self.got.hopeless and self._asked_in_call() >= PATIENCE:
                    raise Unfinished(
                        f"only {self.got.kept} of {self.got.requests} requests gave a draft that is kept:"
                        f" {self.got.why()}.",
                        where=f"stage {self.maker.name!r}",
                        hint=f"Look at the rows with {self.got.command}, fix the recipe or the model, and"
                        " run the same command again.",
                    )
        finally:
            for task in self._tasks:
                task.cancel()

    def ask_ahead(self, allowance: Callable[[], int]) -> None:
        """Starts the needed requests, as far as there are inputs for them."""
        room = 0 if self.done else self._room(allowance)
        while len(self._tasks) < room:
            drawn = self.draw(self.drawn)
            if drawn is None:
                return
            self._tasks.append(asyncio.ensure_future(self.make(self.drawn, drawn)))
            self.drawn += 1

    def draw(self, index: int) -> Any:
        """The input of request `index`. None if nothing is left."""
        return self.maker.draw(index)

    async def make(self, index: int, drawn: Any) -> list[Row]:
        """The rows of request `index`."""
        return await self.maker.make(index, drawn)

    def _room(self, allowance: Callable[[], int]) -> int:
        """The maximum number of requests in flight: the number still needed at the current yield, within
        the window.
        """
        if self.wanted is None:
            needed = allowance()
        else:
            each = self.maker.drafts_each
            share = (self.got.kept + _PRIOR * each) / (self.got.requests + _PRIOR)
            needed = ceil((self.wanted - self.got.kept) / share)
        # At least one: without a request, `slots` would end as if there were no more inputs.
        return max(1, min(self._window, needed))

    def _admit(self, rows: list[Row]) -> Slot:
        """Filters the rows of the next request. Discards kept rows beyond the wanted number."""
        # Requests are admitted in order, so the number of admitted requests is this one's index.
        number = self.got.requests
        room = None if self.wanted is None else self.wanted - self.got.kept
        mine = []
        for row in rows:
            if row.pending:
                row = self.maker.admit(number, row)
            # A request can give several rows, and so more than are still wanted.
            if row.pending and room is not None:
                if room == 0:
                    continue
                room -= 1
            mine.append(row)
        self.got.note(mine)
        slot = Slot((self.index, number), mine)
        slot.settle(self.index)
        return slot
