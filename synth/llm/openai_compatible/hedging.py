"""Which requests are late enough to ask again elsewhere, while the first one is still listened to.

A socket that hangs looks like a long answer. What tells them apart is the others: a request is late when
it takes several times what nearly all requests with the same `max_tokens` took, and at least half of
those that were in flight with it have been answered since. A server that is slow, or stands still for a
while, is slow for all: nothing is late there, and nothing is asked twice. The first to answer wins, so
that being wrong costs one request and never an answer ("hedged requests": Dean and Barroso, The Tail at
Scale, CACM 2013).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from synth.errors import UnreachableError
from synth.llm.base import Request, RequestFailed
from synth.llm.openai_compatible.pool import EndpointPool, RequestSlot
from synth.llm.openai_compatible.retry import FailedTry, Fault

# Recent answers that are remembered for each `max_tokens`, and how many it takes to judge by them.
_REMEMBERED, _ENOUGH = 128, 16
_NEARLY_ALL = 0.95
_TIMES = 5.0
_LEAST_SECONDS = 1.0
_LOOK_EVERY = 0.25
# Requests that are asked twice at the same time: at most so many, or such a share of all.
_COPIES_LEAST, _COPIES_SHARE = 4, 0.05


class AnswerTimes:
    """Remembers how long answers take, and says when one takes too long."""

    def __init__(self) -> None:
        self._recent: dict[int, deque[float]] = {}

    def answered(self, max_tokens: int, seconds: float) -> None:
        """Remembers one answer."""
        recent = self._recent.get(max_tokens)
        if recent is None:
            recent = self._recent[max_tokens] = deque(maxlen=_REMEMBERED)
        recent.append(seconds)

    def late_after(self, max_tokens: int) -> float | None:
        """Seconds after which a request is late; None where too few are known to say."""
        recent = self._recent.get(max_tokens)
        if recent is None or len(recent) < _ENOUGH:
            return None
        usual = sorted(recent)[int(_NEARLY_ALL * (len(recent) - 1))]
        return max(_LEAST_SECONDS, _TIMES * usual)

    @property
    def earliest(self) -> float:
        """Seconds before which nothing is ever late."""
        return _LEAST_SECONDS


def overtaken(answered_since: int, among: int) -> bool:
    """Whether so many answers since, of those that were in flight with it, make a request look forgotten."""
    return answered_since >= among // 2


@dataclass(slots=True, eq=False)
class InFlightRequest:
    """A try under way, in `task`. `copies` is how many tries of the same request it was made beside.

    `result` is set where it is to end with the answer or the error of its copy, or for lack of time; its
    task is then cancelled.
    """

    request: Request
    slot: RequestSlot
    task: asyncio.Task[Any]
    copies: int
    copy: asyncio.Task[None] | None = None
    result: bytes | FailedTry | Exception | None = None


# Asks the request of a flight again, on another server where there is one.
AskAgain = Callable[[InFlightRequest], Coroutine[Any, Any, bytes]]


class InFlightRequests:
    """All tries under way, oldest first, and a look-out for those that are late.

    `timeout` is how many seconds any try may take, late or not. `copied` counts the copies.
    """

    def __init__(self, pool: EndpointPool, timeout: float) -> None:
        self.copied = 0
        self._pool = pool
        self._timeout = timeout
        self._answer_times = AnswerTimes()
        self._flights: dict[int, InFlightRequest] = {}
        self._copying: set[asyncio.Task[None]] = set()

    def begin(self, request: Request, slot: RequestSlot, copies: int) -> InFlightRequest:
        """Counts in a try that the current task makes."""
        task = asyncio.current_task()
        assert task is not None, "outside any task"
        flight = self._flights[id(slot)] = InFlightRequest(request, slot, task, copies)
        return flight

    def end(self, flight: InFlightRequest, seconds: float | None) -> None:
        """Counts it out, after so many seconds where there was an answer."""
        del self._flights[id(flight.slot)]
        if flight.copy is not None:
            flight.copy.cancel()
        if seconds is not None:
            self._answer_times.answered(flight.request.max_tokens, seconds)

    async def watch(self, ask_again: AskAgain) -> None:
        """Copies what is late and ends what takes too long, until it is cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            now = asyncio.get_running_loop().time()
            for flight in [*self._flights.values()]:
                age = now - flight.slot.since
                if age < self._answer_times.earliest:
                    break
                if age >= self._timeout:
                    flight.result = FailedTry(Fault.SERVER, f"no answer within {self._timeout:g} s")
                    flight.task.cancel()
                elif flight.copy is None and self._is_late(flight, age):
                    self._copy(flight, ask_again)

    async def close(self) -> None:
        """Ends the copies under way."""
        for task in self._copying:
            task.cancel()
        await asyncio.gather(*self._copying, return_exceptions=True)

    def _is_late(self, flight: InFlightRequest, age: float) -> bool:
        if len(self._copying) >= max(_COPIES_LEAST, _COPIES_SHARE * self._pool.in_flight):
            return False
        late_after = self._answer_times.late_after(flight.request.max_tokens)
        # A copy that is late, too, is given longer: perhaps this request just takes so long.
        if late_after is None or age < late_after * 2**flight.copies:
            return False
        return overtaken(self._pool.answered - flight.slot.before, flight.slot.among)

    def _copy(self, flight: InFlightRequest, ask_again: AskAgain) -> None:
        self.copied += 1
        flight.copy = asyncio.get_running_loop().create_task(_race(flight, ask_again))
        self._copying.add(flight.copy)
        flight.copy.add_done_callback(self._copying.discard)


async def _race(flight: InFlightRequest, ask_again: AskAgain) -> None:
    """Ends the first try if its copy is faster."""
    result: bytes | Exception
    try:
        result = await ask_again(flight)
    except (RequestFailed, UnreachableError) as error:
        result = error
    flight.copy = None
    flight.result = result
    flight.task.cancel()
