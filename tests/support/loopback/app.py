"""The routes of a loopback server: completions with faults, models, metrics, health, control and log."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from functools import partial
from random import Random
from typing import Any, TextIO
from urllib.parse import parse_qs, urlsplit

import orjson

from synth.llm.base import Json, Reply
from synth.llm.chat_completions import write_reply
from synth.llm.fake.replies import fake_reply, finish_reply, message_text
from tests.support.loopback.http import Connection
from tests.support.loopback.request import CompletionRequest, Refused, read_request
from tests.support.loopback.service import Job, Service
from tests.support.loopback.settings import Settings

_BLOCK = 16  # words of a prefix-cache block
_CANNED = (
    "This is the answer to prompt {key}. It is short, it is always the same, and it takes no time to make."
)


class App:
    """Serves one `Settings` to all connections, and remembers what was asked."""

    def __init__(self, settings: Settings, log: TextIO | None = None) -> None:
        self.settings = settings
        self._loop = asyncio.get_running_loop()
        self._service = Service(self._loop, settings)
        self._busy_until = self._loop.time() + settings.busy
        self._log = log
        self._minute: list[float] = []
        self._blocks: set[bytes] = set()
        self._cache = Counter[str]()
        self._statuses = Counter[str]()
        self._asked = Counter[str]()
        self._answered = Counter[str]()
        self._recorded: list[Json] = []
        self._most_at_once = 0
        self._metrics_reads = 0

    def handle(self, connection: Connection, method: bytes, target: str, body: bytes) -> None:
        """Answers one request on `connection`, now or when the engine is through with it."""
        if target == "/v1/chat/completions":
            self._complete(connection, body)
            return
        path = urlsplit(target).path
        match method, path:
            case b"POST", "/control":
                self._control(connection, body)
            case b"GET", "/log":
                bodies = "bodies" in parse_qs(urlsplit(target).query)
                connection.respond(200, orjson.dumps(self._history(bodies)))
            case b"GET", "/health":
                connection.respond(self.settings.health, b"")
            case b"GET", "/metrics" if self.settings.metrics:
                self._tell_metrics(connection)
            case b"GET", "/v1/models":
                self._models(connection)
            case _:
                connection.respond(404, orjson.dumps({"detail": "Not Found"}))

    def _control(self, connection: Connection, body: bytes) -> None:
        try:
            self.settings = self.settings.changed(orjson.loads(body))
        except ValueError as error:
            connection.respond(400, _error(400, str(error)))
            return
        self._busy_until = self._loop.time() + self.settings.busy
        self._service.configure(self.settings)
        connection.respond(200, b"{}")

    def _tell_metrics(self, connection: Connection) -> None:
        self._metrics_reads += 1
        tell = partial(connection.respond, 200, self._metrics(), kind=b"text/plain; version=0.0.4")
        self._loop.call_later(self.settings.metrics_time, tell)

    def _history(self, bodies: bool) -> Json:
        history: Json = {
            "requests": self._asked.total(),
            "metrics_reads": self._metrics_reads,
            "answered": self._answered.total(),
            "asked": self._asked,
            "answers": self._answered,
            "statuses": self._statuses,
            "most_at_once": self._most_at_once,
        }
        if bodies:
            history["bodies"] = self._recorded
        return history

    def _models(self, connection: Connection) -> None:
        if refused := self._refusal(connection):
            self._refuse(connection, refused)
            return
        data = [{"id": name, "object": "model"} for name in self.settings.models.split(",")]
        connection.respond(200, orjson.dumps({"object": "list", "data": data}))

    def _metrics(self) -> bytes:
        label = f'{{engine="0",model_name="{self.settings.models.split(",")[0]}"}}'
        values = {
            "vllm:num_requests_running": self._service.running,
            "vllm:num_requests_waiting": self._service.waiting,
            "vllm:kv_cache_usage_perc": min(1.0, self._service.running / self.settings.capacity),
            "vllm:prefix_cache_queries_total": self._cache["queries"],
            "vllm:prefix_cache_hits_total": self._cache["hits"],
        }
        return "".join(f"{name}{label} {float(value)}\n" for name, value in values.items()).encode()

    def _complete(self, connection: Connection, body: bytes) -> None:
        try:
            request = read_request(body)
        except Refused as error:
            self._refuse(connection, error)
            return
        key = hashlib.blake2b(request.key, digest_size=8).hexdigest()
        times = self._asked[key]
        self._asked[key] = times + 1
        if self.settings.record:
            seen = {"key": connection.header(b"authorization"), "body": orjson.loads(body), "prompt": key}
            self._recorded.append(seen)
        refused = self._refusal(connection) or request.refusal(self.settings)
        if refused:
            self._refuse(connection, refused)
            return
        _Answer(self, connection, request, key, Random(f"{key}:{times}")).start()

    def _refusal(self, connection: Connection) -> Refused | None:
        """What stands against any request at this moment."""
        settings = self.settings
        if settings.redirect:
            return Refused(307, "moved", f"Location: {settings.redirect}\r\n".encode())
        if settings.key and connection.header(b"authorization") != f"Bearer {settings.key}":
            return Refused(401, "Incorrect API key provided.")
        now = self._loop.time()
        full = settings.queue >= 0 and self._service.waiting > settings.queue
        if now < self._busy_until or full or self._over_the_minute(now):
            after = f"Retry-After: {settings.retry_after:g}\r\n".encode() if settings.retry_after else b""
            return Refused(429, "Rate limit reached. Try again later.", after)
        return None

    def _over_the_minute(self, now: float) -> bool:
        if not self.settings.requests_per_minute:
            return False
        self._minute = [then for then in self._minute if then > now - 60]
        if len(self._minute) >= self.settings.requests_per_minute:
            return True
        self._minute.append(now)
        return False

    def _refuse(self, connection: Connection, refused: Refused) -> None:
        self._statuses[str(refused.status)] += 1
        connection.respond(refused.status, _error(refused.status, str(refused)), refused.headers)

    def cached_words(self, words: list[str]) -> int:
        """Counts a prompt in the prefix cache: how many of its words were there, whole blocks only."""
        hits, fresh, digest = 0, False, b""
        for start in range(0, len(words) - _BLOCK + 1, _BLOCK):
            block = digest + " ".join(words[start : start + _BLOCK]).encode()
            digest = hashlib.blake2b(block, digest_size=8).digest()
            fresh = fresh or digest not in self._blocks
            self._blocks.add(digest)
            hits += 0 if fresh else _BLOCK
        self._cache.update(queries=len(words), hits=hits)
        return hits

    def submit(self, job: Job, connection: Connection) -> None:
        """Puts a job into the engine, and takes it out again if its client goes away."""
        connection.lost = lambda: self._service.cancel(job)
        self._service.submit(job)
        self._most_at_once = max(self._most_at_once, self._service.running)

    def count(self, status: str, key: str) -> None:
        """Notes how a completion ended: `200` for an answer, else the name of the fault."""
        self._statuses[status] += 1
        if status == "200":
            self._answered[key] += 1
        if self._log is not None:
            self._log.write(f"{key} {status}\n")
            self._log.flush()


class _Answer:
    """One completion on its way: its reply and its fault are settled when it starts."""

    __slots__ = ("_app", "_chance", "_connection", "_fault", "_key", "_reply", "_request")

    def __init__(
        self, app: App, connection: Connection, request: CompletionRequest, key: str, chance: Random
    ) -> None:
        self._app, self._connection, self._request, self._key = app, connection, request, key
        self._chance = chance
        self._fault = self._draw_fault()
        self._reply = self._make_reply()

    def start(self) -> None:
        settings = self._app.settings
        if self._fault == "hang":
            self._app.count("hang", self._key)
            return
        work = settings.latency + settings.token_time * self._reply.usage.completion
        if settings.jitter:
            work *= 1 + settings.jitter * (2 * self._chance.random() - 1)
        if work <= 0 and not self._app.settings.knee:
            self._finish()
        else:
            self._app.submit(Job(work, self._finish), self._connection)

    def _draw_fault(self) -> str:
        settings = self._app.settings
        luck = self._chance.random()
        for fault in ("error_500", "drop", "hang", "cut", "broken", "garbled", "aborted"):
            luck -= getattr(settings, fault)
            if luck < 0:
                return fault
        return ""

    def _make_reply(self) -> Reply:
        request, settings = self._request, self._app.settings
        model, limit = request.model, request.max_tokens
        if settings.canned:
            return finish_reply((), _CANNED.format(key=self._key), max_tokens=limit, model=model)
        prompt = " ".join(map(message_text, request.messages)).split()
        cached = self._app.cached_words(prompt)
        reply = fake_reply(
            request.messages,
            key=self._key,
            max_tokens=limit,
            schema=request.schema,
            logprobs=request.logprobs,
            model=model,
        )
        if self._fault in ("cut", "broken", "aborted"):
            finish = {"cut": "length", "broken": "stop", "aborted": "abort"}[self._fault]
            half = reply.text[: len(reply.text) // 2]
            reply = finish_reply(request.messages, half, max_tokens=limit, model=model, finish=finish)
        return request.with_thinking(reply, settings.reasoning, cached)

    def _finish(self) -> None:
        connection, body = self._connection, write_reply(self._reply)
        connection.lost = None
        status = self._fault if self._fault in ("drop", "garbled", "error_500", "aborted") else "200"
        self._app.count(status, self._key)
        match self._fault:
            case "error_500":
                connection.respond(500, _error(500, "the engine stumbled"))
            case "drop":
                connection.break_off(body)
            case "garbled":
                connection.respond(200, body[: len(body) // 2])
            case _:
                connection.respond(200, body)


def _error(status: int, words: str) -> bytes:
    detail: dict[str, Any] = {"message": words, "type": "error", "param": None, "code": status}
    return orjson.dumps({"error": detail})
