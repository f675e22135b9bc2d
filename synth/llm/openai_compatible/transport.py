"""HTTP to one server over pyreqwest: keys stay with it, redirects are not followed, nothing is added.

This is the hot path: one function, bodies as bytes, no cookies, no proxies from the environment. The
library does its work in a thread without Python's lock, which leaves the event loop a fifth of what
aiohttp costs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from datetime import timedelta

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import ConnectError, ConnectTimeoutError, DetailedPyreqwestError, PyreqwestError
from pyreqwest.http import Url
from pyreqwest.request import RequestBuilder
from pyreqwest.response import Response

from synth.errors import InputError
from synth.recipe.servers import check_address, check_key

# Bytes of a list of models or of `/metrics`, and of an error's words.
_LONGEST_LIST, _LONGEST_ERROR = 2**23, 2**16
# Letters of a key that is taken out of answers: of one that could be a word, and of any other.
_LONG_WORD, _SHORTEST_KEY = 16, 8
# Below the 5 s after which uvicorn, and so vLLM, closes an idle connection: ours must go first.
_KEEP_ALIVE = timedelta(seconds=4)
_CONNECT = timedelta(seconds=10)
# What TLS says of an answer in plain HTTP.
_NOT_TLS = "InvalidContentType"
# A host that vanished without a word (power, network) is noticed after 30 + 3 * 10 s, even by a socket that
# only waits for an answer.
_PROBE_IDLE, _PROBE_EVERY, _PROBES = timedelta(seconds=30), timedelta(seconds=10), 3


class ConnectionFailed(Exception):
    """No whole HTTP answer. `words` says what happened, `refused` that there is no server at all, `settled`
    that another try soon would end alike.
    """

    def __init__(self, words: str, *, refused: bool = False, settled: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.refused = refused
        self.settled = settled


class ReplyTooLong(Exception):
    """The answer has more bytes than it may have; the rest of it was not read."""


class Transport:
    """Connections to the server at `base_url`. The key is sent there as a bearer token, and nowhere else.

    Raises `InputError` for an address or a key that cannot be one. No `repr`, error or answer shows the key.
    """

    def __init__(self, base_url: str, key: str | None, headers: Mapping[str, str] | None = None) -> None:
        base = base_url.rstrip("/").removesuffix("/chat/completions")
        try:
            check_address(base_url)
        except ValueError as error:
            raise InputError(f"the address of a server {error}.") from None
        try:
            check_key(key or "")
        except ValueError as error:
            raise InputError(f"the API key {error}") from None
        self.label = base
        self._completions = Url(f"{base}/chat/completions")
        self._models = Url(f"{base}/models")
        self._metrics = Url(f"{base.removesuffix('/v1')}/metrics")
        self._key = key
        self._key_forms = _forms(key) if key and _is_secret(key) else ()
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", **(headers or {})}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._client: Client | None = None

    async def open(self) -> None:
        """Makes the client; connections come with the requests."""
        builder = ClientBuilder().default_headers(self._headers).http1_only().user_agent("synth")
        builder = builder.no_proxy().follow_redirects(False).referer(False)
        builder = builder.gzip(False).brotli(False).zstd(False).deflate(False)
        builder = builder.connect_timeout(_CONNECT).pool_idle_timeout(_KEEP_ALIVE).tcp_keepalive(_PROBE_IDLE)
        builder = builder.tcp_keepalive_interval(_PROBE_EVERY).tcp_keepalive_retries(_PROBES)
        self._client = builder.build()

    async def close(self) -> None:
        """Closes all connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def complete(self, body: bytes, most: int) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the answer to a completion.

        Raises `ConnectionFailed`, and `ReplyTooLong` for a body of more than `most` bytes."""
        assert self._client is not None, "not open"
        try:
            return self._without_key_bytes(
                *await _answer(self._client.post(self._completions).body_bytes(body), most)
            )
        except PyreqwestError as error:
            raise self._failed(error) from None

    async def models(self, seconds: float) -> tuple[int, Mapping[str, str], bytes]:
        """The same for the list of models."""
        return await self._get(self._models, seconds)

    async def metrics(self, seconds: float) -> tuple[int, Mapping[str, str], bytes]:
        """The same for `/metrics`, which stands beside `/v1`, not under it."""
        return await self._get(self._metrics, seconds)

    def without_key(self, words: str) -> str:
        """`words` of a server, which may repeat the key it was shown, without it."""
        return words.replace(self._key, "[key]") if self._key else words

    def _without_key_bytes(
        self, status: int, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """An answer without the key, before anybody keeps it."""
        for form in self._key_forms:
            if form in body:
                body = body.replace(form, b"[key]")
        return status, headers, body

    async def _get(self, url: Url, seconds: float) -> tuple[int, Mapping[str, str], bytes]:
        assert self._client is not None, "not open"
        try:
            async with asyncio.timeout(seconds):
                return self._without_key_bytes(*await _answer(self._client.get(url), _LONGEST_LIST))
        except PyreqwestError as error:
            # First: the library's own time-outs are `TimeoutError`s, too.
            raise self._failed(error) from None
        except TimeoutError:
            raise ConnectionFailed(f"no answer within {seconds:g} s") from None
        except ReplyTooLong:
            raise ConnectionFailed(f"the answer has more than {_LONGEST_LIST} bytes") from None

    def _failed(self, error: PyreqwestError) -> ConnectionFailed:
        words = _words(error)
        silent = isinstance(error, ConnectTimeoutError)
        other_protocol = _NOT_TLS in words
        if silent:
            words = f"no connection within {_CONNECT.total_seconds():g} s"
        if other_protocol:
            words = "the answer is not HTTPS"
        if other_protocol or (silent and self.label.lower().startswith("https:")):
            words += ". Perhaps the server speaks plain HTTP: try http://"
        refused = silent or isinstance(error, ConnectError)
        return ConnectionFailed(self.without_key(words), refused=refused, settled=silent or other_protocol)


async def _answer(request: RequestBuilder, most: int) -> tuple[int, Mapping[str, str], bytes]:
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


def _headers(answer: Response) -> dict[str, str]:
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
