"""The client for one or more OpenAI-compatible servers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from random import Random

from synth.errors import InputError
from synth.http import ConnectionFailed, ReplyTooLong
from synth.llm.base import Json, PrefixCounts, Reply, Request, RequestFailed
from synth.llm.chat_completions import read_body, read_reply, read_usage
from synth.llm.openai_compatible.capabilities import ServerCapabilities
from synth.llm.openai_compatible.concurrency import MOST, START, ConcurrencyController
from synth.llm.openai_compatible.endpoint_health import EndpointHealth, EndpointState, ServerStats
from synth.llm.openai_compatible.hedging import InFlightRequest, InFlightRequests
from synth.llm.openai_compatible.metrics import pause_after, read_metrics
from synth.llm.openai_compatible.model_list import model_names
from synth.llm.openai_compatible.pool import EndpointPool, RequestSlot, all_servers_failed
from synth.llm.openai_compatible.rate_limits import RateLimits
from synth.llm.openai_compatible.retry import FailedTry, Fault, backoff, judge, judge_body
from synth.llm.openai_compatible.transport import Transport

if sys.platform != "win32":
    import resource

# A request that fails this often while others are answered is itself at fault.
_TRIES = 8
_METRICS_SECONDS, _QUICK_LOOK_SECONDS = 5.0, 1.0
_OPEN_TRIES, _OPEN_SECONDS = 3, 12.0
# An error lists at most this number of a server's models, which can be hundreds.
_NAMED_MODELS = 20
# The least initial concurrency of each of several servers.
_START_LEAST = 8
# File descriptors reserved for everything except connections.
_OTHER_FILES = 200
# A low estimate of characters per prompt token, for reservations.
_CHARACTERS_A_TOKEN = 2
# The maximum bytes of a reply: a base, plus bytes per token and per alternative token. All are several
# times the size of real replies.
_REPLY_BYTES, _BYTES_A_TOKEN, _BYTES_A_CHOICE = 2**20, 64, 128
# After this number of replies without the requested JSON, the server is assumed not to enforce schemas.
_IGNORED_SCHEMAS = 3


class EndpointClient:
    """A `Client` for one model on one or several servers (`base_urls`).

    It tunes itself: the concurrency of each server (`concurrency.py`), its capabilities (`capabilities.py`),
    its health (`endpoint_health.py`) and hedged requests (`hedging.py`). `retry.py` decides what is retried.

    `api_key` is sent only to the `base_urls`; a mapping has one key per URL. `send_seed` sends the
    request's seed, which crashes vLLM's CPU build. After `give_up_after` seconds without any reply,
    `UnreachableError` is raised. `timeout` is the maximum seconds of one request. The rate limits
    apply to all servers together. `reply_bytes` is the maximum size of a reply; by default it follows from
    `max_tokens`. `metrics` enables reading `/metrics`.
    """

    def __init__(
        self,
        model: str,
        base_urls: Sequence[str],
        *,
        api_key: str | Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        send_seed: bool = False,
        give_up_after: float = 60.0,
        timeout: float = 900.0,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        reply_bytes: int | None = None,
        metrics: bool = True,
        most_at_once: int = MOST,
    ) -> None:
        if not base_urls:
            raise InputError("no base_url: there is no server to ask.")
        self.model = model
        keys = api_key if isinstance(api_key, Mapping) else dict.fromkeys(base_urls, api_key)
        most = max(1, min(most_at_once, _files_for_each(len(base_urls))))
        urls = list(dict.fromkeys(base_urls))
        start = max(_START_LEAST, START // len(urls))
        self._servers = [
            EndpointState(
                Transport(url, keys.get(url), headers), ConcurrencyController(start=start, most=most)
            )
            for url in urls
        ]
        self._send_seed = send_seed
        self._give_up_after = give_up_after
        self._timeout = timeout
        self._limits = (requests_per_minute, tokens_per_minute)
        self._reply_bytes = reply_bytes
        self._metrics = metrics
        # Randomness only varies waiting times here; it never changes a row.
        self._chance = Random()
        self._tasks: list[asyncio.Task[None]] = []
        self._retries = 0
        self._ignored_schemas: dict[EndpointState, int] = {}
        self._pool: EndpointPool | None = None
        self._flights: InFlightRequests | None = None

    @property
    def in_flight(self) -> int:
        """The number of requests in flight."""
        return self._pool.in_flight if self._pool else 0

    @property
    def retries(self) -> int:
        """The number of retries, for any reason."""
        return self._retries + (self._flights.copied if self._flights else 0)

    @property
    def room(self) -> int:
        """The number of further requests that the servers could accept now."""
        return self._pool.room if self._pool else 0

    def stats(self) -> list[ServerStats]:
        """The current statistics of each server, in the order of `base_urls`."""
        return [server.stats for server in self._servers]

    @property
    def prefix_counts(self) -> PrefixCounts:
        """The servers' reported prefix cache counts since `open`."""
        return sum((server.prefix_counts for server in self._servers), PrefixCounts())

    async def open(self) -> None:
        """Connects, and requests each server's list of models, which reveals a wrong address or key at once.

        Raises `UnreachableError` if no server answers, or none accepts the key.
        """
        limits = RateLimits(*self._limits, asyncio.get_running_loop().time())
        self._pool = EndpointPool(
            self._servers, limits, give_up_after=self._give_up_after, chance=self._chance
        )
        try:
            for server in self._servers:
                await server.transport.open()
            failures = await asyncio.gather(*map(self._greet, self._servers))
            if all(failures):
                raise all_servers_failed(self._servers, "no server can be used")
            # Read before the first request, so that its cache lookups are counted.
            await self._look_at_all()
        except BaseException:
            await self.close()
            raise
        self._flights = InFlightRequests(self._pool, self._timeout)
        work = [self._flights.watch(self._again)]
        if self._metrics:
            work += map(self._observe, self._servers)
        self._tasks = [asyncio.create_task(each) for each in work]

    async def close(self) -> None:
        """Cancels requests in flight and closes all connections."""
        if self._pool is not None:
            self._pool.close()
        if self._flights is not None:
            await self._flights.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks:
            await self._look_at_all()
            self._tasks.clear()
        for server in self._servers:
            await server.transport.close()

    def read(self, raw: bytes) -> Reply:
        """Parses the bytes from `ask`."""
        return read_reply(raw)

    async def ask(self, request: Request) -> bytes:
        """The body of the reply. `Client.ask` documents the errors."""
        return await self._answer(request)

    async def _answer(
        self, request: Request, *, avoid: EndpointState | None = None, copies: int = 0
    ) -> bytes:
        """Retries until there is an answer, or until the request or all servers are at fault."""
        assert self._pool is not None, "not open"
        tokens = (
            len(request.canonical) / _CHARACTERS_A_TOKEN + request.max_tokens if any(self._limits) else 0.0
        )
        faults = tries = 0
        ahead = copies > 0
        while True:
            slot = await self._pool.take(tokens, avoid=avoid, ahead=ahead)
            capabilities = slot.server.capabilities
            outcome = await self._try(request, slot, capabilities, copies)
            if isinstance(outcome, bytes):
                return outcome
            if outcome.fault is Fault.REQUEST:
                if not self._learn(slot.server, capabilities, request, outcome):
                    raise RequestFailed(outcome.words, status=outcome.status or None)
            elif outcome.fault is Fault.SERVER:
                tries += 1
                # The request itself can be at fault only if others are answered.
                faults += slot.server.answered > slot.server_before
                if faults >= _TRIES or (tries % _TRIES == 0 and await self._is_well(slot.server, outcome)):
                    words = f"failed {tries} times. The last error: {outcome.words}"
                    raise RequestFailed(words, status=outcome.status or None)
                await asyncio.sleep(backoff(max(1, faults), self._chance))
            self._retries += 1
            avoid, ahead = slot.server, True

    async def _try(
        self, request: Request, slot: RequestSlot, capabilities: ServerCapabilities, copies: int
    ) -> bytes | FailedTry:
        """One try: returns the answer or the failure. Always releases the slot."""
        assert self._pool is not None
        assert self._flights is not None
        server = slot.server
        flight = self._flights.begin(request, slot, copies)
        outcome: bytes | FailedTry | None = None
        used = 0.0
        try:
            body = capabilities.body(request, send_seed=self._send_seed)
            status, headers, raw = await server.transport.complete(body, self._most_bytes(request))
            outcome, used = self._outcome(server, request, status, headers, raw)
        except ConnectionFailed as error:
            outcome = FailedTry(Fault.SERVER, error.words, refused=error.refused)
        except ReplyTooLong:
            outcome = _too_long(request, self._most_bytes(request))
        except asyncio.CancelledError:
            if flight.result is None or flight.task.uncancel():
                raise
            if isinstance(flight.result, FailedTry):
                outcome = flight.result
            else:
                outcome = FailedTry(Fault.SERVER, "no answer, long after others had one")
                if isinstance(flight.result, Exception):
                    raise flight.result from None
                return flight.result
        finally:
            self._flights.end(flight, self._leave(slot, outcome, used))
        return outcome

    def _leave(self, slot: RequestSlot, outcome: bytes | FailedTry | None, used: float) -> float | None:
        """Releases a slot. After an answer, returns the seconds that it took."""
        assert self._pool is not None
        if isinstance(outcome, bytes):
            return self._pool.answer(slot, used)
        if outcome is None:
            self._pool.left(slot)
        else:
            self._pool.failed(slot, outcome)
        return None

    def _outcome(
        self, server: EndpointState, request: Request, status: int, headers: Mapping[str, str], raw: bytes
    ) -> tuple[bytes | FailedTry, float]:
        """Classifies an HTTP response, and counts the tokens that it used."""
        if status != 200:
            failure = judge(status, headers, raw, answered_before=server.answered > 0)
            words = server.transport.without_key(failure.words)
            if status == 404 and server.models:
                words += f" It has: {', '.join(server.models[:_NAMED_MODELS])}."
            return FailedTry(failure.fault, words, status, failure.wait), 0.0
        try:
            body = read_body(raw)
        except ValueError:
            return FailedTry(Fault.SERVER, "the answer is not JSON, or is incomplete", status), 0.0
        if wrong := judge_body(body):
            return wrong, 0.0
        if request.schema is not None:
            self._see_schema(server, body)
        if not any(self._limits):
            return raw, 0.0
        usage = read_usage(body).of(request.canonical)
        return raw, float(usage.prompt + usage.completion)

    def _learn(
        self, server: EndpointState, used: ServerCapabilities, request: Request, failure: FailedTry
    ) -> bool:
        """Whether the server refused the form of a request and not its content. If so, switches to another
        form.
        """
        better = used.after_refusal(request, failure.words, send_seed=self._send_seed)
        if better is None:
            return False
        # Many requests in the old form may be refused. Only the first refusal changes the form.
        if server.capabilities == used:
            server.capabilities = better
        return True

    def _see_schema(self, server: EndpointState, body: Json) -> None:
        """Detects servers that accept a schema and ignore it. They then get the schema in the prompt, too."""
        if not server.capabilities.enforces_schemas or body["choices"][0].get("finish_reason") != "stop":
            return
        text = body["choices"][0]["message"].get("content")
        if isinstance(text, str) and text.rstrip().endswith(("}", "]")):
            self._ignored_schemas[server] = -sys.maxsize
            return
        self._ignored_schemas[server] = self._ignored_schemas.get(server, 0) + 1
        if self._ignored_schemas[server] >= _IGNORED_SCHEMAS:
            while server.capabilities.enforces_schemas:
                server.capabilities = server.capabilities.with_weaker_form()

    def _most_bytes(self, request: Request) -> int:
        if self._reply_bytes is not None:
            return self._reply_bytes
        choices = request.logprobs + 1 if request.logprobs else 0
        return _REPLY_BYTES + request.max_tokens * (_BYTES_A_TOKEN + choices * _BYTES_A_CHOICE)

    async def _is_well(self, server: EndpointState, failure: FailedTry) -> bool:
        """Whether the server answers other requests. If so, a request that keeps failing is itself at
        fault.
        """
        if not failure.status:
            return False
        probe = Request([{"role": "user", "content": "Say yes."}], self.model, 1)
        try:
            async with asyncio.timeout(self._timeout):
                body = server.capabilities.body(probe)
                status, headers, raw = await server.transport.complete(body, self._most_bytes(probe))
        except (ConnectionFailed, ReplyTooLong, TimeoutError):
            return False
        return isinstance(self._outcome(server, probe, status, headers, raw)[0], bytes)

    async def _greet(self, server: EndpointState) -> FailedTry | None:
        """Why a server cannot be used. None if it can, or if only the first request will show it."""
        for tries in range(1, _OPEN_TRIES + 1):
            try:
                status, headers, raw = await server.transport.models(_OPEN_SECONDS)
            except ConnectionFailed as error:
                failure = FailedTry(Fault.SERVER, error.words, refused=True)
                if error.settled:
                    break
                if tries < _OPEN_TRIES:
                    await asyncio.sleep(backoff(tries, self._chance, first=0.5))
                continue
            if status == 200:
                server.models = model_names(raw)
            if status in (200, 404, 405) or status >= 500 or status == 429:
                return None
            failure = judge(status, headers, raw, answered_before=False)
            words = server.transport.without_key(failure.words)
            failure = FailedTry(failure.fault, words, status)
            break
        server.exclude(failure, asyncio.get_running_loop().time())
        return failure

    async def _again(self, flight: InFlightRequest) -> bytes:
        return await self._answer(flight.request, avoid=flight.slot.server, copies=flight.copies + 1)

    async def _observe(self, server: EndpointState) -> None:
        """Polls `/metrics`, rarely enough to cost little, until it turns out to be missing."""
        now = asyncio.get_running_loop().time
        await asyncio.sleep(pause_after(0.0))
        asked = now()
        while await self._look(server, _METRICS_SECONDS):
            took = now() - asked
            if self._pool is not None:
                self._pool.dispatch()
            await asyncio.sleep(pause_after(took))
            asked = now()

    async def _look_at_all(self) -> None:
        """Reads the metrics of each server once; needed at the start and at the end for the counts."""
        if self._metrics:
            well = [server for server in self._servers if server.state is EndpointHealth.READY]
            await asyncio.gather(*(self._look(server, _QUICK_LOOK_SECONDS) for server in well))

    async def _look(self, server: EndpointState, seconds: float) -> bool:
        """Reads `/metrics` once. Returns whether to read it again."""
        try:
            status, _, raw = await server.transport.metrics(seconds)
        except ConnectionFailed:
            return True
        seen = read_metrics(raw) if status == 200 else None
        if seen is not None:
            server.observe(seen)
        return seen is not None


def _too_long(request: Request, most: int) -> FailedTry:
    """The error for a reply that is too long. Final, because a retry would be as long and as slow."""
    words = f"the reply has more than {most:,} bytes, with a max_tokens of {request.max_tokens}: it was not "
    words += "read to its end. Where replies are right to be so long, set limits.reply_bytes of the model."
    return FailedTry(Fault.REQUEST, words, 200)


def _files_for_each(servers: int) -> int:
    """The maximum number of connections per server, from this process's limit on open files.

    The soft limit is often 1,024 for the sake of programs that use `select`; a process may raise it to the
    hard limit without privileges.
    """
    if sys.platform == "win32":
        return MOST
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OTHER_FILES + servers * MOST
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(1, (soft - _OTHER_FILES) // servers)
    return MOST
