"""A whole `synth run` of given prompts, one answer each, against a loopback server: rate, processor, memory.

    python benchmarks/respond_throughput.py --rows 10000 --at-once 64 256

The server answers after a fixed time and takes so many at once; the ideal is what it could do. Bare
aiohttp with JSON lines stands beside it in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from synth.llm.loopback.process import LoopbackProcess

RECIPE = """\
name: bench
models: {{writer: {{model: fake, base_url: '{url}', sampling: {{max_tokens: 64}}}}}}
sources: {{prompts: prompts.jsonl}}
stages: [respond: {{}}]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--latency", type=float, default=0.1, help="seconds")
    parser.add_argument("--bare", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        asyncio.run(_bare(options.bare, options.rows, options.at_once[0]))
        return
    print("| client | at once | requests/s | of the ideal | processor s per 1,000 | peak MiB |")
    print("|---|---|---|---|---|---|")
    for at_once in options.at_once:
        for name in ("bare aiohttp", "synth run"):
            with LoopbackProcess(latency=options.latency, capacity=at_once, canned=True) as server:
                _measure(name, server.url, options.rows, at_once, options.latency)


def _measure(name: str, url: str, rows: int, at_once: int, latency: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if name == "bare aiohttp":
            command = [sys.executable, __file__, "--bare", url]
            command += ["--rows", str(rows), "--at-once", str(at_once)]
        else:
            command = _synth(Path(folder), url, rows)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        peak = _run(command)
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rate = rows / seconds
    print(
        f"| {name} | {at_once} | {rate:,.0f} | {rate / (at_once / latency):.2f}"
        f" | {processor / rows * 1000:.2f} | {peak:.0f} |",
        flush=True,
    )


def _run(command: list[str]) -> float:
    """Runs it in a process that says its own peak memory in MiB."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=2, stderr=-3);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, check=True)
    return float(done.stdout)


def _synth(folder: Path, url: str, rows: int) -> list[str]:
    with (folder / "prompts.jsonl").open("w") as prompts:
        for i in range(rows):
            prompts.write(json.dumps({"instruction": f"Question {i}: what is {i} times {i % 97}?"}) + "\n")
    (folder / "recipe.yaml").write_text(RECIPE.format(url=url))
    return [sys.executable, "-m", "synth", "run", str(folder / "recipe.yaml"), "--json"]


async def _bare(url: str, rows: int, at_once: int) -> None:
    numbers = iter(range(rows))
    connector = aiohttp.TCPConnector(limit=0)
    with tempfile.TemporaryFile("w") as out:
        async with aiohttp.ClientSession(connector=connector) as session:

            async def ask() -> None:
                for i in numbers:
                    messages = [{"role": "user", "content": f"Question {i}: what is {i} times {i % 97}?"}]
                    body = {"model": "fake", "messages": messages, "max_tokens": 64}
                    async with session.post(f"{url}/chat/completions", json=body) as answer:
                        out.write(json.dumps(await answer.json()) + "\n")

            await asyncio.gather(*(ask() for _ in range(at_once)))


if __name__ == "__main__":
    main()
