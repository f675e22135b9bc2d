"""The slots in flight: moves each through the stages and commits it, until the target is reached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from synth.errors import SynthError, Unfinished
from synth.pipeline.commit import Committer
from synth.pipeline.progress import Progress
from synth.pipeline.scheduler.flow import Flow, Gate, Ticket
from synth.pipeline.scheduler.makers import MakerDriver
from synth.pipeline.target import Target
from synth.slot import Slot

# Maximum slots in flight: more than any pool of servers can use, but few enough for the memory.
LIVE_SLOTS = 2048


class Session:
    """Moves slots from `source` and from makers through the stages of `flow`. `asked` returns the number
    of requests in this call.
    """

    def __init__(
        self,
        flow: Flow,
        source: Iterator[Slot],
        target: Target,
        committer: Committer,
        progress: Progress,
        asked: Callable[[], int],
    ) -> None:
        self._flow = flow
        self._source = source
        self._target = target
        self._committer = committer
        self._progress = progress
        self._asked = asked
        self._live: dict[int, Ticket] = {}
        self._end = Gate()
        self._everything: asyncio.Task[None] | None = None
        self._stopped: Unfinished | None = None

    async def run(self, drivers: Sequence[MakerDriver]) -> None:
        """Moves every slot through every stage, or until the target is reached. Raises the error that
        stopped it.
        """
        everything = self._everything = asyncio.create_task(self._carry_all(drivers))
        try:
            # Unlike `await everything`, `wait` does not raise if the target cancels the task.
            await asyncio.wait([everything])
        finally:
            everything.cancel()
            await asyncio.gather(everything, return_exceptions=True)
        if self._target.decided:
            # Later drafts in the run's order are discarded. If the sources end before the target, their rows
            # stay pending.
            given = {n: ticket for n, ticket in self._live.items() if ticket.slot.born == 0}
            self._live = {} if self._target.reached else given
        else:
            everything.result()
        if self._stopped is not None and not self._target.decided:
            raise self._stopped
        self._target.check()

    def leave_pending(self) -> None:
        """Commits slots that have not passed all stages, after a run that stopped early."""
        for ticket in self._live.values():
            self._commit_pending(ticket.slot, ticket.next)
        # The rest of the sources is committed too, so that counts include every input of the run.
        if not self._target.reached:
            for slot in self._source:
                self._commit_pending(slot, 1)

    async def _carry_all(self, drivers: Sequence[MakerDriver]) -> None:
        """Starts slots in the run's order. Starts no new ones after a maker stops the run."""
        free = asyncio.Semaphore(LIVE_SLOTS)
        ends = self._target.wanted is not None
        tickets = self._flow.tickets(self._source, drivers, self._room, target=ends)
        try:
            async with asyncio.TaskGroup() as lives:
                try:
                    async for ticket in tickets:
                        # Waits here and not in the slot, so that at most this many tasks exist.
                        await free.acquire()
                        number = self._end.number()
                        self._live[number] = ticket
                        lives.create_task(self._carry(number, ticket, free))
                except Unfinished as stop:
                    self._stopped = stop
        except* SynthError as group:
            raise _first(group) from None
        finally:
            await tickets.aclose()

    def _room(self) -> int:
        return self._target.room(len(self._live), LIVE_SLOTS)

    async def _carry(self, number: int, ticket: Ticket, free: asyncio.Semaphore) -> None:
        await self._flow.live(ticket)
        if self._target.wanted is not None:
            # Slots reach the target in the run's order, so the drafts that count do not depend on the
            # replies' speed.
            await self._end.wait(number)
            self._end.passed()
            if self._target.decided:
                return
            self._target.cut(ticket.slot)
        self._finish(ticket.slot)
        del self._live[number]
        free.release()
        if self._target.wanted is not None:
            self._target.judge(self._asked())
            if self._target.decided and self._everything is not None:
                self._everything.cancel()

    def _finish(self, slot: Slot) -> None:
        slot.rows = [row.kept() for row in slot.rows]
        self._target.note([row for row, _ in slot.every])
        self._progress.accepted = self._target.accepted
        self._committer.commit(slot)

    def _commit_pending(self, slot: Slot, at: int) -> None:
        index, name = self._flow.stage_at(at)
        slot.suspend(index, name)
        self._committer.commit(slot)


def _first(group: BaseExceptionGroup[SynthError]) -> SynthError:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
