"""Compares our endpoint client with bare aiohttp and the openai package, on a loopback server.

    python benchmarks/endpoint_client.py --rows 10000 --at-once 64 256

The server runs in a separate process. It answers each request after 100 ms, and `at once` requests at the
same time. The clients run in turns, several times, each in a fresh process; the table shows medians. The CPU
time is that of the client's process without its start. The other clients have a fixed number of requests in
flight; ours finds it by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

from synth.llm.base import Request
from tests.support.loopback.process import LoopbackProcess

CLIENTS = ("bare aiohttp", "openai", "openai + aiohttp", "synth")
# Imported before the time starts.
_LIBRARIES = dict(
    zip(CLIENTS, ("aiohttp", "openai", "openai", "synth.llm.openai_compatible.client"), strict=True)
)
Ask = Callable[[str], Awaitable[str]]


def prompt(number: int) -> str:
    return f"Question {number}: what should a small team know before it adapts an open model to its domain?"


async def with_aiohttp(url: str, rows: int, at_once: int) -> None:
    import aiohttp

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask(text: str) -> str:
            body = {"model": "fake", "messages": [{"role": "user", "content": text}], "max_tokens": 256}
            async with session.post(f"{url}/chat/completions", json=body) as answer:
                return str((await answer.json())["choices"][0]["message"]["content"])

        await all_rows(ask, rows, at_once)


async def with_openai(url: str, rows: int, at_once: int, transport: str) -> None:
    import openai

    limited = {"http_client": openai.DefaultAioHttpClient()} if transport == "aiohttp" else {}
    async with openai.AsyncOpenAI(base_url=url, api_key="none", **limited) as client:

        async def ask(text: str) -> str:
            messages = [{"role": "user", "content": text}]
            answer = await client.chat.completions.create(model="fake", messages=messages, max_tokens=256)
            return str(answer.choices[0].message.content)

        await all_rows(ask, rows, at_once)


async def with_synth(url: str, rows: int) -> None:
    from synth.llm.openai_compatible.client import EndpointClient

    client = EndpointClient("fake", [url])
    await client.open()

    async def ask(text: str) -> str:
        raw = await client.ask(Request([{"role": "user", "content": text}], "fake", 256))
        return client.read(raw).text

    await all_rows(ask, rows, 2048)
    await client.close()


async def all_rows(ask: Ask, rows: int, at_once: int) -> None:
    numbers = iter(range(rows))

    async def work() -> None:
        for number in numbers:
            if not await ask(prompt(number)):
                raise RuntimeError("an empty answer")

    await asyncio.gather(*(work() for _ in range(min(at_once, rows))))


def run_client(name: str, url: str, rows: int, at_once: int) -> None:
    """Runs one client in the child process, and prints its time and memory."""
    work = {
        "bare aiohttp": lambda: with_aiohttp(url, rows, at_once),
        "openai": lambda: with_openai(url, rows, at_once, "httpx"),
        "openai + aiohttp": lambda: with_openai(url, rows, at_once, "aiohttp"),
        "synth": lambda: with_synth(url, rows),
    }[name]
    importlib.import_module(_LIBRARIES[name])
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    asyncio.run(work())
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"seconds": seconds, "processor": processor, "memory": after.ru_maxrss / 1024}))


def measure(name: str, server: LoopbackProcess, rows: int, at_once: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--client", name, "--url", server.url]
    command += ["--rows", str(rows), "--at-once", str(at_once)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.1)
    parser.add_argument("--clients", nargs="+", default=CLIENTS, choices=CLIENTS)
    parser.add_argument("--client", choices=CLIENTS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        run_client(options.client, options.url, options.rows, options.at_once[0])
        return
    print("| client | in flight | requests/s | of the ideal | CPU s per 1,000 | memory MB |")
    print("|---|---|---|---|---|---|")
    for at_once in options.at_once:
        results: dict[str, list[dict[str, float]]] = {name: [] for name in options.clients}
        for _ in range(options.repeat):
            for name in options.clients:
                with LoopbackProcess(latency=options.latency, capacity=at_once, canned=True) as server:
                    results[name].append(measure(name, server, options.rows, at_once))
        for name, runs in results.items():
            rate = options.rows / statistics.median(run["seconds"] for run in runs)
            processor = statistics.median(run["processor"] for run in runs) / options.rows * 1000
            memory = statistics.median(run["memory"] for run in runs)
            ideal = at_once / options.latency
            print(
                f"| {name} | {at_once} | {rate:,.0f} | {rate / ideal:.0%} | {processor:.2f} | {memory:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
