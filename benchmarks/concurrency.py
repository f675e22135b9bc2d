"""Compares the endpoint client without settings with the best fixed concurrency.

    python benchmarks/concurrency.py

The loopback servers run in separate processes. Their capacities are 4, 64 and 512 requests at once (further
requests wait). One changes from 64 to 8 to 128 while it runs, one gets slower like a GPU, and three unequal
servers form a pool. The fixed concurrencies use the same client and the same server, in turns. For the pool,
100% is the sum of the rates of each server alone. The rates are low on purpose, so that the result does not
depend on the speed of this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from synth.llm.base import Request
from synth.llm.openai_compatible.client import EndpointClient
from tests.support.loopback.process import LoopbackProcess

# More than any server's capacity, so that the client's own limit decides.
WAITING = 4096


@dataclass(frozen=True)
class Case:
    """One kind of server: its settings, changes as (seconds, settings), and what to compare with."""

    name: str
    settings: dict[str, Any]
    fixed: tuple[int, ...]
    seconds: float = 20.0
    changes: tuple[tuple[float, dict[str, Any]], ...] = field(default=())


CASES = (
    Case("capacity 4", {"capacity": 4}, (2, 4, 8)),
    Case("capacity 64", {"capacity": 64}, (32, 64, 80, 160)),
    Case("capacity 512", {"capacity": 512, "latency": 1.0}, (256, 512, 640), seconds=40.0),
    Case(
        "64, then 8, then 128",
        {"capacity": 64},
        (8, 64, 128, 160),
        seconds=45.0,
        changes=((15.0, {"capacity": 8}), (30.0, {"capacity": 128})),
    ),
    Case("slows like a GPU", {"capacity": 512, "knee": 32, "smooth": True}, (64, 256, 512)),
)
POOL = ({"capacity": 8}, {"capacity": 32, "latency": 0.4}, {"capacity": 64})


async def answers(
    urls: Sequence[str], seconds: float, at_once: int, metrics: bool, salt: str
) -> tuple[float, list[int]]:
    """Replies per second within `seconds`, with this many callers, and the final limits."""
    client = EndpointClient("fake", urls, metrics=metrics)
    await client.open()
    done, start = 0, time.perf_counter()

    async def work(numbers: Any) -> None:
        nonlocal done
        for number in numbers:
            await client.ask(Request([{"role": "user", "content": f"{salt} {number}"}], "fake", 64))
            done += 1

    numbers = itertools.count()
    tasks = [asyncio.create_task(work(numbers)) for _ in range(at_once)]
    await asyncio.sleep(seconds)
    rate, limits = done / (time.perf_counter() - start), [server.limit for server in client.stats()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await client.close()
    return rate, limits


async def fixed_answers(url: str, seconds: float, at_once: int) -> float:
    """The same with a fixed concurrency: the client starts at it and stays there."""
    client = EndpointClient("fake", [url], metrics=False)
    await client.open()
    done, start = 0, time.perf_counter()
    transport = client._servers[0].transport

    async def work(numbers: Any) -> None:
        nonlocal done
        for number in numbers:
            body = client._servers[0].capabilities.body(
                Request([{"role": "user", "content": f"fixed {number}"}], "fake", 64)
            )
            await transport.complete(body, 2**20)
            done += 1

    numbers = itertools.count()
    tasks = [asyncio.create_task(work(numbers)) for _ in range(at_once)]
    await asyncio.sleep(seconds)
    rate = done / (time.perf_counter() - start)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await client.close()
    return rate


async def with_changes(server: LoopbackProcess, case: Case, work: Any) -> Any:
    """Runs `work` while the server changes as the case says."""

    async def change() -> None:
        then = 0.0
        for when, settings in case.changes:
            await asyncio.sleep(when - then)
            then = when
            await asyncio.to_thread(server.control, **settings)

    changing = asyncio.create_task(change())
    result = await work
    await changing
    return result


def settings_of(case: Case) -> dict[str, Any]:
    return {"latency": 0.2, "canned": True, **case.settings}


def run_case(case: Case, repeat: int) -> None:
    fixed: dict[int, list[float]] = {at_once: [] for at_once in case.fixed}
    ours: dict[bool, list[tuple[float, list[int]]]] = {True: [], False: []}
    for _ in range(repeat):
        for at_once in case.fixed:
            with LoopbackProcess(**settings_of(case)) as server:
                work = fixed_answers(server.url, case.seconds, at_once)
                fixed[at_once].append(asyncio.run(with_changes(server, case, work)))
        for metrics in (True, False):
            with LoopbackProcess(**settings_of(case), metrics=metrics) as server:
                work = answers([server.url], case.seconds, WAITING, metrics, "ours")
                ours[metrics].append(asyncio.run(with_changes(server, case, work)))
    medians = {at_once: statistics.median(rates) for at_once, rates in fixed.items()}
    best = max(medians, key=lambda at_once: medians[at_once])
    for metrics, results in ours.items():
        rate = statistics.median(rate for rate, _ in results)
        limit = statistics.median(limits[0] for _, limits in results)
        told = "with /metrics" if metrics else "without"
        print(
            f"| {case.name}, {told} | {best}: {medians[best]:,.0f}/s | {rate:,.0f}/s"
            f" | {rate / medians[best]:.0%} | {limit:.0f} |",
            flush=True,
        )


def run_pool(seconds: float, repeat: int) -> None:
    alone, together, limits = [], [], []
    for _ in range(repeat):
        total = 0.0
        for settings in POOL:
            with LoopbackProcess(**{"latency": 0.2, "canned": True, **settings}) as server:
                total += asyncio.run(answers([server.url], seconds, WAITING, False, "alone"))[0]
        alone.append(total)
        servers = [LoopbackProcess(**{"latency": 0.2, "canned": True, **settings}) for settings in POOL]
        try:
            urls = [server.start().url for server in servers]
            rate, limits = asyncio.run(answers(urls, seconds, WAITING, False, "pool"))
            together.append(rate)
        finally:
            for server in servers:
                server.kill()
    one, all_three = statistics.median(alone), statistics.median(together)
    share = f"{all_three:,.0f}/s | {all_three / one:.0%}"
    print(f"| three unequal servers | their sum: {one:,.0f}/s | {share} | {limits} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    options = parser.parse_args()
    print("| server | best fixed | no setting | of the best | limit at the end |")
    print("|---|---|---|---|---|")
    for case in CASES:
        if options.only in case.name:
            run_case(case, options.repeat)
    if options.only in "three unequal servers":
        run_pool(20.0, options.repeat)


if __name__ == "__main__":
    main()
