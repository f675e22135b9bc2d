"""Shared helpers for the tests of the endpoint client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from synth.llm.base import Reply, Request
from synth.llm.openai_compatible.client import EndpointClient

Result = TypeVar("Result")


def request(text: str = "hello", **more: Any) -> Request:
    return Request(
        [{"role": "user", "content": text}], more.pop("model", "fake"), more.pop("max_tokens", 300), **more
    )


def requests(count: int, prefix: str = "prompt", **more: Any) -> list[Request]:
    return [request(f"{prefix} {number}", **more) for number in range(count)]


def run(client: EndpointClient, work: Callable[[EndpointClient], Awaitable[Result]]) -> Result:
    """Opens `client`, does `work` with it, and closes it."""

    async def whole() -> Result:
        await client.open()
        try:
            return await work(client)
        finally:
            await client.close()

    return asyncio.run(whole())


def ask(client: EndpointClient, several: list[Request]) -> list[Reply]:
    """All replies, in order; raises the first error."""

    async def work(client: EndpointClient) -> list[Reply]:
        return [client.read(raw) for raw in await asyncio.gather(*map(client.ask, several))]

    return run(client, work)


def outcomes(client: EndpointClient, several: list[Request]) -> list[bytes | BaseException]:
    """All answers and errors, in order."""

    async def work(client: EndpointClient) -> list[bytes | BaseException]:
        return await asyncio.gather(*map(client.ask, several), return_exceptions=True)

    return run(client, work)
