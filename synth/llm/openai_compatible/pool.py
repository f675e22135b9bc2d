"""One queue for several servers: sends requests to servers with room, and avoids sick ones."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from random import Random

from synth.errors import UnreachableError
from synth.llm.openai_compatible.concurrency import CohortTicket
from synth.llm.openai_compatible.endpoint_health import EndpointHealth, EndpointState
from synth.llm.openai_compatible.rate_limits import RateLimits
from synth.llm.openai_compatible.retry import FailedTry

# Seconds. "Too many requests" may last longer than an outage, because the server does answer.
_BUSY_PATIENCE = 10.0
# Seconds until the next check, when a request in flight outlasts `give_up_after`.
_SOON = 1.0
# Seconds. Pauses that a server did not ask for are shorter.
_NAMED_WAIT = 10.0
_ALL_REFUSE, _REFUSES = "every server refuses every request", "the server refuses every request"


@dataclass(slots=True, eq=False)
class RequestSlot:
    """A request's slot on a server, from `take` until `answer`, `failed` or `left`.

    `since` is the time when it was taken. `before` and `server_before` are the numbers of answers from the
    pool and from the server at that time. `among` is the number of requests that were in flight in the pool.
    """

    server: EndpointState
    ticket: CohortTicket
    tokens: float
    since: float
    before: int
    server_before: int
    among: int


class _Waiter:
    __slots__ = ("avoid", "slot", "tokens")

    def __init__(self, slot: asyncio.Future[RequestSlot], tokens: float, avoid: EndpointState | None) -> None:
        self.slot = slot
        self.tokens = tokens
        self.avoid = avoid


class EndpointPool:
    """Assigns slots on servers, first come, first served. Retries go before new requests.

    After `give_up_after` seconds without any answer, the pool gives up and raises `UnreachableError` for all
    requests.
    """

    def __init__(
        self, servers: Sequence[EndpointState], limits: RateLimits, *, give_up_after: float, chance: Random
    ) -> None:
        self.servers = servers
        self.answered = 0
        self._limits = limits
        self._give_up_after = give_up_after
        self._chance = chance
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._over: UnreachableError | None = None

    @property
    def in_flight(self) -> int:
        """The number of requests in flight on all servers."""
        return sum(server.controller.in_flight for server in self.servers)

    @property
    def room(self) -> int:
        """The number of further requests that the servers could accept now, besides those with a slot or
        waiting for one.
        """
        free = sum(
            s.controller.limit - s.controller.in_flight
            for s in self.servers
            if s.state is EndpointHealth.READY
        )
        return free - len(self._queue)

    async def take(
        self, tokens: float, *, avoid: EndpointState | None = None, ahead: bool = False
    ) -> RequestSlot:
        """Waits for a slot for a request of at most `tokens` tokens.

        `avoid` is a server to use only if no other can take the request. `ahead` puts the request first.
        """
        if self._over is not None:
            raise self._over
        # A new request must not overtake those that wait.
        if not self._queue:
            now = self._loop.time()
            server = self._choose(now, avoid)
            if server is not None and not (self._limits and self._limits.wait(tokens, now)):
                return self._enter(server, tokens, now)
        waiter = _Waiter(self._loop.create_future(), tokens, avoid)
        if ahead:
            self._queue.appendleft(waiter)
        else:
            self._queue.append(waiter)
        self.dispatch()
        try:
            return await waiter.slot
        except asyncio.CancelledError:
            # The slot was assigned just before the cancellation, so it must be released.
            if waiter.slot.done() and not waiter.slot.cancelled() and not waiter.slot.exception():
                self.left(waiter.slot.result())
            raise

    def answer(self, slot: RequestSlot, tokens: float) -> float:
        """Releases a slot after an answer that used `tokens` tokens. Returns the seconds that it took."""
        now = self._loop.time()
        self.answered += 1
        self._limits.give_back(slot.tokens - tokens, now)
        seconds = now - slot.since
        slot.server.answer(slot.ticket, seconds)
        self.dispatch()
        return seconds

    def failed(self, slot: RequestSlot, failure: FailedTry) -> None:
        """Releases a slot after a failed try."""
        now = self._loop.time()
        self._limits.give_back(slot.tokens, now)
        slot.server.failure(slot.ticket, failure, slot.since, now, self._chance)
        self.dispatch()

    def left(self, slot: RequestSlot) -> None:
        """Releases the slot of an abandoned request."""
        slot.server.left(slot.ticket)
        self.dispatch()

    def dispatch(self) -> None:
        """Assigns all free slots."""
        if not self._queue:
            return
        now = self._loop.time()
        while self._queue:
            waiter = self._queue[0]
            if waiter.slot.done():
                self._queue.popleft()
                continue
            wait = self._limits.wait(waiter.tokens, now) if self._limits else 0.0
            if wait:
                self._again(now + wait)
                return
            server = self._choose(now, waiter.avoid)
            # No server has room, so those behind this one cannot get a slot either.
            if server is None:
                break
            self._queue.popleft()
            waiter.slot.set_result(self._enter(server, waiter.tokens, now))
        if self._queue:
            self._wait_for_health(now)

    def give_up(self, error: UnreachableError) -> None:
        """Raises `error` for all waiting and all future requests."""
        self._over = error
        for waiter in self._queue:
            if not waiter.slot.done():
                waiter.slot.set_exception(error)
        self._queue.clear()

    def close(self) -> None:
        """Stops the timer, and raises an error for all waiting requests."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.give_up(UnreachableError("the client was closed."))

    def _enter(self, server: EndpointState, tokens: float, now: float) -> RequestSlot:
        if self._limits:
            self._limits.take(tokens, now)
        ticket = server.sent()
        among = server.controller.in_flight if len(self.servers) == 1 else self.in_flight
        return RequestSlot(server, ticket, tokens, now, self.answered, server.answered, among)

    def _choose(self, now: float, avoid: EndpointState | None) -> EndpointState | None:
        if len(self.servers) == 1:
            only = self.servers[0]
            return only if only.room(now) else None
        free = [server for server in self.servers if server.room(now)]
        if len(free) > 1 and avoid in free:
            free.remove(avoid)
        return min(free, key=attrgetter("load"), default=None)

    def _wait_for_health(self, now: float) -> None:
        """Schedules the next check of the servers. Gives up after too long without a reply."""
        if all(server.state is EndpointHealth.READY and server.again_at <= now for server in self.servers):
            return
        alive = [server for server in self.servers if server.state is not EndpointHealth.GONE]
        if not alive:
            self.give_up(all_servers_failed(self.servers, _ALL_REFUSE if len(self.servers) > 1 else _REFUSES))
            return
        times = [server.again_at for server in alive if server.again_at > now]
        since = max(server.failing_since or now for server in alive)
        busy = any(server.is_busy for server in alive)
        end = since + self._give_up_after * (_BUSY_PATIENCE if busy else 1.0)
        soonest = min(server.again_at for server in alive)
        if soonest > max(end, now + _NAMED_WAIT) and not self.in_flight:
            # A server may ask for a pause of hours. Waiting silently would look like a hung run.
            self.give_up(
                all_servers_failed(
                    alive, f"no server accepts requests within the next {soonest - now:,.0f} s"
                )
            )
            return
        if all(server.state is not EndpointHealth.READY for server in alive):
            if now >= end and not self.in_flight:
                self.give_up(all_servers_failed(alive, f"no server has answered for {now - since:.0f} s"))
                return
            times.append(max(end, now + _SOON))
        if times:
            self._again(min(times))

    def _again(self, when: float) -> None:
        if self._timer is not None:
            if self._timer_at <= when and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer, self._timer_at = self._loop.call_at(when, self._wake), when

    def _wake(self) -> None:
        self._timer = None
        self.dispatch()


def all_servers_failed(servers: Sequence[EndpointState], what: str) -> UnreachableError:
    """The error for all servers: `what` is wrong, with the last message of each server."""
    failures = [(server.transport.label, server.last_failure) for server in servers]
    words = "; ".join(f"{label}: {failure.words}" for label, failure in failures if failure is not None)
    statuses = {failure.status for _, failure in failures if failure is not None}
    return UnreachableError(f"{what}. {words}".rstrip(), hint=hint_of(statuses))


def hint_of(statuses: Iterable[int]) -> str | None:
    """A hint for the servers' HTTP status."""
    if any(status in (401, 403) for status in statuses):
        return "Is the key correct, and does it belong to this server?"
    if any(status in (404, 405) for status in statuses):
        return "Does the address end in /v1, and is the model's name correct?"
    if any(300 <= status < 400 for status in statuses):
        return "Use the final address as the base_url. Redirects are not followed."
    return None
