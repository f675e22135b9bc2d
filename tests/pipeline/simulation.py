"""A simulator of the scheduler: real stages and drivers, random times, and a clock that never waits.

A simulated run of an hour takes milliseconds, so tests can say how long a run takes, and try many orders of
replies.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from synth.pipeline.progress import Progress
from synth.pipeline.scheduler.flow import Flow
from synth.pipeline.scheduler.makers import MakerDriver
from synth.row import Lineage, Row
from synth.slot import Slot
from synth.stages.base import Maker, OrderedStage, RowMaker, RowStage
from synth.stages.forecast import MakerForecast
from synth.stages.parents import Parents
from tests.made_row import made_row

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Moves the clock forward in the place of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.now += timeout or 0.0
        return super().select(0)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def simulate(run: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """What `run` returns, and the simulated seconds that it takes."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        result = runner.run(run)
        return result, runner.get_loop().time()


class Sleep(RowStage):
    """Takes a random time, as a server does; `slow` says how many seconds longer for some rows."""

    def __init__(self, chance: random.Random, slow: Mapping[str, float] | None = None) -> None:
        self.name = "sleep"
        self._chance = chance
        self._slow = slow or {}

    async def apply(self, row: Row) -> Row:
        await asyncio.sleep(self._chance.expovariate(1.0) + self._slow.get(row.id, 0.0))
        return row.dropped(self.name, "seven") if row.id.endswith("7") else row


class Note(OrderedStage):
    """Writes down what passes, and when."""

    def __init__(self) -> None:
        self.name = "note"
        self.seen: list[str] = []
        self.times: list[float] = []

    def admit(self, row: Row) -> Row:
        self.seen.append(row.id)
        self.times.append(asyncio.get_running_loop().time())
        return row


class Made(Maker):
    """A maker of plain rows; every fifth is dropped."""

    count: int | None = None

    def __init__(self, name: str, wanted: int | None, chance: random.Random) -> None:
        self.name, self.count, self._chance = name, wanted, chance

    def forecast(self, wanted: int | None, drawn: int) -> MakerForecast:
        raise NotImplementedError

    def draw(self, index: int) -> object:
        return index

    async def make(self, index: int, drawn: object) -> list[Row]:
        await asyncio.sleep(self._chance.expovariate(1.0))
        return [made_row(f"{self.name}{index}", [], Lineage("seed", stage=self.name))]

    def admit(self, index: int, row: Row) -> Row:
        return row.dropped(self.name, "fifth") if index % 5 == 4 else row


class Copied(RowMaker):
    """A maker that draws on every row that reaches it."""

    count: int | None = None

    def __init__(self, name: str, each: int, wanted: int | None, chance: random.Random) -> None:
        self.name, self.count, self._chance = name, wanted, chance
        self.parents = Parents(each)

    def draw(self, index: int) -> object:
        return self.parents.draw(index)

    async def make(self, index: int, drawn: object) -> list[Row]:
        await asyncio.sleep(self._chance.expovariate(1.0))
        row, nth = drawn
        return [made_row(f"{row.id}/{self.name}{nth}", [], Lineage("seed", [row.id], stage=self.name))]

    def forecast(self, wanted: int | None, drawn: int) -> MakerForecast:
        raise NotImplementedError


def given(number: int) -> list[Slot]:
    return [Slot((0, 1, i), [made_row(f"seed{i}", [], Lineage("seed"))]) for i in range(number)]


async def carry(
    stages: list, seeds: int, window: int, *, target: int | None = None, born: list[str] | None = None
) -> list[str]:
    """The ids in the order in which slots were born, ended early at `target` drafts."""
    progress = Progress()
    progress.begin([stage.name for stage in stages])
    flow = Flow(stages, progress, window)
    drivers = [
        MakerDriver(stage, index, stage.count if target is None else None, window)
        for index, stage in enumerate(stages, 1)
        if isinstance(stage, Maker)
    ]
    born = [] if born is None else born
    tickets = flow.tickets(iter(given(seeds)), drivers, lambda: 50, target=target is not None)
    async with asyncio.TaskGroup() as lives:
        async for ticket in tickets:
            born += [row.id for row in ticket.slot.rows]
            lives.create_task(flow.live(ticket))
            if target is not None and len(born) >= seeds + target:
                break
    await tickets.aclose()
    return born
