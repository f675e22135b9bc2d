"""The order of a run with several makers: the same whatever takes how long, and nobody waits needlessly."""

from __future__ import annotations

import asyncio
import random

import pytest

from synth.pipeline.progress import Progress
from synth.pipeline.scheduler.makers import MakerDriver
from synth.pipeline.scheduler.order import Flow
from synth.row import Lineage, Row
from synth.slot import Slot
from synth.stages.base import Maker, OrderedStage, RowMaker, RowStage
from synth.stages.forecast import MakerForecast
from synth.stages.parents import Parents
from tests.made_row import made_row


class Sleep(RowStage):
    """Takes a random time, as a server does."""

    def __init__(self, chance: random.Random, slow: set[str] | None = None) -> None:
        self.name = "sleep"
        self._chance = chance
        self.slow = slow or set()
        self.open = asyncio.Event()

    async def apply(self, row: Row) -> Row:
        if row.id in self.slow:
            await self.open.wait()
        await asyncio.sleep(self._chance.random() * 0.002)
        return row.dropped(self.name, "seven") if row.id.endswith("7") else row


class Note(OrderedStage):
    """Writes down what passes."""

    def __init__(self) -> None:
        self.name = "note"
        self.seen: list[str] = []

    def admit(self, row: Row) -> Row:
        self.seen.append(row.id)
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
        await asyncio.sleep(self._chance.random() * 0.002)
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
        await asyncio.sleep(self._chance.random() * 0.002)
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


def stages_of(seed: int, wanted: int | None = None) -> tuple[list, Note]:
    chance = random.Random(seed)
    note = Note()
    return [
        Made("a", 20, chance),
        Sleep(chance),
        Copied("p", 2, wanted, chance),
        Copied("q", 1, None, chance),
        Sleep(chance),
        note,
    ], note


@pytest.mark.parametrize("window", [1, 4, 1000])
@pytest.mark.parametrize("wanted", [None, 9])
def test_the_order_does_not_depend_on_time(window: int, wanted: int | None) -> None:
    orders = []
    for seed in range(8):
        stages, note = stages_of(seed, wanted)
        orders.append((asyncio.run(carry(stages, 10, window)), note.seen))
    assert all(order == orders[0] for order in orders)
    born = orders[0][0]
    assert len(born) == len(set(born))


def test_every_row_kept_before_is_drawn_on_as_often_as_it_is_worth() -> None:
    stages, _ = stages_of(1)
    born = set(asyncio.run(carry(stages, 10, 4)))
    first = {f"seed{i}" for i in range(10)} | {f"a{i}" for i in range(25) if i % 5 != 4}
    passed = {name for name in first if not name.endswith("7")}
    p = {f"{name}/p{nth}" for name in passed for nth in range(2)}
    q = {f"{name}/q0" for name in passed | p}
    assert born == first | p | q


def test_a_count_ends_it_and_drafts_stand_in_proportion() -> None:
    chance = random.Random(3)
    stages = [Made("a", 40, chance), Copied("p", 5, 20, chance)]
    born = asyncio.run(carry(stages, 8, 8))
    assert sum("/p" in name for name in born) == 20
    assert sum(name.startswith("a") and "/" not in name for name in born) == 40
    middle = born[8 : 8 + 30]
    assert sum("/p" in name for name in middle) == 10


def test_with_a_target_a_maker_goes_over_its_rows_again() -> None:
    born = asyncio.run(carry([Copied("p", 2, None, random.Random(1))], 3, 4, target=15))
    assert born[3:9] == [f"seed{i}/p{n}" for i in range(3) for n in range(2)]
    assert born[9:15] == [f"seed{i}/p{n}" for i in range(3) for n in (2, 3)]
    assert born[15:18] == ["seed0/p4", "seed0/p5", "seed1/p4"]


def test_nothing_to_draw_on_ends_the_run() -> None:
    stages = [Copied("p", 2, None, random.Random(1)), Copied("q", 1, None, random.Random(1))]
    assert asyncio.run(carry(stages, 0, 4, target=5)) == []


def test_a_straggler_holds_back_a_window_and_no_more() -> None:
    """One seed never leaves the stage before the maker: all others' rows are born and end."""

    async def run() -> tuple[int, list[str]]:
        chance = random.Random(5)
        sleep = Sleep(chance, slow={"seed3"})
        stages = [sleep, Made("a", 200, chance), Copied("p", 1, None, chance)]
        born: list[str] = []
        work = asyncio.ensure_future(carry(stages, 10, 32, born=born))
        async with asyncio.timeout(60):
            # 32 slots behind the straggler, a fifth of which hold no row: nothing tells when they are born.
            while len(born) < 30:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert not work.done()
        sleep.open.set()
        return len(born), await work

    held_at, born = asyncio.run(run())
    assert held_at >= 30
    assert "seed3/p0" in born
    assert len(born) == 10 + 200 + 9 + 200
