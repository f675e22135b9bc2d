"""To which host names the server answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from argilla_local.guard import HostGuard


def status(host_header: str, host: str = "127.0.0.1") -> int:
    """What a request with this `Host` gets."""
    answers: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        answers.append(message)

    guard = HostGuard(app, host, (), remote_content=False)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(b"host", host_header.encode("latin-1"))],
    }
    asyncio.run(guard(scope, None, send))
    return answers[0]["status"]


@pytest.mark.parametrize(
    "header", ["127.0.0.1", "127.0.0.1:6900", "localhost", "LOCALHOST:1", "[::1]", "[::1]:6900"]
)
def test_its_own_names(header: str) -> None:
    assert status(header) == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "evil.example",
        "127.0.0.1:80@evil.example",
        "127.0.0.1@evil.example",
        "evil.example:80@127.0.0.1",
        "127.0.0.1:80:80",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1 evil.example",
        "127.0.0.1,evil.example",
        "127.0.0.1/evil.example",
        "127.0.0.1.",
        "[127.0.0.1",
        "[evil.example]",
        "127.0.0.1\n",
        "localhost\xb9",
    ],
)
def test_other_names(header: str) -> None:
    assert status(header) == 421
    assert status(header, "0.0.0.0") == 421


def test_addresses_on_a_network() -> None:
    assert status("192.168.1.7:6900", "0.0.0.0") == 200
    assert status("192.168.1.7") == 421
