"""Compares the displayed time left with the real duration, on a simulated clock."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from synth.cli.time_left import TimeLeft, in_words
from synth.pipeline.progress import Progress
from synth.row import Lineage, Row
from synth.slot import Slot
from tests.made_row import made_row


def rows(origin: str, count: int = 1) -> list[Row]:
    stage = None if origin == "seed" else "generate"
    lineage = Lineage(origin, stage=stage)  # type: ignore[arg-type]
    return [made_row(f"{n:x}", [], lineage) for n in range(count)]


@dataclass
class Desk:
    """A run of `generate` and `score` on a server with `lanes`, which takes `make` and `judge` seconds."""

    wanted: int
    make: float
    judge: float
    lanes: int = 1
    judges_first: bool = False
    dropped_every: int = 0
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        self.progress.begin(["generate", "dedupe", "score"])
        self.progress.bounded = True
        generate, _, score = self.progress.stages[1:]
        generate.wanted, generate.asks, score.asks = self.wanted, True, True
        for _ in range(20):  # seeds go through at once, and are no measure for drafts
            seed = Slot((0,), rows("seed"))
            self.progress.entered(seed)
            for index in (1, 2, 3):
                self.progress.left(index, 1, seed)

    def play(self) -> Iterator[tuple[float, float | None]]:
        """Time left as it was said, every quarter of a second."""
        waiting = deque(["make"] * self.wanted)
        under_way: list[tuple[float, int, str]] = []
        left, now, looked, number = TimeLeft(self.progress), 0.0, 0.0, 0
        while waiting or under_way:
            while waiting and len(under_way) < self.lanes:
                task = waiting.popleft()
                number += 1
                takes = self.make if task == "make" else self.judge
                heapq.heappush(under_way, (now + takes * (0.8 + 0.1 * (number % 5)), number, task))
            ends, number_, task = heapq.heappop(under_way)
            while looked < ends:
                yield looked, left.seconds(looked)
                looked += 0.25
            now = ends
            self._end(task, number_, waiting)
        yield now, left.seconds(now)

    def _end(self, task: str, number: int, waiting: deque[str]) -> None:
        slot = Slot((1,), rows("generate"))
        if task == "judge":
            self.progress.left(3, 1, slot)
            return
        self.progress.born(1, slot)
        if self.dropped_every and number % self.dropped_every == 0:
            slot.rows = [slot.rows[0].dropped("dedupe", "near_copy", "")]
            slot.settle(2)
            self.progress.left(2, 1, slot)
            return
        self.progress.left(2, 1, slot)
        waiting.insert(0 if self.judges_first else len(waiting), "judge")


@pytest.mark.parametrize(
    "desk",
    [
        Desk(40, make=5.0, judge=1.0, judges_first=True),
        Desk(16, make=4.0, judge=3.0),  # all drafts first, then all scores: `make demo`
        Desk(300, make=4.0, judge=0.5, lanes=16),
        Desk(300, make=4.0, judge=0.5, lanes=16, judges_first=True, dropped_every=3),
        Desk(400, make=0.5, judge=4.0, lanes=64),
        Desk(1000, make=1.0, judge=0.05, lanes=4, judges_first=True),
    ],
    ids=lambda desk: f"{desk.wanted}x{desk.make}+{desk.judge}/{desk.lanes}",
)
def test_what_is_said_is_what_it_takes(desk: Desk) -> None:
    said = list(desk.play())
    end = said[-1][0]
    told = [(now, seconds) for now, seconds in said if seconds is not None]
    assert len(told) > len(said) / 10
    one = desk.make + desk.judge
    for now, seconds in told:
        assert (end - now) / 2.5 - one <= seconds <= 2 * (end - now) + one, (now, seconds, end)


def test_nothing_is_said_while_a_stage_has_work_and_no_pace() -> None:
    desk = Desk(16, make=4.0, judge=3.0)
    first_judged = 16 * 4.0
    assert all(seconds is None for now, seconds in desk.play() if now < first_judged)


def test_a_stalled_run_takes_longer_and_longer() -> None:
    desk = Desk(40, make=2.0, judge=0.5, judges_first=True)
    left = TimeLeft(desk.progress)
    for second in range(20):
        slot = Slot((1,), rows("generate"))
        desk.progress.born(1, slot)
        desk.progress.left(2, 1, slot)
        desk.progress.left(3, 1, slot)
        before = left.seconds(float(second))
    assert before is not None
    later = left.seconds(79.0)
    assert later is not None
    assert later > 3 * before


def test_with_a_target_what_is_accepted_counts() -> None:
    progress = Progress()
    progress.begin(["generate"])
    progress.target = 100
    left = TimeLeft(progress)
    for second in range(31):
        progress.accepted = 2 * second
        seconds = left.seconds(float(second))
    assert seconds == pytest.approx(20.0, abs=1.0)


@pytest.mark.parametrize("bounded", [True, False])
def test_where_nothing_tells_how_much_there_is_nothing_is_said(bounded: bool) -> None:
    desk = Desk(40, make=2.0, judge=0.5, judges_first=True)
    desk.progress.bounded = bounded
    assert any(seconds is not None for _, seconds in desk.play()) == bounded


def test_words() -> None:
    assert [in_words(12.4), in_words(88), in_words(300)] == ["12 s", "88 s", "5 min"]
