"""The HTTP client for all servers that `synth` talks to: models, their metrics and health, and Argilla.

A key is sent only to its server. Proxies from the environment are not used: a proxy would see the key, and
could not deliver a request for this machine. Redirects are not followed, because the key would go to the new
address. The library works in a thread without Python's lock (the GIL), so it costs the event loop a fifth of
what aiohttp does.
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

# The minimum length of a key that is removed from answers: for a key that could be a word, and for any other.
_LONG_WORD, _SHORTEST_KEY = 16, 8
# Less than 5 s: uvicorn (vLLM, Argilla) closes idle connections after 5 s, and we must close them first.
_KEEP_ALIVE = timedelta(seconds=4)
_CONNECT = timedelta(seconds=10)
# The errors of TLS for an answer in plain HTTP.
_NOT_TLS = "InvalidContentType"
# TCP keep-alive: a host that vanished (power, network) is noticed after 30 + 3 * 10 s, even by a socket that
# only waits for an answer.
_PROBE_IDLE, _PROBE_EVERY, _PROBES = timedelta(seconds=30), timedelta(seconds=10), 3
# Maximum bytes of an error's body.
_LONGEST_ERROR = 2**16

# Status, headers (only the used ones, and only of an error) and body.
HttpAnswer = tuple[int, Mapping[str, str], bytes]

_Builder = TypeVar("_Builder", bound=BaseClientBuilder)


class ConnectionFailed(Exception):
    """There was no complete HTTP answer.

    `words` says what happened. `refused`: nothing listens at the address. `settled`: a retry would fail in
    the same way. `timed_out`: the answer did not arrive in time.
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
    """The answer has more bytes than allowed. The rest of it was not read."""


class SecretKey:
    """A key that never appears in errors, stored answers or a `repr`."""

    def __init__(self, key: str | None) -> None:
        self._key = key
        self._forms = _forms(key) if key and _is_secret(key) else ()

    def hidden_in(self, words: str) -> str:
        """A server's message without the key, which the server may repeat."""
        return words.replace(self._key, "[key]") if self._key else words

    def hidden_in_body(self, body: bytes) -> bytes:
        """The same for the body of an answer, before it is stored."""
        for form in self._forms:
            if form in body:
                body = body.replace(form, b"[key]")
        return body


class HttpClient:
    """Connections to servers that get the same headers. `key` is the secret in them.

    This is the hot path: bodies are bytes, and nothing is added to a request.
    """

    def __init__(self, headers: Mapping[str, str], key: SecretKey) -> None:
        self._headers = headers
        self._key = key
        self._client: Client | None = None

    async def open(self) -> None:
        """Makes the client. Connections are opened by the requests."""
        self._client = _with_our_rules(ClientBuilder(), self._headers).build()

    async def close(self) -> None:
        """Closes all connections. May be called twice."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def post(self, url: Url, body: bytes, most: int) -> HttpAnswer:
        """Sends a POST request. Raises `ConnectionFailed`, and `ReplyTooLong` for a body of more than
        `most` bytes.
        """
        assert self._client is not None, "not open"
        try:
            status, headers, answer = await _answer(self._client.post(url).body_bytes(body), most)
        except PyreqwestError as error:
            raise _failed(error, str(url), self._key) from None
        return status, headers, self._key.hidden_in_body(answer)

    async def get(self, url: Url, most: int, seconds: float) -> HttpAnswer:
        """Sends a GET request. Raises `ConnectionFailed`, also if the answer is too long or does not
        arrive in time.
        """
        assert self._client is not None, "not open"
        try:
            async with asyncio.timeout(seconds):
                status, headers, answer = await _answer(self._client.get(url), most)
        except PyreqwestError as error:
            # This must come first, because the library's own timeouts are `TimeoutError`s, too.
            raise _failed(error, str(url), self._key) from None
        except TimeoutError:
            raise ConnectionFailed(f"no answer within {seconds:g} s", timed_out=True) from None
        except ReplyTooLong:
            raise ConnectionFailed(f"the answer has more than {most} bytes") from None
        return status, headers, self._key.hidden_in_body(answer)


class BlockingHttpClient:
    """The same client for code outside an event loop. Requests time out after `seconds` without an answer.

    Answers are not changed, because they have people's texts. Errors do not show the key.
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
    """Status, headers and body; of an error, only the used part. Raises `ReplyTooLong`.

    The library loses a cancellation that comes at the same moment as the answer. Code that waits for the
    cancelled task would then wait forever, so the cancellation is raised again here.
    """
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
    """The used headers of an error, without those that are not text."""
    found = {}
    for name in ("Retry-After", "Date", "Location"):
        with contextlib.suppress(ValueError):
            found[name] = answer.get_header(name)
    return {name: value for name, value in found.items() if value is not None}


async def _body(answer: Response, most: int) -> bytes:
    """The whole body, or slightly more than `most` bytes of it, so that no server can fill the memory."""
    length = answer.get_header("Content-Length") or ""  # The library has checked that this is a number.
    if length.isdecimal() and int(length) <= most:
        return (await answer.bytes()).to_bytes()
    chunks, size = [], 0
    while size <= most and (chunk := await answer.body_reader.read_chunk()) is not None:
        chunks.append(chunk.to_bytes())
        size += len(chunk)
    return b"".join(chunks)


def _is_secret(key: str) -> bool:
    """Whether a key is not just a word that answers can contain. Local servers accept words such as EMPTY
    as a key.
    """
    return len(key) >= (_LONG_WORD if key.isalpha() else _SHORTEST_KEY)


def _forms(key: str) -> tuple[bytes, ...]:
    """The forms of a key in JSON."""
    quoted = json.dumps(key)[1:-1]
    return tuple({form.encode() for form in (key, quoted, quoted.replace("/", "\\/"))})


def _words(error: PyreqwestError) -> str:
    """The root cause ("Connection refused"), followed by the library's own message."""
    causes = error.details.get("causes") if isinstance(error, DetailedPyreqwestError) else None
    last = causes[-1]["message"] if causes else ""
    return f"{last} ({error.message})" if last and last not in error.message else error.message
