"""HTTP to the servers that `synth` itself asks: models, their metrics and health, and Argilla.

A key stays with its server. No proxy of the environment is used: a proxy that got a request for this
machine would see the key, and could not deliver it. No redirect is followed: the key would go along. The
library works in a thread without Python's lock, which leaves the event loop a fifth of what aiohttp costs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import TypeVar

from pyreqwest.client import BaseClientBuilder, Client, ClientBuilder, SyncClientBuilder
from pyreqwest.exceptions import (
    ConnectError,
    ConnectTimeoutError,
    DetailedPyreqwestError,
    PyreqwestError,
    RequestTimeoutError,
)
from pyreqwest.http import Url
from pyreqwest.request import RequestBuilder
from pyreqwest.response import BaseResponse, Response

# Letters of a key that is taken out of answers: of one that could be a word, and of any other.
_LONG_WORD, _SHORTEST_KEY = 16, 8
# Below the 5 s after which uvicorn, and so vLLM and Argilla, closes an idle connection: ours must go first.
_KEEP_ALIVE = timedelta(seconds=4)
_CONNECT = timedelta(seconds=10)
# What TLS says of an answer in plain HTTP.
_NOT_TLS = "InvalidContentType"
# A host that vanished without a word (power, network) is noticed after 30 + 3 * 10 s, even by a socket that
# only waits for an answer.
_PROBE_IDLE, _PROBE_EVERY, _PROBES = timedelta(seconds=30), timedelta(seconds=10), 3
# Bytes of an error's words.
_LONGEST_ERROR = 2**16

# Status, headers (only of an error, and only those that somebody reads) and body.
HttpAnswer = tuple[int, Mapping[str, str], bytes]

_Builder = TypeVar("_Builder", bound=BaseClientBuilder)


class ConnectionFailed(Exception):
    """No whole HTTP answer. `words` says what happened, `refused` that there is no server at all, `settled`
    that another try soon would end alike, `timed_out` that the answer did not come in time.
    """

    def __init__(
        self, words: str, *, refused: bool = False, settled: bool = False, timed_out: bool = False
    ) -> None:
        super().__init__(words)
        self.words = words
        self.refused = refused
        self.settled = settled
        self.timed_out = timed_out


class ReplyTooLong(Exception):
    """The answer has more bytes than it may have; the rest of it was not read."""


class SecretKey:
    """A key that no error and no answer may show. No `repr` shows it, either."""

    def __init__(self, key: str | None) -> None:
        self._key = key
        self._forms = _forms(key) if key and _is_secret(key) else ()

    def hidden_in(self, words: str) -> str:
        """The words of a server, which may repeat the key that it was shown, without it."""
        return words.replace(self._key, "[key]") if self._key else words

    def hidden_in_body(self, body: bytes) -> bytes:
        """The same for the body of an answer, before anybody keeps it."""
        for form in self._forms:
            if form in body:
                body = body.replace(form, b"[key]")
        return body


class HttpClient:
    """Connections to servers that get the same headers. `key` is what in them is secret.

    This is the hot path: bodies are bytes, and nothing is added to a request.
    """

    def __init__(self, headers: Mapping[str, str], key: SecretKey) -> None:
        self._headers = headers
        self._key = key
        self._client: Client | None = None

    async def open(self) -> None:
        """Makes the client; connections come with the requests."""
        self._client = _with_our_rules(ClientBuilder(), self._headers).build()

    async def close(self) -> None:
        """Closes all connections. May be called twice."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def post(self, url: Url, body: bytes, most: int) -> HttpAnswer:
        """Raises `ConnectionFailed`, and `ReplyTooLong` for a body of more than `most` bytes."""
        assert self._client is not None, "not open"
        try:
            status, headers, answer = await _answer(self._client.post(url).body_bytes(body), most)
        except PyreqwestError as error:
            raise _failed(error, str(url), self._key) from None
        return status, headers, self._key.hidden_in_body(answer)

    async def get(self, url: Url, most: int, seconds: float) -> HttpAnswer:
        """Raises `ConnectionFailed`, also where the answer is too long or does not come in time."""
        assert self._client is not None, "not open"
        try:
            async with asyncio.timeout(seconds):
                status, headers, answer = await _answer(self._client.get(url), most)
        except PyreqwestError as error:
            # First: the library's own time-outs are `TimeoutError`s, too.
            raise _failed(error, str(url), self._key) from None
        except TimeoutError:
            raise ConnectionFailed(f"no answer within {seconds:g} s", timed_out=True) from None
        except ReplyTooLong:
            raise ConnectionFailed(f"the answer has more than {most} bytes") from None
        return status, headers, self._key.hidden_in_body(answer)


class BlockingHttpClient:
    """The same for code outside an event loop. A server may be silent for `seconds`.

    Answers are left as they are, since they hold what people wrote; errors do not show the key.
    """

    def __init__(
        self, seconds: float, headers: Mapping[str, str] | None = None, key: str | None = None
    ) -> None:
        self._key = SecretKey(key)
        builder = _with_our_rules(SyncClientBuilder(), headers or {})
        self._client = builder.read_timeout(timedelta(seconds=seconds)).build()

    def request(self, method: str, url: str, body: bytes | None = None) -> HttpAnswer:
        """Raises `ConnectionFailed`."""
        request = self._client.request(method, Url(url))
        try:
            with (request if body is None else request.body_bytes(body)).build_streamed() as answer:
                status, headers = answer.status, _headers(answer)
                content = answer.bytes().to_bytes()
        except PyreqwestError as error:
            raise _failed(error, url, self._key) from None
        return status, headers, content

    def close(self) -> None:
        """Closes all connections. May be called twice."""
        self._client.close()

    def __enter__(self) -> BlockingHttpClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _with_our_rules(builder: _Builder, headers: Mapping[str, str]) -> _Builder:
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", **headers}
    builder = builder.default_headers(headers).http1_only().user_agent("synth")
    builder = builder.no_proxy().follow_redirects(False).referer(False)
    builder = builder.gzip(False).brotli(False).zstd(False).deflate(False)
    builder = builder.connect_timeout(_CONNECT).pool_idle_timeout(_KEEP_ALIVE).tcp_keepalive(_PROBE_IDLE)
    return builder.tcp_keepalive_interval(_PROBE_EVERY).tcp_keepalive_retries(_PROBES)


def _failed(error: PyreqwestError, url: str, key: SecretKey) -> ConnectionFailed:
    words = _words(error)
    silent = isinstance(error, ConnectTimeoutError)
    other_protocol = _NOT_TLS in words
    if silent:
        words = f"no connection within {_CONNECT.total_seconds():g} s"
    if other_protocol:
        words = "the answer is not HTTPS"
    if other_protocol or (silent and url.lower().startswith("https:")):
        words += ". Perhaps the server speaks plain HTTP: try http://"
    return ConnectionFailed(
        key.hidden_in(words),
        refused=silent or isinstance(error, ConnectError),
        settled=silent or other_protocol,
        timed_out=isinstance(error, RequestTimeoutError) and not silent,
    )


async def _answer(request: RequestBuilder, most: int) -> HttpAnswer:
    """Status, headers and body; of an error, as much as anybody reads. Raises `ReplyTooLong`.

    The library lets an answer win over a cancellation that comes at the same moment, and the cancellation is
    lost: code that waits for the task to end would wait for ever."""
    async with request.build_streamed() as answer:
        status = answer.status
        headers = {} if status == 200 else _headers(answer)
        body = await _body(answer, most if status == 200 else _LONGEST_ERROR)
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    if len(body) > most and status == 200:
        raise ReplyTooLong
    return status, headers, body


def _headers(answer: BaseResponse) -> dict[str, str]:
    """Those of an error that anybody reads, without those that are no text."""
    found = {}
    for name in ("Retry-After", "Date", "Location"):
        with contextlib.suppress(ValueError):
            found[name] = answer.get_header(name)
    return {name: value for name, value in found.items() if value is not None}


async def _body(answer: Response, most: int) -> bytes:
    """The whole body, or more than `most` bytes of it: no server decides how much memory it gets."""
    length = answer.get_header("Content-Length") or ""  # The library has checked that it is a number.
    if length.isdecimal() and int(length) <= most:
        return (await answer.bytes()).to_bytes()
    chunks, size = [], 0
    while size <= most and (chunk := await answer.body_reader.read_chunk()) is not None:
        chunks.append(chunk.to_bytes())
        size += len(chunk)
    return b"".join(chunks)


def _is_secret(key: str) -> bool:
    """Whether a key is more than a word that an answer may hold; local servers take words such as EMPTY."""
    return len(key) >= (_LONG_WORD if key.isalpha() else _SHORTEST_KEY)


def _forms(key: str) -> tuple[bytes, ...]:
    """The forms in which JSON may hold a key."""
    quoted = json.dumps(key)[1:-1]
    return tuple({form.encode() for form in (key, quoted, quoted.replace("/", "\\/"))})


def _words(error: PyreqwestError) -> str:
    """What happened at the bottom of it ("Connection refused"), before the library's own word for it."""
    causes = error.details.get("causes") if isinstance(error, DetailedPyreqwestError) else None
    last = causes[-1]["message"] if causes else ""
    return f"{last} ({error.message})" if last and last not in error.message else error.message
