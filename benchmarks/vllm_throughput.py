"""Compares `synth run` on a real vLLM server with a bare load generator on the same prompts.

    make vllm-env
    python benchmarks/vllm_throughput.py --rows 300 --pairs 5

Starts vLLM's CPU build through `synth serve`, and finds the best concurrency for the load generator. Then
both process the same prompts in turns. The order alternates from pair to pair, and the server's prefix cache
is emptied before each. The rate is completion tokens per second. That of `synth run` is measured twice: from
its first request to its end, as the run reports it, and for the whole process with the start of Python. Then
300 rows are scored, to measure the share of prompt tokens that were in the prefix cache.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

REPOSITORY = Path(__file__).resolve().parents[1]
ENVIRONMENT = Path(os.environ.get("SYNTH_VLLM", REPOSITORY / ".venvs" / "vllm"))
MODEL = str(ENVIRONMENT / "SmolLM2-135M-Instruct")
CONCURRENCIES = (32, 64, 128)


def main() -> None:
    """Prints one row per pair, the medians, and the figures of the prefix cache."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=48, help="max_tokens of each answer")
    parser.add_argument("--at-once", type=int, help="of the load generator; the best of several by default")
    parser.add_argument("--score-rows", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as url:
        prompts = some_prompts(options.rows)
        asyncio.run(bare(url, prompts[:64], options.tokens, 64))
        at_once = options.at_once or best_concurrency(url, prompts, options.tokens)
        if options.pairs:
            compare(url, Path(folder), prompts, options.tokens, options.pairs, at_once)
        if options.score_rows:
            score(url, Path(folder), options.score_rows)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Runs a vLLM server during the block. Shows its log if it does not start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
    recipe = folder / "serve.yaml"
    write_recipe(recipe, url, {"prompts": "none.jsonl"}, [{"respond": {}}])
    variables = {
        "SYNTH_VLLM_PYTHON": str(ENVIRONMENT / "bin" / "python"),
        "HF_HUB_OFFLINE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "2",
        # With two cores, vLLM would leave one idle and use only the other.
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": str(os.cpu_count()),
        # Allows the request that empties the prefix cache.
        "VLLM_SERVER_DEV_MODE": "1",
    }
    with (folder / "serve.log").open("w+") as log:
        command = [sys.executable, "-m", "synth", "serve", str(recipe), "--json", "--", "--enforce-eager"]
        process = subprocess.Popen(
            command, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert process.stdout is not None
        if not process.stdout.readline():
            log.seek(0)
            raise SystemExit(log.read()[-3000:])
        try:
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def some_prompts(count: int) -> list[str]:
    """Prompts of different lengths. Any two have at most their first words in common."""
    things = ("a lighthouse", "rye bread", "a tax return", "the tides", "a bicycle chain", "old maps", "bees")
    return [
        f"Number {i}: write about {things[i % 7]} for a reader of {20 + i % 50} years"
        f"{', and mention ' + ', '.join(things[: i % 5]) if i % 5 else ''}."
        for i in range(count)
    ]


def best_concurrency(url: str, prompts: Sequence[str], tokens: int) -> int:
    """The concurrency with the most tokens/s of the load generator, measured with a third of the prompts."""
    rates = {}
    for at_once in CONCURRENCIES:
        empty_prefix_cache(url)
        done, seconds = asyncio.run(bare(url, prompts[: max(len(prompts) // 3, 128)], tokens, at_once))
        rates[at_once] = done / seconds
    print("bare at " + ", ".join(f"{n}: {rate:.0f} tokens/s" for n, rate in rates.items()), flush=True)
    return max(rates, key=lambda n: rates[n])


async def bare(url: str, prompts: Sequence[str], tokens: int, at_once: int) -> tuple[int, float]:
    """Completion tokens and seconds for all prompts, `at_once` in flight, with bare aiohttp."""
    waiting = iter(prompts)
    done = 0

    async def ask(session: aiohttp.ClientSession) -> None:
        nonlocal done
        for prompt in waiting:
            messages = [{"role": "user", "content": prompt}]
            body = {"model": MODEL, "messages": messages, "max_tokens": tokens, "temperature": 0.0}
            async with session.post(f"{url}/chat/completions", json=body) as answer:
                done += (await answer.json())["usage"]["completion_tokens"]

    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        started = time.perf_counter()
        await asyncio.gather(*(ask(session) for _ in range(at_once)))
        return done, time.perf_counter() - started


def compare(url: str, folder: Path, prompts: Sequence[str], tokens: int, pairs: int, at_once: int) -> None:
    """Measures both in turns, and prints their rates and the median ratios."""
    print(f"| pair | bare at {at_once}, tokens/s | synth run, tokens/s | ratio | whole process |")
    print("|---|---|---|---|---|", flush=True)
    ratios: list[tuple[float, float]] = []
    for pair in range(pairs):
        rates: dict[str, tuple[float, float]] = {}
        for way in ("bare", "synth") if pair % 2 == 0 else ("synth", "bare"):
            empty_prefix_cache(url)
            if way == "bare":
                done, seconds = asyncio.run(bare(url, prompts, tokens, at_once))
                rates[way] = (done / seconds, done / seconds)
            else:
                rates[way] = through_synth(url, folder / f"pair{pair}", prompts, tokens)
        ratios.append((rates["synth"][0] / rates["bare"][0], rates["synth"][1] / rates["bare"][1]))
        cells = (
            f"{rates['bare'][0]:.0f} | {rates['synth'][0]:.0f} | {ratios[-1][0]:.3f} | {ratios[-1][1]:.3f}"
        )
        print(f"| {pair + 1} | {cells} |", flush=True)
    medians = [statistics.median(column) for column in zip(*ratios, strict=True)]
    print(f"| median | | | {medians[0]:.3f} | {medians[1]:.3f} |", flush=True)


def through_synth(url: str, folder: Path, prompts: Sequence[str], tokens: int) -> tuple[float, float]:
    """Completion tokens per second, by the run's own time and by that of its whole process."""
    folder.mkdir()
    write_lines(folder / "prompts.jsonl", [{"instruction": prompt} for prompt in prompts])
    sampling = {"temperature": 0.0, "max_tokens": tokens}
    # One attempt: a reply that max_tokens cut is not requested again, as in the load generator.
    stages = [{"respond": {"attempts": 1, "sampling": sampling}}]
    write_recipe(folder / "recipe.yaml", url, {"prompts": "prompts.jsonl"}, stages)
    started = time.perf_counter()
    summary = run(folder / "recipe.yaml")
    seconds = time.perf_counter() - started
    assert summary["requests"] == len(prompts)
    done = summary["tokens"]["completion"]
    return done / summary["seconds"], done / seconds


def score(url: str, folder: Path, rows: int) -> None:
    """Scores rows, and compares the hits in the prefix cache with the maximum for these prompts."""
    folder = folder / "score"
    folder.mkdir()
    things = ("lamp", "kettle", "printer", "bicycle", "radio", "clock", "oven", "camera")
    seeds = [
        {
            "instruction": f"My {things[i % 8]} number {i} stopped working. What should I do?",
            "response": f"Switch it off, wait {i + 2} minutes, and read page {3 * i + 1} of its booklet.",
        }
        for i in range(rows)
    ]
    write_lines(folder / "seeds.jsonl", seeds)
    write_recipe(folder / "recipe.yaml", url, {"seeds": "seeds.jsonl"}, [{"score": {}}])
    empty_prefix_cache(url)
    summary = run(folder / "recipe.yaml")
    asked = journaled_prompts(Path(summary["run"]))
    most = most_that_can_hit([tokens_of(url, messages) for messages in asked])
    reached = summary["prefix_hits"] / summary["prefix_queries"]
    print(
        f"score over {rows} rows: {reached:.1%} of {summary['prefix_queries']:,} prompt tokens were in the"
        f" prefix cache, of at most {most:.1%}: {reached / most:.1%} of the maximum"
    )


def journaled_prompts(run_folder: Path) -> list[list[dict[str, str]]]:
    """The messages of all requests of a run."""
    from synth.store import RunFolder
    from synth.store.journal import read_records

    return [
        json.loads(record.request)["messages"] for _, record in read_records(RunFolder(run_folder).journal)
    ]


def tokens_of(url: str, messages: list[dict[str, str]]) -> list[int]:
    """The token ids of a prompt on the server."""
    return list(post(f"{url.removesuffix('/v1')}/tokenize", {"model": MODEL, "messages": messages})["tokens"])


def most_that_can_hit(prompts: Sequence[Sequence[int]]) -> float:
    """The share of tokens in a perfect cache, which finds every prefix of an earlier prompt."""
    seen = {tuple(prompt[:end]) for prompt in prompts for end in range(1, len(prompt) + 1)}
    return 1 - len(seen) / sum(map(len, prompts))


def empty_prefix_cache(url: str) -> None:
    """Empties the prefix cache, so that both ways start without one."""
    post(f"{url.removesuffix('/v1')}/reset_prefix_cache", None)


def post(url: str, body: dict[str, Any] | None) -> Any:
    """The JSON of the server's answer, if any."""
    data = json.dumps(body).encode() if body is not None else b""
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        content = answer.read()
    return json.loads(content) if content else None


def write_recipe(file: Path, url: str, sources: dict[str, str], stages: list[Any]) -> None:
    """Writes a recipe whose writer is the server."""
    writer = {"model": MODEL, "base_url": url, "context": 2048}
    file.write_text(
        json.dumps({"name": "bench", "models": {"writer": writer}, "sources": sources, "stages": stages})
    )


def write_lines(file: Path, rows: Sequence[dict[str, str]]) -> None:
    """Writes JSON Lines."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def run(recipe: Path) -> dict[str, Any]:
    """Runs `synth run`, and returns its summary."""
    command = [sys.executable, "-m", "synth", "run", str(recipe), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr[-3000:])
    return dict(json.loads(done.stdout))


if __name__ == "__main__":
    main()
