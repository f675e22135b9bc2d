"""The health, load and statistics of one server in a pool."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from random import Random

from synth.llm.base import PrefixCounts
from synth.llm.openai_compatible.capabilities import ServerCapabilities
from synth.llm.openai_compatible.concurrency import CohortTicket, ConcurrencyController
from synth.llm.openai_compatible.metrics import Metrics
from synth.llm.openai_compatible.retry import FailedTry, Fault, backoff
from synth.llm.openai_compatible.transport import Transport

# A server is taken out after this number of failures without an answer in between. A few failures among
# answers are not enough; 256 connections that break at once are.
_SICK_AFTER = 8
# Seconds between two tests whether a sick server is back.
_FIRST_PROBE, _LONGEST_PROBE = 0.25, 4.0
# Seconds to pause after a 429 without a time, or with one below `_LEAST_WAIT`; doubled while only 429s come.
# After `_BUSY_AFTER` pauses the server gets one request at a time.
_FIRST_PAUSE, _LONGEST_PAUSE, _LEAST_WAIT = 0.2, 5.0, 1.0
_BUSY_AFTER = 3


class EndpointHealth(Enum):
    """The health of a server. `busy` and `sick` servers get one request at a time, after their pause."""

    READY = "ready"
    BUSY = "busy"
    SICK = "sick"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class ServerStats:
    """The statistics of a server, for the display.

    `limit` is the current concurrency limit. `waiting` and `prefix_hit_rate` come from `/metrics`; None
    without it.
    """

    url: str
    state: str
    limit: int
    in_flight: int
    requests: int
    answered: int
    failed: int
    last_error: str | None
    seconds: float
    running: float | None
    waiting: float | None
    cache_use: float | None
    prefix_hit_rate: float | None


class EndpointState:
    """The state of one server. Times are the event loop's, in seconds."""

    def __init__(self, transport: Transport, controller: ConcurrencyController) -> None:
        self.transport = transport
        self.controller = controller
        self.capabilities = ServerCapabilities()
        self.models: list[str] = []
        self.state = EndpointHealth.READY
        self.again_at = 0.0
        self.failing_since: float | None = None
        self.last_failure: FailedTry | None = None
        self.requests = self.answered = self.failed = 0
        self.seconds = 0.0
        self.metrics: Metrics | None = None
        self.prefix_counts = PrefixCounts()
        self._in_a_row = self._busy_in_a_row = 0
        self._absences = 0
        self._refused_at = 0.0

    def room(self, now: float) -> bool:
        """Whether it can accept one more request now."""
        if self.state is EndpointHealth.READY:
            return self.controller.in_flight < self.controller.limit and now >= self.again_at
        return (
            self.state is not EndpointHealth.GONE and self.controller.in_flight == 0 and now >= self.again_at
        )

    @property
    def is_busy(self) -> bool:
        """Whether it is reachable, but its last response was "too many requests"."""
        failure = self.last_failure
        return self.failing_since is not None and failure is not None and failure.fault is Fault.BUSY

    @property
    def load(self) -> float:
        """The relative delay of one more request, to compare servers."""
        return (self.controller.in_flight + 1) / self.controller.limit * (self.seconds or 1e-3)

    def sent(self) -> CohortTicket:
        """Counts a sent request."""
        self.requests += 1
        return self.controller.sent()

    def left(self, ticket: CohortTicket) -> None:
        """Counts an abandoned request."""
        self.controller.done(ticket, None)

    def answer(self, ticket: CohortTicket, seconds: float) -> None:
        """Counts an answer that took this number of seconds."""
        self.controller.done(ticket, seconds)
        self.answered += 1
        self.seconds += (seconds - self.seconds) * (0.05 if self.seconds else 1.0)
        self._in_a_row = self._busy_in_a_row = self._absences = 0
        self.failing_since = None
        if self.state is not EndpointHealth.READY:
            if self.state is EndpointHealth.SICK:
                self.controller.restart()
            self.state, self.again_at = EndpointHealth.READY, 0.0

    def exclude(self, failure: FailedTry, now: float) -> None:
        """Excludes the server from the start: permanently, or until it can be reached."""
        self.last_failure, self.failing_since = failure, now
        self.state = EndpointHealth.GONE if failure.fault is Fault.SERVER_FOR_GOOD else EndpointHealth.SICK
        self.again_at = now + _LONGEST_PROBE

    def failure(
        self, ticket: CohortTicket, failure: FailedTry, since: float, now: float, chance: Random
    ) -> None:
        """Counts a failed try that began at `since`, and updates the health."""
        self.failed += 1
        if failure.fault is Fault.REQUEST:
            # This is also an answer: the server is well, and reports a fault of the request.
            self._in_a_row = 0
            self.failing_since = None
            self.controller.done(ticket, None)
            return
        self.last_failure = failure
        if self.failing_since is None:
            self.failing_since = now
        match failure.fault:
            case Fault.SERVER_FOR_GOOD:
                self.state = EndpointHealth.GONE
            case Fault.BUSY:
                self._busy(ticket, failure, since, now, chance)
            case _:
                self._stumbled(failure, now, chance)
        self.controller.done(ticket, None)

    def _busy(
        self, ticket: CohortTicket, failure: FailedTry, since: float, now: float, chance: Random
    ) -> None:
        self.controller.refused(ticket)
        if failure.wait:
            self.again_at = max(self.again_at, now + failure.wait)
        # All requests in flight at the first refusal get the same refusal, so it counts once.
        if since < self._refused_at:
            return
        self._refused_at = now
        self._busy_in_a_row += 1
        if failure.wait < _LEAST_WAIT:
            pause = backoff(self._busy_in_a_row, chance, first=_FIRST_PAUSE, most=_LONGEST_PAUSE)
            self.again_at = max(self.again_at, now + pause)
        if self._busy_in_a_row >= _BUSY_AFTER:
            self.state = EndpointHealth.BUSY

    def _stumbled(self, failure: FailedTry, now: float, chance: Random) -> None:
        self._in_a_row += 1
        if failure.wait:
            self.again_at = max(self.again_at, now + failure.wait)
        if self.state is EndpointHealth.READY and self._in_a_row < _SICK_AFTER and not failure.refused:
            return
        # Requests that were in flight when it became sick fail one after another. That is one outage, not
        # many.
        if self.state is not EndpointHealth.SICK or now >= self.again_at:
            self._absences += 1
            pause = backoff(self._absences, chance, first=_FIRST_PROBE, most=_LONGEST_PROBE)
            self.again_at = max(self.again_at, now + pause)
        self.state = EndpointHealth.SICK

    def observe(self, metrics: Metrics) -> None:
        """Uses the values of `/metrics`.

        Counting starts at the first values. Lower counts than before mean that the server was restarted at
        zero.
        """
        before = self.metrics or metrics
        if metrics.prefix_queries < before.prefix_queries:
            before = Metrics(0, 0)
        self.prefix_counts += PrefixCounts(
            int(metrics.prefix_queries - before.prefix_queries), int(metrics.prefix_hits - before.prefix_hits)
        )
        self.metrics = metrics
        self.controller.queue(metrics.running, metrics.waiting)

    @property
    def stats(self) -> ServerStats:
        """The current statistics."""
        told = self.metrics
        return ServerStats(
            url=self.transport.label,
            state=self.state.value,
            limit=self.controller.limit,
            in_flight=self.controller.in_flight,
            requests=self.requests,
            answered=self.answered,
            failed=self.failed,
            last_error=self.last_failure.words if self.last_failure else None,
            seconds=self.seconds,
            running=told.running if told else None,
            waiting=told.waiting if told else None,
            cache_use=told.cache_use if told else None,
            prefix_hit_rate=self.prefix_counts.hit_rate,
        )
