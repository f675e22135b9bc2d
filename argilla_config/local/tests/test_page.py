"""What is added to the page, and to nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from argilla_local.page import ADDED, PageGuard

PAGE = [b"<html><head><title>x</title></he", b"ad><body></head></body></html>"]


def answer(content_type: str, accept: str, *more: tuple[bytes, bytes]) -> tuple[dict[str, str], bytes]:
    """Headers and body that a request gets through the guard; the app says whether it was asked for gzip."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked = dict(scope["headers"])
        headers = [(b"content-type", content_type.encode()), (b"etag", b"x"), *more]
        headers.append((b"x-asked", asked.get(b"accept-encoding", b"nothing")))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number, part in enumerate(PAGE):
            await send({"type": "http.response.body", "body": part, "more_body": number < len(PAGE) - 1})

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"accept", accept.encode()), (b"accept-encoding", b"br")]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    asyncio.run(PageGuard(app)(scope, None, send))
    start, *bodies = sent
    found = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return found, b"".join(body["body"] for body in bodies)


def test_a_page_gets_it_once_and_whole() -> None:
    headers, body = answer("text/html; charset=utf-8", "text/html,*/*")
    assert body == b"".join(PAGE).replace(b"</head>", ADDED + b"</head>", 1)
    assert headers["content-length"] == str(len(body))
    assert headers["x-asked"] == "nothing"
    assert "etag" not in headers


@pytest.mark.parametrize(
    ("content_type", "accept", "more"),
    [
        ("application/json", "text/html,*/*", ()),
        ("text/html", "application/json", ()),
        ("text/html", "text/html", ((b"content-encoding", b"br"),)),
    ],
)
def test_the_rest_passes(content_type: str, accept: str, more: tuple[tuple[bytes, bytes], ...]) -> None:
    headers, body = answer(content_type, accept, *more)
    assert body == b"".join(PAGE)
    assert headers["etag"] == "x"
