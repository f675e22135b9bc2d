"""Hedged requests: sends a copy of a late request to another server, and takes the first answer.

A hung socket looks like a long answer. Other requests show the difference: a request is late if it takes
several times as long as nearly all requests with the same `max_tokens`, and if at least half of the requests
that were in flight with it have been answered since. A slow or paused server is slow for all requests, so
none of them counts as late and none is copied. The first answer wins, so a wrong guess costs one request and
never an answer (Dean and Barroso, The Tail at Scale, CACM 2013).
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

# The number of recent answers kept per `max_tokens`, and the minimum for a judgement.
_REMEMBERED, _ENOUGH = 128, 16
_NEARLY_ALL = 0.95
_TIMES = 5.0
_LEAST_SECONDS = 1.0
_LOOK_EVERY = 0.25
# The maximum number of copies at the same time, absolute and as a share of all requests.
_COPIES_LEAST, _COPIES_SHARE = 4, 0.05


class AnswerTimes:
    """Records the durations of answers, and decides when a request is late."""

    def __init__(self) -> None:
        self._recent: dict[int, deque[float]] = {}

    def answered(self, max_tokens: int, seconds: float) -> None:
        """Records one answer."""
        recent = self._recent.get(max_tokens)
        if recent is None:
            recent = self._recent[max_tokens] = deque(maxlen=_REMEMBERED)
        recent.append(seconds)

    def late_after(self, max_tokens: int) -> float | None:
        """Seconds after which a request is late. None if too few answers are known."""
        recent = self._recent.get(max_tokens)
        if recent is None or len(recent) < _ENOUGH:
            return None
        usual = sorted(recent)[int(_NEARLY_ALL * (len(recent) - 1))]
        return max(_LEAST_SECONDS, _TIMES * usual)

    @property
    def earliest(self) -> float:
        """Seconds before which no request counts as late."""
        return _LEAST_SECONDS


def overtaken(answered_since: int, among: int) -> bool:
    """Whether enough requests that were in flight with this one have been answered since."""
    return answered_since >= among // 2


@dataclass(slots=True, eq=False)
class InFlightRequest:
    """A try in flight, in `task`.

    `copies` is the number of other tries of the same request. `result` is set if the try is to end with the
    answer or error of its copy, or with a timeout; its task is then cancelled.
    """

    request: Request
    slot: RequestSlot
    task: asyncio.Task[Any]
    copies: int
    copy: asyncio.Task[None] | None = None
    result: bytes | FailedTry | Exception | None = None


# Sends a copy of a request, to another server if there is one.
AskAgain = Callable[[InFlightRequest], Coroutine[Any, Any, bytes]]


class InFlightRequests:
    """All tries in flight, oldest first. Watches for late ones.

    `timeout` is the maximum seconds of any try. `copied` counts the copies.
    """

    def __init__(self, pool: EndpointPool, timeout: float) -> None:
        self.copied = 0
        self._pool = pool
        self._timeout = timeout
        self._answer_times = AnswerTimes()
        self._flights: dict[int, InFlightRequest] = {}
        self._copying: set[asyncio.Task[None]] = set()

    def begin(self, request: Request, slot: RequestSlot, copies: int) -> InFlightRequest:
        """Registers a try of the current task."""
        task = asyncio.current_task()
        assert task is not None, "outside any task"
        flight = self._flights[id(slot)] = InFlightRequest(request, slot, task, copies)
        return flight

    def end(self, flight: InFlightRequest, seconds: float | None) -> None:
        """Removes a try. `seconds` is its duration if there was an answer."""
        del self._flights[id(flight.slot)]
        if flight.copy is not None:
            flight.copy.cancel()
        if seconds is not None:
            self._answer_times.answered(flight.request.max_tokens, seconds)

    async def watch(self, ask_again: AskAgain) -> None:
        """Copies late requests and ends those that time out, until it is cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            now = asyncio.get_running_loop().time()
            for flight in [*self._flights.values()]:
                age = now - flight.slot.since
                # Tries are ordered by age, so all later ones are younger.
                if age < self._answer_times.earliest:
                    break
                if age >= self._timeout:
                    flight.result = FailedTry(Fault.SERVER, f"no answer within {self._timeout:g} s")
                    flight.task.cancel()
                elif flight.copy is None and self._is_late(flight, age):
                    self._copy(flight, ask_again)

    async def close(self) -> None:
        """Cancels the copies in flight."""
        for task in self._copying:
            task.cancel()
        await asyncio.gather(*self._copying, return_exceptions=True)

    def _is_late(self, flight: InFlightRequest, age: float) -> bool:
        if len(self._copying) >= max(_COPIES_LEAST, _COPIES_SHARE * self._pool.in_flight):
            return False
        late_after = self._answer_times.late_after(flight.request.max_tokens)
        # If a copy is late too, the next one waits longer: perhaps this request simply takes long.
        if late_after is None or age < late_after * 2**flight.copies:
            return False
        return overtaken(self._pool.answered - flight.slot.before, flight.slot.among)

    def _copy(self, flight: InFlightRequest, ask_again: AskAgain) -> None:
        self.copied += 1
        flight.copy = asyncio.get_running_loop().create_task(_race(flight, ask_again))
        self._copying.add(flight.copy)
        flight.copy.add_done_callback(self._copying.discard)


async def _race(flight: InFlightRequest, ask_again: AskAgain) -> None:
    """Ends the first try if its copy answers first."""
    result: bytes | Exception
    try:
        result = await ask_again(flight)
    except (RequestFailed, UnreachableError) as error:
        result = error
    flight.copy = None
    flight.result = result
    flight.task.cancel()
