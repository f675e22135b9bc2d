"""The order of a run: sources first, then the makers' slots in proportion.

One coroutine moves each slot through the stages. It waits for its turn only at the gate of an ordered stage.
At a maker that uses rows as inputs, it hands over its rows and continues.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, field

from synth.llm.base import RequestFailed
from synth.pipeline.progress import Progress
from synth.pipeline.scheduler.makers import MakerDriver
from synth.pipeline.scheduler.reorder_buffer import ReorderBuffer
from synth.reasons import SharedAction
from synth.row import Row
from synth.slot import Slot
from synth.stages.base import Maker, OrderedStage, RowMaker, RowStage, Stage


class Gate:
    """Lets slots pass one at a time, in the order of their numbers."""

    def __init__(self) -> None:
        self._given = 0
        self._turn = 0
        self._waiting: dict[int, asyncio.Future[None]] = {}

    def number(self) -> int:
        """Assigns the next number. Each number must pass exactly once."""
        self._given += 1
        return self._given - 1

    async def wait(self, number: int) -> None:
        """Waits for this number's turn."""
        if number != self._turn:
            self._waiting[number] = asyncio.get_running_loop().create_future()
            await self._waiting[number]
            del self._waiting[number]

    def passed(self) -> None:
        """Ends a turn, and lets the next slot pass."""
        self._turn += 1
        waiting = self._waiting.get(self._turn)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)


@dataclass(slots=True)
class Ticket:
    """A slot in flight: its next stage, and its numbers at the following gates."""

    slot: Slot
    next: int
    numbers: dict[int, int] = field(default_factory=dict)


class Flow:
    """The stages of a run, and the order of slots at them."""

    def __init__(self, stages: Sequence[Stage], progress: Progress, window: int) -> None:
        self._stages = stages
        self._progress = progress
        self._gates = {i: Gate() for i, stage in enumerate(stages, 1) if isinstance(stage, OrderedStage)}
        self._buffers = {
            i: ReorderBuffer(stage.parents, window)
            for i, stage in enumerate(stages, 1)
            if isinstance(stage, RowMaker)
        }

    async def tickets(
        self, given: Iterator[Slot], drivers: Sequence[MakerDriver], room: Callable[[], int], *, target: bool
    ) -> AsyncGenerator[Ticket, None]:
        """Every slot of the run in its fixed order: inputs first, then drafts in proportion.

        Of several makers, the next one is the one that is furthest behind its share (for a tie, the earlier
        one), counted in drafts that passed its own filters. A maker without a count comes as soon as it has a
        row as input. With a `target`, a maker that uses rows starts again after its last row if nothing else
        is left.
        """
        for slot in given:
            self._progress.entered(slot)
            yield self._ticket(slot, 1)
        supplies = [_Supply(d, d.slots(room), self._buffers.get(d.index)) for d in drivers]
        try:
            while supply := await self._next(supplies, target):
                # Makers whose turn comes later send their requests now, so that all work at the same time.
                # With a target the run ends early, and requests before their turn would be wasted.
                for other in supplies if not target else ():
                    other.driver.ask_ahead(room)
                try:
                    slot = await anext(supply.slots)
                except StopAsyncIteration:
                    supplies.remove(supply)
                    continue
                supply.made += len(slot.rows)
                self._progress.born(supply.driver.index, slot)
                yield self._ticket(slot, supply.driver.index + 1)
        finally:
            for supply in supplies:
                await supply.slots.aclose()

    async def _next(self, supplies: list[_Supply], target: bool) -> _Supply | None:
        """The next maker. None if no maker has inputs left."""
        while supplies:
            for supply in sorted(supplies, key=lambda s: (s.share_done, s.driver.index)):
                # Waits for the answer before it looks at the next maker. Taking another one in the meantime
                # would make the order depend on the speed of replies.
                if supply.driver.done or await supply.may_place(fed=_fed(supply, supplies)):
                    return supply
            # Only makers that use rows are left, and the first of them gets no more rows.
            if not (target and supplies[0].begin_again()):
                supplies.pop(0)
        return None

    def _ticket(self, slot: Slot, first: int) -> Ticket:
        """Takes the slot's numbers at its gates, in the order of the run."""
        # All numbers are taken when the slot is born, because replies change the order later.
        numbers = {index: gate.number() for index, gate in self._gates.items() if index >= first}
        numbers |= {index: place.number() for index, place in self._buffers.items() if index >= first}
        return Ticket(slot, first, numbers)

    async def live(self, ticket: Ticket) -> None:
        """Moves the slot through its remaining stages."""
        slot = ticket.slot
        # A slot whose rows were all dropped continues too: later slots wait for its number at each gate.
        while ticket.next <= len(self._stages):
            index = ticket.next
            stage = self._stages[index - 1]
            if isinstance(stage, OrderedStage):
                await self._gates[index].wait(ticket.numbers[index])
                slot.rows = [stage.admit(row) for row in slot.rows]
                self._gates[index].passed()
            elif isinstance(stage, RowStage):
                slot.rows = await self._applied(stage, slot)
            elif isinstance(stage, Maker):
                slot.rows = [stage.pass_by(row) for row in slot.rows]
                if isinstance(stage, RowMaker):
                    self._buffers[index].add(ticket.numbers[index], slot.rows, self.maker_of(slot))
            before = len(slot.rows)
            slot.settle(index)
            self._progress.left(index, before, slot)
            ticket.next += 1

    def stage_at(self, index: int) -> tuple[int, str]:
        """The stage at `index` with its name, or the last one for a slot that has passed all."""
        index = min(index, len(self._stages))
        return index, self._stages[index - 1].name

    def maker_of(self, slot: Slot) -> str | None:
        """The stage that made the slot's rows. None for a source."""
        return self._stages[slot.born - 1].name if slot.born else None

    async def _applied(self, stage: RowStage, slot: Slot) -> list[Row]:
        if not slot.rows:
            return []
        if len(slot.rows) == 1:
            return [await self.apply(stage, slot.rows[0], slot)]
        return await asyncio.gather(*(self.apply(stage, row, slot) for row in slot.rows))

    async def apply(self, stage: RowStage, row: Row, slot: Slot) -> Row:
        """The row of this slot after the stage."""
        try:
            return await stage.apply(row)
        except RequestFailed as failure:
            # A given row is trusted, so a failed request does not remove it.
            if row.given:
                return row.with_event(stage.name, SharedAction.FAILED, detail=failure.words)
            return row.failed(stage.name, failure.words)


@dataclass
class _Supply:
    """A maker's slots, its inputs, and its number of drafts so far."""

    driver: MakerDriver
    slots: AsyncGenerator[Slot, None]
    buffer: ReorderBuffer | None
    made: int = 0

    @property
    def share_done(self) -> float:
        """The finished part of its share. The maker with the smallest is furthest behind."""
        count = self.driver.maker.count
        return self.made / count if count else -1.0

    async def may_place(self, *, fed: bool) -> bool:
        """Whether it has a row for its next slot. A maker from sources checks its inputs itself."""
        return self.buffer is None or await self.buffer.may_place(self.driver.got.requests, fed=fed)

    def begin_again(self) -> bool:
        """Starts another round over its rows. False if it has none."""
        assert self.buffer is not None, "only makers that use rows start again"
        self.buffer.parents.again()
        return self.buffer.parents.available > 0


def _fed(supply: _Supply, supplies: Sequence[_Supply]) -> bool:
    """Whether earlier makers may still make rows for this one."""
    return any(other.driver.index < supply.driver.index for other in supplies)
