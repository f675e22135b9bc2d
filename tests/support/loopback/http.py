"""A minimal HTTP/1.1 parser for the loopback server, several times as fast as a framework."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

_REASONS = {
    200: b"OK",
    307: b"Temporary Redirect",
    400: b"Bad Request",
    401: b"Unauthorized",
    404: b"Not Found",
    429: b"Too Many Requests",
    500: b"Internal Server Error",
    503: b"Service Unavailable",
}
_END = b"\r\n\r\n"


class Connection(asyncio.Protocol):
    """One client connection, kept alive. Requests on it are answered one after another.

    `handle(connection, method, target, body)` is called for each; it calls `respond`, now or later.
    `lost` is called when the client has gone, and can be set by whoever works on an answer.
    """

    def __init__(self, handle: Callable[[Connection, bytes, str, bytes], None]) -> None:
        self._handle = handle
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self.lost: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self.lost is not None:
            self.lost()
            self.lost = None

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        while (end := self._buffer.find(_END)) >= 0:
            self._head = self._buffer[:end]
            start = end + len(_END)
            stop = start + int(self.header(b"content-length") or 0)
            if len(self._buffer) < stop:
                return
            body, self._buffer = self._buffer[start:stop], self._buffer[stop:]
            method, target, _ = self._head.split(b" ", 2)
            self._handle(self, method, target.decode("latin-1"), body)

    def header(self, name: bytes) -> str:
        """A header of the request at hand; `name` in lower case. Empty where it is missing."""
        at = self._head.lower().find(b"\r\n" + name + b":")
        if at < 0:
            return ""
        value = self._head[at + len(name) + 3 :].split(b"\r\n", 1)[0]
        return value.strip().decode("latin-1")

    def respond(
        self, status: int, body: bytes, headers: bytes = b"", kind: bytes = b"application/json"
    ) -> bool:
        """Sends an answer; `headers` are whole lines. False where the client has gone."""
        if self._transport is None:
            return False
        self._transport.write(_head(status, len(body), headers, kind) + body)
        return True

    def break_off(self, body: bytes) -> None:
        """Promises `body`, sends half of it and closes the socket."""
        if self._transport is None:
            return
        self._transport.write(_head(200, len(body), b"", b"application/json") + body[: len(body) // 2])
        self._transport.close()


def _head(status: int, length: int, headers: bytes, kind: bytes) -> bytes:
    return b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n" % (
        status,
        _REASONS.get(status, b"Status"),
        kind,
        length,
        headers,
    )
