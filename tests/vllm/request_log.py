"""A middleware of vLLM's server (`--middleware request_log.RequestLog`): what it was asked, and what of that
it answered whole, as JSON lines in the file that REQUEST_LOG names.

A line leaves the process before anything goes on, so that what stands there survives `kill -9`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class RequestLog:
    """Passes everything on as it is."""

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]]) -> None:
        self._app = app
        self._file = open(os.environ["REQUEST_LOG"], "a", buffering=1)  # noqa: SIM115 - as long as the server

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/chat/completions"):
            await self._app(scope, receive, send)
            return
        body = bytearray()
        status = 0

        async def received() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            if message["type"] == "http.request" and not message.get("more_body"):
                self._note("asked", body)
            return message

        async def sent(message: Message) -> None:
            nonlocal status
            await send(message)
            status = message.get("status", status)
            if message["type"] == "http.response.body" and not message.get("more_body") and status == 200:
                self._note("answered", body)

        await self._app(scope, received, sent)

    def _note(self, what: str, body: bytearray) -> None:
        self._file.write(json.dumps({what: body.decode()}) + "\n")
