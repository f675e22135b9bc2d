"""Simulates the time of an answer: a limited batch, a queue, and slower answers past the knee.

The engine is processor sharing: a virtual clock that every running request follows, and that slows as
more of them run. A request that needs `work` seconds alone is done when the clock has gone on by `work`.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable

from tests.support.loopback.settings import Settings

_INSTANT = 1e-9


class Job:
    """One request in the engine. `done` is called once it is through, unless it was cancelled before."""

    __slots__ = ("alive", "done", "running", "work")

    def __init__(self, work: float, done: Callable[[], None]) -> None:
        self.work = work
        self.done = done
        self.alive = True
        self.running = False


class Service:
    """The engine. `configure` may be called at any time; what runs goes on at the new speed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: Settings) -> None:
        self._loop = loop
        self._settings = settings
        self._queue: deque[Job] = deque()
        self._ends: list[tuple[float, int, Job]] = []
        self._order = 0
        self._clock = 0.0
        self._read_at = loop.time()
        self._speed = 1.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._gone = 0
        self.running = 0

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._queue) - self._gone

    def configure(self, settings: Settings) -> None:
        """Takes over new speeds and a new capacity."""
        self._advance()
        self._settings = settings
        self._go_on()

    def submit(self, job: Job) -> None:
        """Runs `job` as soon as there is room."""
        self._advance()
        self._queue.append(job)
        self._go_on()

    def cancel(self, job: Job) -> None:
        """Lets go of `job`, whose client has gone."""
        if not job.alive:
            return
        job.alive = False
        self._advance()
        if job.running:
            self.running -= 1
        else:
            self._gone += 1
        self._go_on()

    def _advance(self) -> None:
        now = self._loop.time()
        self._clock += (now - self._read_at) * self._speed
        self._read_at = now

    def _go_on(self) -> None:
        while self._queue and self.running < self._settings.capacity:
            job = self._queue.popleft()
            if not job.alive:
                self._gone -= 1
                continue
            job.running = True
            self.running += 1
            self._order += 1
            heapq.heappush(self._ends, (self._clock + job.work, self._order, job))
        self._speed = self._speed_of(self.running)
        self._set_timer()

    def _speed_of(self, running: int) -> float:
        knee = self._settings.knee
        if not knee:
            return 1.0
        if self._settings.smooth:
            return knee / (knee + running)
        return 1.0 if running <= knee else knee / running

    def _set_timer(self) -> None:
        while self._ends and not self._ends[0][2].alive:
            heapq.heappop(self._ends)
        when = self._read_at + (self._ends[0][0] - self._clock) / self._speed if self._ends else None
        if self._timer is not None:
            if when is not None and abs(self._timer_at - when) < _INSTANT:
                return
            self._timer.cancel()
            self._timer = None
        if when is not None:
            self._timer, self._timer_at = self._loop.call_at(when, self._finish), when

    def _finish(self) -> None:
        self._timer = None
        self._advance()
        done = []
        while self._ends and self._ends[0][0] <= self._clock + _INSTANT:
            job = heapq.heappop(self._ends)[2]
            if job.alive:
                job.alive = False
                self.running -= 1
                done.append(job)
        self._go_on()
        for job in done:
            job.done()
