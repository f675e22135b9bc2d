"""How long a run will still take, or nothing where that cannot be known.

Rows pile up in front of a slow stage, so neither the time since the start nor the drafts that came to the end
say much: each stage that asks a model has a pace of its own, which is measured over its last drafts. What is
left for it is what waits there and what the stages before it will still send. The stages work at the same
time, so the one that needs longest is the answer, and one that has work and no pace yet leaves it open.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from synth.pipeline.progress import Progress, StageCount

# A pace is measured over so many drafts or more, and over so many seconds or more where they are quick.
_FEWEST = 5
_SHORTEST = 10.0

# Before so many seconds, answers that were asked for at the same time come at the same time, and no others.
_SETTLED = 2.0


@dataclass
class Pace:
    """Drafts a second over the last ones."""

    _points: deque[tuple[float, int]] = field(default_factory=deque)

    def update(self, now: float, total: int) -> None:
        """Notes that `total` drafts were through at the time `now`."""
        if not self._points and total == 0:
            return  # The wait for the first one says nothing about the others' pace.
        if self._points and self._points[-1][1] == total:
            return
        self._points.append((now, total))
        while len(self._points) > 2 and self._enough(self._points[1], now, total):
            self._points.popleft()

    def seconds_for(self, drafts: float, now: float) -> float | None:
        """How long so many more take; None where too few were seen."""
        if drafts <= 0:
            return 0.0
        if len(self._points) < 2:
            return None
        (start, before), (last, total) = self._points[0], self._points[-1]
        if total - before < _FEWEST or now - start < _SETTLED:
            return None
        # One that is overdue by now makes the pace slower than its last draft had it.
        each = (last - start) / (total - before)
        overdue = max(0.0, now - last - each)
        return drafts * (last - start + overdue) / (total - before)

    @staticmethod
    def _enough(start: tuple[float, int], now: float, total: int) -> bool:
        return now - start[0] >= _SHORTEST and total - start[1] >= _FEWEST


class TimeLeft:
    """Watches `progress`; `seconds` is to be called again and again, as time goes by."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._paces: dict[str, Pace] = {}
        self._accepted = Pace()

    def seconds(self, now: float) -> float | None:
        """Seconds left at `now`, on any clock that goes steadily; None where nothing tells."""
        progress = self._progress
        self._accepted.update(now, progress.accepted)
        needs = [self._stage(stage, left, now) for stage, left in _work(progress.stages[1:])]
        if progress.target is not None:
            # Makers go on until enough is accepted: only the pace at the end counts.
            return self._accepted.seconds_for(progress.target - progress.accepted, now)
        if not progress.bounded:
            return None
        known = [need for need in needs if need is not None]
        return max(known, default=None) if len(known) == len(needs) else None

    def _stage(self, stage: StageCount, left: float, now: float) -> float | None:
        pace = self._paces.setdefault(stage.name, Pace())
        pace.update(now, stage.made if stage.wanted is not None else stage.done)
        return pace.seconds_for(left, now)


def _work(stages: list[StageCount]) -> list[tuple[StageCount, float]]:
    """Every stage that asks a model, with the drafts that are left for it to make or to work on."""
    work: list[tuple[StageCount, float]] = []
    coming = 0.0
    for stage in stages:
        to_make = max(0, stage.wanted - stage.made) if stage.wanted is not None else 0
        through = stage.drafts - stage.done + coming
        if stage.asks:
            work.append((stage, to_make if stage.wanted is not None else through))
        coming = through * stage.share + to_make
    return work


def in_words(seconds: float) -> str:
    """`40 s` or `3 min`."""
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
