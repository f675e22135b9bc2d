"""Finds the best number of concurrent requests for one server by observation, without any setting.

A full server seldom says so; it only gets slower. So the question is always the same: does more concurrency
still increase throughput? Each epoch answers it. The first requests of an epoch (its cohort) are timed. By
Little's law, the throughput is the number of requests in flight with a request, divided by the time that it
took. Unlike counting answers per second, this does not depend on bursts.

Two phases, after the slow start and the probing of TCP congestion control, with throughput instead of loss
(compare PCC, Dong et al., NSDI 2015, and BBR, Cardwell et al., ACM Queue 2016):

- ramp: raise the limit by one per answer, which doubles it in about the time of one answer. When that no
  longer doubles throughput, the steps get smaller. The ramp ends when one step brings nothing or two in a row
  bring little.
- hold: keep the limit, and occasionally probe 25% more and 20% less. A higher limit is kept if throughput
  grows, a lower one if it does not fall. Each probe is compared with the base both before it and after it,
  because other things than the limit change throughput, too. The result is a short queue that is never empty.
  If throughput grows in proportion to the limit, the server has become faster: ramp again.

If `/metrics` reports the queue, it is not guessed: a long queue is cut at once, a short one is left alone,
and only an empty one leads to a probe for more. This module has no clock and no I/O: it turns events into
`limit`.
"""

from __future__ import annotations

import math
from enum import Enum

START = 32
MOST = 2048

# Elasticity: the relative change of throughput per relative change of concurrency. 1 far from full, 0 when
# full.
_WORTH_A_DOUBLING = 0.25
_WORTH_A_STEP = 0.12
_WORTH_NOTHING = 0.06
_IN_PROPORTION = 0.6

_STEP = 1.25
# The next step of a ramp whose last step brought less than its share.
_CAREFUL = 1.4
# Steps down get longer while they cost no throughput, so that a long queue shrinks fast.
_STREAK_MOST = 3
# The smallest meaningful cohort, and the largest necessary one.
_COHORT_LEAST, _COHORT_MOST = 16, 256
# An epoch ends when this share of its cohort is answered, so that stragglers and hung requests do not delay
# it.
_ENOUGH = 0.75
# If less than this share of the limit was used, the epoch is ignored: there was too little work.
_USED = 0.8
# If throughput rises by this factor at the same limit, the server has become faster.
_CHANGED = 1.25
# Epochs between two probes, initially and at most. A probe for more costs nothing, so it never waits long.
# A probe for less can cost a fifth of the throughput.
_WAIT_LEAST, _WAIT_MOST, _WAIT_FOR_MORE = 1, 16, 2
# After the ramp: take the lowest concurrency with this share of the best throughput, and add a queue. The
# queue may be longer if `/metrics` shows when it is too long.
_NEARLY_TOP, _AND_A_QUEUE, _AND_A_SEEN_QUEUE = 0.93, 1.1, 1.5
_CUT = 0.7
# Waiting requests per running request in `/metrics`: above the first value the limit is cut, to the second.
# Equal answers end together, and the queue must then refill the batch, so it must not be too short.
_QUEUE_LONG, _QUEUE_SHORT, _QUEUE_LEAST = 0.75, 0.5, 4.0
# While the server reports an empty queue, the ramp need not wait for answers, up to this limit.
_TRUSTED = 256

# The epoch in which a request was sent, and the requests in flight with it (0: not in the cohort).
CohortTicket = tuple[int, int]
# A concurrency, and its throughput in requests per second.
Point = tuple[float, float]


class Phase(Enum):
    """The purpose of this epoch's limit. `AGAIN` is the return to the base after a probe that looked
    better.
    """

    RAMP = "ramp"
    HOLD = "hold"
    MORE = "more"
    LESS = "less"
    AGAIN = "again"


class ConcurrencyController:
    """The concurrency limit of one server.

    Call `sent` for each request, and `done` with its ticket and the seconds that it took (None without an
    answer). Call `refused` if the server says "too many requests", and `queue` with the numbers of
    `/metrics`. `limit` is always at least 1 and at most `most`.
    """

    def __init__(self, *, start: int = START, most: int = MOST) -> None:
        self.limit = self._start = min(start, most)
        self.in_flight = 0
        self.phase = Phase.RAMP
        self._ramp: list[Point] = []
        self._most = most
        self._epoch = self._cut_in = 0
        self._settled = True
        self._told: float | None = None
        self._looked_at = (0, 0)
        self._queue_seen = self._empty_looks = False
        self._tried_at: Point = (self.limit, 0.0)
        self._tried_for = Phase.MORE
        self._hold_at(self.limit, None)
        self.restart()

    def sent(self) -> CohortTicket:
        """Counts a sent request. Returns its ticket for `done`."""
        self.in_flight += 1
        # Requests that were sent at another concurrency say nothing about this limit, so they are not timed.
        if self._members < self._size and self._settled and self.in_flight >= self._from:
            self._members += 1
            return self._epoch, self.in_flight
        return self._epoch, 0

    def done(self, ticket: CohortTicket, seconds: float | None) -> None:
        """Counts a finished request."""
        epoch, among = ticket
        if among and epoch == self._epoch:
            # Failed requests count here too. Otherwise a server that fails would never end the epoch.
            self._back += 1
            self._flying += self.in_flight
            if seconds is not None:
                self._among += among
                self._seconds += seconds
                self._timed += 1
        # Grows only while the limit is fully used: throughput cannot show the effect of an unused limit.
        if self.limit < self._target and seconds is not None and self.in_flight >= self.limit:
            self.limit += 1
        self.in_flight -= 1
        self._settled = self._settled or self.in_flight <= self.limit
        if self._back >= self._needed:
            self._end()

    def refused(self, ticket: CohortTicket) -> None:
        """The server answered "too many requests": backs off once for all requests that were sent
        together.
        """
        # The request was sent before the last cut, so its refusal says nothing about the new limit.
        if ticket[0] < self._cut_in:
            return
        # The limit can be far above the requests in flight. A share of it would then change nothing.
        self._hold_at(int(min(self.limit, self.in_flight) * _CUT), rate=None)
        self._wait, self._next, self._cut_in = _WAIT_MOST, Phase.MORE, self._epoch

    def queue(self, running: float, waiting: float) -> None:
        """Uses the numbers of `/metrics`: running and waiting requests on the whole server."""
        self._told = waiting
        if waiting > max(_QUEUE_LEAST, _QUEUE_LONG * running):
            excess = waiting - max(_QUEUE_LEAST / 2, _QUEUE_SHORT * running)
            # Other clients' requests may be in the queue too, so one cut never takes more than half.
            fair = int(max(self.in_flight - excess, self.in_flight / 2))
            if fair < self.limit:
                self._hold_at(fair, rate=None)
            self._queue_seen = True
            return
        full = self.in_flight >= _USED * self.limit
        # Only two empty looks in a row count: equal answers end together and empty a queue for a moment.
        emptied = waiting == 0 and full and self._empty_looks and self._queue_seen
        self._queue_seen = self._queue_seen or waiting > 0
        self._empty_looks = waiting == 0 and full
        if emptied and self.phase is not Phase.RAMP:
            # There was a queue at this limit, and now there is none: the server has become faster.
            self._ramp_from(self.limit)
            return
        # If answers take longer than the polling interval, an empty queue shows room earlier than they do.
        before, self._looked_at = self._looked_at, (self._epoch, self._back)
        slow = self.phase is Phase.RAMP and before == self._looked_at == (self._epoch, 0)
        if slow and waiting == 0 and full and self.limit < _TRUSTED:
            self._begin(2 * self.limit)

    def restart(self) -> None:
        """The server was unreachable: starts again from the initial limit."""
        self._ramp_from(self._start)

    def _ramp_from(self, limit: int, *known: Point) -> None:
        """Ramps from a limit, and keeps the known throughputs for comparison."""
        self.phase, self._ramp, self._strikes = Phase.RAMP, list(known), 0
        self._queue_seen = self._empty_looks = False
        self._begin(limit, grow_to=2 * limit)

    def _begin(self, limit: int, *, grow_to: int = 0) -> None:
        """Starts an epoch.

        If the limit falls, the cohort starts after the surplus requests have finished. If it grows step by
        step, the cohort has the requests of the upper half of the growth.
        """
        self.limit = max(1, min(limit, self._most))
        self._target = min(grow_to, self._most)
        self._from = (self.limit + self._target) // 2 if self._target > self.limit else 1
        self._epoch += 1
        share = 0.5 if self.phase is Phase.RAMP else 1.0
        size = max(self.limit, self._target) * share
        self._size = int(min(max(size, _COHORT_LEAST), _COHORT_MOST))
        self._needed = math.ceil(self._size * _ENOUGH)
        self._members = self._back = self._flying = self._among = self._timed = 0
        self._seconds = 0.0
        self._settled = self.in_flight <= self.limit

    def _end(self) -> None:
        # Nothing was measured, or there was too little work to use the limit: the same epoch again.
        if not self._timed or self._flying < _USED * self.limit * self._back:
            self._begin(self.limit, grow_to=self._target)
            return
        point = (self._among / self._timed, self._among / max(self._seconds, 1e-9))
        match self.phase:
            case Phase.RAMP:
                self._ramped(point)
            case Phase.HOLD:
                self._held(point[1])
            case Phase.MORE | Phase.LESS:
                self._tried(point[1])
            case Phase.AGAIN:
                self._back_again(point[1])

    def _ramped(self, point: Point) -> None:
        grew = 1.0
        if self._ramp:
            best = max(self._ramp, key=lambda other: other[1])
            grew = _elasticity(best, point)
            if grew >= _WORTH_A_DOUBLING:
                self._strikes = 0
            else:
                self._strikes += 2 if grew < _WORTH_NOTHING else 1
        self._ramp.append(point)
        if self._strikes < 2 and self.limit < self._most:
            onwards = 2.0 if grew >= _IN_PROPORTION else _CAREFUL
            self._begin(self.limit, grow_to=math.ceil(onwards * self.limit))
            return
        top = max(rate for _, rate in self._ramp)
        # Of the concurrencies with nearly the best throughput, the lowest one has the shortest queue.
        enough, rate = min(other for other in self._ramp if other[1] >= _NEARLY_TOP * top)
        queue = _AND_A_QUEUE if self._told is None else _AND_A_SEEN_QUEUE
        self._hold_at(math.ceil(enough * queue), rate)

    def _hold_at(self, limit: int, rate: float | None) -> None:
        """Holds a limit, and forgets earlier measurements."""
        self.phase, self._base, self._rate = Phase.HOLD, max(1, min(limit, self._most)), rate
        self._wait, self._waited, self._next, self._streak = _WAIT_LEAST, 0, Phase.LESS, 0
        self._begin(self._base)

    def _held(self, rate: float) -> None:
        known, self._waited = self._rate or rate, self._waited + 1
        self._rate = (known + rate) / 2
        if rate > known * _CHANGED:
            self._rate, self._next, self._wait = rate, Phase.MORE, 0
        following = self._may_probe()
        if following is Phase.MORE and self._waited >= min(self._wait, _WAIT_FOR_MORE):
            self.phase = Phase.MORE
            self._begin(max(self._base + 1, int(self._base * _STEP)))
        elif following is Phase.LESS and self._waited >= self._wait:
            self.phase = Phase.LESS
            self._begin(min(self._base - 1, math.ceil(self._base / _STEP ** max(1, self._streak))))
        else:
            self._begin(self._base)

    def _may_probe(self) -> Phase:
        """The next probe if one makes sense, else `HOLD`."""
        if self._told is not None:
            # `/metrics` shows a queue that is too long, so a probe for less is never needed.
            return Phase.MORE if self._told == 0 and self._base < self._most else Phase.HOLD
        if self._base <= 1:
            return Phase.MORE
        return Phase.LESS if self._base >= self._most else self._next

    def _tried(self, rate: float) -> None:
        """After a probe: rejects it, ramps, or returns to the base to measure the base once more."""
        before, after = (self._base, self._rate or rate), (self.limit, rate)
        follows = _elasticity(before, after)
        if self.phase is Phase.MORE and follows >= _IN_PROPORTION:
            self._ramp_from(self.limit, before, after)
        elif self._is_better(follows, self.phase):
            self._tried_at, self._tried_for, self.phase = after, self.phase, Phase.AGAIN
            self._begin(self._base)
        else:
            self._return(self.phase)

    def _back_again(self, rate: float) -> None:
        self._rate = ((self._rate or rate) + rate) / 2
        # Load from elsewhere can look like a gain. So the probe must be better than the base before it and
        # after it.
        follows = _elasticity((self._base, max(self._rate, rate)), self._tried_at)
        if self._is_better(follows, self._tried_for):
            self._move(self._tried_at, self._tried_for)
        else:
            self._return(self._tried_for)

    def _is_better(self, follows: float, tried: Phase) -> bool:
        return follows >= _WORTH_A_STEP if tried is Phase.MORE else follows < _WORTH_NOTHING

    def _move(self, point: Point, tried: Phase) -> None:
        """Makes the probed limit the new base, and probes further at once."""
        self._base, self._rate, self._next = int(point[0]), point[1], tried
        self._streak = min(self._streak + 1, _STREAK_MOST)
        self.phase, self._wait, self._waited = Phase.HOLD, 0, 0
        self._begin(self._base)

    def _return(self, tried: Phase) -> None:
        """Returns to the base and pauses probing. The next probe goes in the other direction."""
        self._next = Phase.LESS if tried is Phase.MORE else Phase.MORE
        self._streak = 0
        # A steady server is probed less and less often.
        self._wait = min(max(2 * self._wait, _WAIT_LEAST), _WAIT_MOST)
        self.phase, self._waited = Phase.HOLD, 0
        self._begin(self._base)


def _elasticity(one: Point, other: Point) -> float:
    """Relative change of throughput over relative change of concurrency between two points."""
    # Relative changes are logarithms, so that a step up and the same step down weigh the same.
    apart = math.log(other[0] / one[0])
    return math.log(other[1] / one[1]) / apart if abs(apart) > 1e-6 else 0.0
