"""Estimates the time that a run still needs, or gives None if that is unknown.

Rows queue in front of a slow stage, so the time since the start and the number of finished drafts say little.
Instead, each stage that asks a model has its own pace, measured over its last drafts. Its remaining work is
its queue plus the rows that earlier stages will still send. Stages work at the same time, so the slowest one
decides. If a stage has work but no pace yet, the time left is unknown.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from synth.pipeline.progress import Progress, StageCount

# A pace covers at least this many drafts, and at least this many seconds if drafts are fast.
_FEWEST = 5
_SHORTEST = 10.0

# In the first seconds only replies to the first batch of requests arrive, all at once.
_SETTLED = 2.0


@dataclass
class Pace:
    """Drafts per second, over the last drafts."""

    _points: deque[tuple[float, int]] = field(default_factory=deque)

    def update(self, now: float, total: int) -> None:
        """Records that `total` drafts were finished at the time `now`."""
        if not self._points and total == 0:
            return  # The wait for the first draft says nothing about the pace.
        if self._points and self._points[-1][1] == total:
            return
        self._points.append((now, total))
        while len(self._points) > 2 and self._enough(self._points[1], now, total):
            self._points.popleft()

    def seconds_for(self, drafts: float, now: float) -> float | None:
        """Seconds for `drafts` more; None if too few were seen."""
        if drafts <= 0:
            return 0.0
        if len(self._points) < 2:
            return None
        (start, before), (last, total) = self._points[0], self._points[-1]
        if total - before < _FEWEST or now - start < _SETTLED:
            return None
        # If the next draft is overdue, the pace gets slower.
        each = (last - start) / (total - before)
        overdue = max(0.0, now - last - each)
        return drafts * (last - start + overdue) / (total - before)

    @staticmethod
    def _enough(start: tuple[float, int], now: float, total: int) -> bool:
        return now - start[0] >= _SHORTEST and total - start[1] >= _FEWEST


class TimeLeft:
    """Watches `progress`. Call `seconds` regularly."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._paces: dict[str, Pace] = {}
        self._accepted = Pace()

    def seconds(self, now: float) -> float | None:
        """Seconds left at `now` (a monotonic clock); None if unknown."""
        progress = self._progress
        self._accepted.update(now, progress.accepted)
        needs = [self._stage(stage, left, now) for stage, left in _work(progress.stages[1:])]
        if progress.target is not None:
            # Makers continue until the target is reached, so only the pace of accepted drafts counts.
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
    """Every stage that asks a model, with the number of drafts it still has to make or process."""
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
