"""How many requests one server gets at once, found by watching it: no number to set.

A server that is full seldom says so; it gets slower. So the question is always the same: does more
concurrency still bring more throughput? It is answered in epochs. During an epoch the limit stands
still, and the first requests that were sent in it (the cohort) are timed. By Little's law the
throughput is then the requests in flight over their mean time, which, unlike counting answers per
second, does not care in what bursts they come.

Two phases, after the slow start and the probing of TCP congestion control, with throughput in the place
of loss (compare PCC, Dong et al., NSDI 2015, and BBR, Cardwell et al., ACM Queue 2016):

- ramp: double the limit every epoch until a doubling brings nothing, or two in a row bring little;
- hold: stay, and now and then try a fifth more and a fifth less. More is taken if throughput follows,
  less if it does not fall, so that what is left is a short queue that is never empty. If it follows in
  proportion, the server has grown: ramp again.

No clock and no I/O in here: events go in, `limit` comes out.
"""

from __future__ import annotations

import math
from enum import Enum

START = 32
MOST = 2048

# Elasticity: by what share of a change in concurrency does throughput change? 1 far from full, 0 when full.
_WORTH_A_DOUBLING = 0.25
_WORTH_A_STEP = 0.2
_WORTH_NOTHING = 0.1
_IN_PROPORTION = 0.5

_STEP = 1.25
# Steps down get longer while they cost nothing: a queue far too long is gone soon.
_STREAK_MOST = 3
# The smallest cohort that says something, and the largest that is needed.
_COHORT_LEAST, _COHORT_MOST = 16, 256
# An epoch ends when so much of its cohort is back: stragglers and hung requests hold nothing up.
_ENOUGH = 0.75
# Below this use of the limit, the epoch says nothing about it: there was too little work.
_USED = 0.8
# A change in throughput at the same limit beyond this factor means that the server has changed.
_CHANGED = 1.25
# Epochs between two probes, at first and at most.
_WAIT_LEAST, _WAIT_MOST = 1, 8
_CUT = 0.7
# What `/metrics` may show as waiting, per running request, before the limit is cut.
_QUEUE_LONG, _QUEUE_SHORT = 0.25, 0.125
# While the server itself says that nobody waits, the ramp need not wait for answers, up to here.
_TRUSTED = 256

# The epoch whose cohort a request belongs to (0: none), and how many were in flight with it.
Ticket = tuple[int, int]
# A limit, and the throughput it gave in requests per second.
Point = tuple[int, float]


class Phase(Enum):
    """What the limit of this epoch is for."""

    RAMP = "ramp"
    HOLD = "hold"
    MORE = "more"
    LESS = "less"


class Controller:
    """The concurrency limit of one server.

    Call `sent` for each request and `done` with the ticket it gave and the seconds it took (None where
    no answer came); `refused` where the server says that it is too much; `queue` with what `/metrics`
    tells. `limit` is always at least 1 and at most `most`.
    """

    def __init__(self, *, start: int = START, most: int = MOST) -> None:
        self.limit = min(start, most)
        self.in_flight = 0
        self.phase = Phase.RAMP
        self._most = most
        self._start = self.limit
        self._epoch = 0
        self._ramp: list[Point] = []
        self._strikes = 0
        self._base = self.limit
        self._rate: float | None = None
        self._next = Phase.MORE
        self._wait = self._waited = self._streak = 0
        self._settled = True
        self._begin(self.limit)

    def sent(self) -> Ticket:
        """Counts a request in; gives its ticket for `done`."""
        self.in_flight += 1
        if self._settled and self._members < self._size:
            self._members += 1
            return self._epoch, self.in_flight
        return 0, 0

    def done(self, ticket: Ticket, seconds: float | None) -> None:
        """Counts a request out."""
        epoch, among = ticket
        if epoch == self._epoch:
            self._back += 1
            self._flying += self.in_flight
            if seconds is not None:
                self._among += among
                self._seconds += seconds
        self.in_flight -= 1
        if not self._settled and self.in_flight <= self.limit:
            self._settled = True
        if self._back >= self._needed:
            self._end()

    def refused(self, ticket: Ticket) -> None:
        """The server answered `ticket` with "too many": back off, once for all that were sent together."""
        if 0 < ticket[0] < self._epoch:
            return
        self._hold(max(1, int(min(self.limit, max(self.in_flight, 1)) * _CUT)), rate=None)
        self._wait, self._next = _WAIT_MOST // 2, Phase.MORE

    def queue(self, running: float, waiting: float) -> None:
        """Takes in what `/metrics` shows: requests that run, and that wait, on the whole server."""
        if waiting > max(4.0, _QUEUE_LONG * running):
            excess = waiting - max(2.0, _QUEUE_SHORT * running)
            fair = max(self.in_flight - excess, self.in_flight / 2, 1)
            if fair < self.limit:
                self._hold(int(fair), rate=None)
        elif waiting == 0 and self.in_flight >= self.limit and self.limit < self._most:
            if self.phase is Phase.RAMP and self.limit < _TRUSTED:
                self._begin(min(2 * self.limit, self._most))
            elif self.phase is Phase.HOLD and self._rate is not None:
                self._wait, self._next = 0, Phase.MORE

    def restart(self) -> None:
        """The server has been away: find out again, from at most the usual start."""
        self.phase, self._ramp, self._strikes = Phase.RAMP, [], 0
        self._begin(self._start)

    def _begin(self, limit: int) -> None:
        """Starts an epoch. Where the limit falls, it waits until the surplus has drained."""
        self.limit = max(1, min(limit, self._most))
        self._epoch += 1
        share = 0.5 if self.phase is Phase.RAMP else 1.0
        self._size = int(min(max(self.limit * share, _COHORT_LEAST), _COHORT_MOST))
        self._needed = math.ceil(self._size * _ENOUGH)
        self._members = self._back = self._flying = self._among = 0
        self._seconds = 0.0
        self._settled = self.in_flight <= self.limit

    def _end(self) -> None:
        if not self._among or self._flying < _USED * self.limit * self._back:
            self._begin(self.limit)
            return
        # Little's law for each request: it shared the server with those in flight when it was sent.
        rate = self._among / max(self._seconds, 1e-9)
        match self.phase:
            case Phase.RAMP:
                self._ramped(rate)
            case Phase.HOLD:
                self._held(rate)
            case Phase.MORE | Phase.LESS:
                self._probed(rate)

    def _ramped(self, rate: float) -> None:
        best = max(self._ramp, key=lambda point: point[1], default=None)
        self._ramp.append((self.limit, rate))
        if best is not None:
            grew = _elasticity(best, (self.limit, rate))
            if grew >= _WORTH_A_DOUBLING:
                self._strikes = 0
            else:
                self._strikes += 2 if grew < _WORTH_NOTHING else 1
        if self._strikes < 2 and self.limit < self._most:
            self._begin(2 * self.limit)
            return
        top = max(rate for _, rate in self._ramp)
        enough, rate = min(point for point in self._ramp if point[1] >= 0.93 * top)
        self._hold(enough, rate)

    def _hold(self, limit: int, rate: float | None) -> None:
        self.phase, self._base, self._rate = Phase.HOLD, limit, rate
        self._ramp, self._strikes = [], 0
        self._wait, self._waited, self._next, self._streak = _WAIT_LEAST, 0, Phase.LESS, 0
        self._begin(limit)

    def _held(self, rate: float) -> None:
        known, self._waited = self._rate, self._waited + 1
        if known is None:
            self._rate = rate
        elif max(rate / known, known / rate) > _CHANGED:
            self._next = Phase.MORE if rate > known else Phase.LESS
            self._rate, self._wait = rate, 0
        else:
            self._rate = (known + rate) / 2
        if self._base == self._most:
            self._next = Phase.LESS
        # Probing for more costs nothing; probing for less costs a fifth of the throughput.
        if self._waited < (min(self._wait, 2) if self._next is Phase.MORE else self._wait):
            self._begin(self._base)
            return
        self.phase = self._next
        if self.phase is Phase.MORE and self._base < self._most:
            self._begin(max(self._base + 1, int(self._base * _STEP)))
        elif self._base > 1:
            self.phase = Phase.LESS
            self._begin(min(self._base - 1, math.ceil(self._base / _STEP ** (1 + self._streak))))
        else:
            self.phase = Phase.HOLD
            self._next = Phase.MORE
            self._begin(self._base)

    def _probed(self, rate: float) -> None:
        before = (self._base, self._rate or rate)
        follows = _elasticity(before, (self.limit, rate))
        more = self.phase is Phase.MORE
        if more and follows >= _IN_PROPORTION:
            self.phase, self._ramp, self._strikes = Phase.RAMP, [before, (self.limit, rate)], 0
            self._begin(2 * self.limit)
            return
        self.phase, self._waited = Phase.HOLD, 0
        if follows >= _WORTH_A_STEP if more else follows < _WORTH_NOTHING:
            self._base, self._rate, self._wait = self.limit, rate, 0
            self._streak = min(self._streak + 1, _STREAK_MOST)
        else:
            self._next = Phase.LESS if more else Phase.MORE
            self._streak = 0
            self._wait = min(max(2 * self._wait, _WAIT_LEAST), _WAIT_MOST)
        self._begin(self._base)


def _elasticity(one: Point, other: Point) -> float:
    """Relative change of throughput over relative change of concurrency between two (n, rate)."""
    apart = math.log(other[0] / one[0])
    return math.log(other[1] / one[1]) / apart if abs(apart) > 1e-6 else 0.0
