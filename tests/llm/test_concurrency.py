"""The concurrency controller on simulated servers: deterministic, without clock or network."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from random import Random

import pytest

from synth.llm.openai_compatible.concurrency import ConcurrencyController, Phase

LATENCY = 0.1


class Simulation:
    """A server that serves `capacity(now)` at once, each for about `LATENCY`; the others wait in a queue.

    `knee`: a request takes 1 + n/knee times as long beside n others, as on a GPU. `noise` is the sigma of
    a log-normal factor on each request's time.
    """

    def __init__(
        self,
        capacity: Callable[[float], int],
        *,
        noise: float = 0.0,
        knee: float = 0.0,
        metrics: bool = False,
    ) -> None:
        self.controller = ConcurrencyController()
        self._capacity = capacity
        self._noise = noise
        self._knee = knee
        self._metrics = metrics
        self._chance = Random(1)
        self._queue: deque[tuple[tuple[int, int], float]] = deque()
        self._ends: list[tuple[float, int, tuple[int, int], float]] = []
        self._order = 0
        self._looked = 0.0
        self.now = 0.0
        self.answers: list[float] = []
        self.limits: list[tuple[float, int]] = []

    def run(self, seconds: float) -> Simulation:
        while self.now < seconds:
            while self.controller.in_flight < self.controller.limit:
                self._queue.append((self.controller.sent(), self.now))
            while self._queue and len(self._ends) < self._capacity(self.now):
                ticket, sent = self._queue.popleft()
                self._order += 1
                heapq.heappush(self._ends, (self.now + self._time(), self._order, ticket, sent))
            self.now, _, ticket, sent = heapq.heappop(self._ends)
            self.answers.append(self.now)
            self.controller.done(ticket, self.now - sent)
            self.limits.append((self.now, self.controller.limit))
            if self._metrics and self.now - self._looked > 0.5:
                self._looked = self.now
                self.controller.queue(len(self._ends), len(self._queue))
        return self

    def answered(self, since: float, until: float) -> int:
        return sum(since <= then < until for then in self.answers)

    def mean_limit(self, since: float) -> float:
        late = [limit for then, limit in self.limits if then >= since]
        return sum(late) / len(late)

    def _time(self) -> float:
        noise = self._chance.lognormvariate(-(self._noise**2) / 2, self._noise) if self._noise else 1.0
        slower = 1 + len(self._ends) / self._knee if self._knee else 1.0
        return LATENCY * noise * slower


@pytest.mark.parametrize("noise", [0.0, 0.7])
@pytest.mark.parametrize("metrics", [False, True])
@pytest.mark.parametrize("capacity", [1, 4, 64, 512])
def test_reaches_what_the_best_fixed_limit_reaches(capacity: int, metrics: bool, noise: float) -> None:
    simulation = Simulation(lambda now: capacity, noise=noise, metrics=metrics).run(15)
    ideal = capacity / LATENCY
    assert simulation.answered(0, 15) / 15 >= 0.88 * ideal


@pytest.mark.parametrize("capacity", [64, 256])
def test_the_ramp_takes_well_under_a_second(capacity: int) -> None:
    simulation = Simulation(lambda now: capacity).run(2)
    assert simulation.answered(0.6, 1.6) >= 0.93 * capacity / LATENCY


@pytest.mark.parametrize("noise", [0.0, 0.7])
@pytest.mark.parametrize("metrics", [False, True])
def test_follows_a_server_that_changes(metrics: bool, noise: float) -> None:
    def capacity(now: float) -> int:
        return 64 if now < 10 else 8 if now < 20 else 128

    simulation = Simulation(capacity, noise=noise, metrics=metrics).run(30)
    assert simulation.answered(0, 10) >= 0.88 * 640 * 10
    assert simulation.answered(10, 20) >= 0.9 * 80 * 10
    assert simulation.answered(20, 30) >= 0.85 * 1280 * 10


@pytest.mark.parametrize("noise", [0.0, 0.5])
@pytest.mark.parametrize("knee", [8, 32])
def test_goes_far_up_a_curve_that_flattens(knee: int, noise: float) -> None:
    simulation = Simulation(lambda now: 100_000, knee=knee, noise=noise).run(30)
    assert simulation.answered(0, 30) / 30 >= 0.8 * knee / LATENCY


def test_grows_to_its_bound_where_nothing_gets_slower() -> None:
    simulation = Simulation(lambda now: 100_000, noise=0.3).run(10)
    assert simulation.mean_limit(2) >= 1500
    assert max(limit for _, limit in simulation.limits) == 2048


@pytest.mark.parametrize("metrics", [False, True])
def test_leaves_a_short_queue(metrics: bool) -> None:
    simulation = Simulation(lambda now: 64, noise=0.3, metrics=metrics).run(40)
    assert 60 <= simulation.mean_limit(20) <= 130


def test_refusals_of_one_burst_cut_once() -> None:
    controller = ConcurrencyController(start=100)
    tickets = [controller.sent() for _ in range(100)]
    for ticket in tickets:
        controller.refused(ticket)
        controller.done(ticket, None)
    assert controller.limit == 70
    again = [controller.sent() for _ in range(70)]
    controller.refused(again[0])
    assert controller.limit == 49


def test_too_little_work_changes_nothing() -> None:
    controller = ConcurrencyController(start=64)
    for _ in range(2000):
        tickets = [controller.sent() for _ in range(5)]
        for ticket in tickets:
            controller.done(ticket, 0.1)
    assert controller.limit == 64


def test_a_long_queue_is_cut_and_a_short_one_left_alone() -> None:
    controller = ConcurrencyController(start=200)
    for _ in range(200):
        controller.sent()
    controller.queue(running=100, waiting=100)
    assert controller.limit == 150
    controller.queue(running=100, waiting=75)
    assert controller.limit == 150


def test_failures_are_no_measurements() -> None:
    controller = ConcurrencyController(start=32)
    for _ in range(500):
        controller.done(controller.sent(), None)
    assert controller.phase is Phase.RAMP
    assert controller.in_flight == 0


def test_a_restart_ramps_again() -> None:
    simulation = Simulation(lambda now: 256).run(5)
    controller = simulation.controller
    assert controller.limit > 200
    controller.restart()
    assert (controller.limit, controller.phase) == (32, Phase.RAMP)
