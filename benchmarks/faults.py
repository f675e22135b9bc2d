"""Measures the cost of faults in a `synth run` of 2,000 prompts, and whether anything is lost or asked twice.

    python benchmarks/faults.py

The loopback servers run in separate processes. They answer in 100 ms, 64 requests at once. `answers` counts
the replies of the servers, `kept` those in the run's journal. A difference means that a reply was lost and
requested again, or was in flight when a server died. The last two cases also request a score as JSON, for
broken JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synth.store import RunFolder
from synth.store.journal import read_records
from tests.support.loopback.process import LoopbackProcess

# Longer than any case takes, so a run that is not finished by then hangs.
HANGS = 240.0

# Gets the servers, and a function that waits for half of the replies.
Meanwhile = Callable[[list[LoopbackProcess], Callable[[], None]], None]


def _nothing(servers: list[LoopbackProcess], half: Callable[[], None]) -> None:
    """Changes nothing."""


def _one_of_two_dies(servers: list[LoopbackProcess], half: Callable[[], None]) -> None:
    half()
    servers[1].kill()


def _the_only_one_dies_and_comes_back(servers: list[LoopbackProcess], half: Callable[[], None]) -> None:
    half()
    servers[0].kill()
    time.sleep(30)
    servers[0].start()


@dataclass(frozen=True)
class Case:
    """The faults of the servers, an event during the run, and the expected exit code."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    servers: int = 1
    meanwhile: Meanwhile = _nothing
    scored: bool = False
    exit_code: int = 0


CASES = (
    Case("no faults"),
    Case("5% errors 500", {"error_500": 0.05}),
    Case("1% closed in mid-answer", {"drop": 0.01}),
    Case("1% never answered", {"hang": 0.01}),
    Case("5% truncated", {"cut": 0.05}),
    Case("429 for 20 s", {"busy": 20.0}),
    Case("one of two servers killed half-way", servers=2, meanwhile=_one_of_two_dies),
    Case("the only server killed, back after 30 s", meanwhile=_the_only_one_dies_and_comes_back),
    Case("everything answered with 500", {"error_500": 1.0}, exit_code=3),
    Case("with a score: no faults", scored=True),
    Case("with a score: 5% truncated, 5% broken JSON", {"cut": 0.05, "broken": 0.05}, scored=True),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    options = parser.parse_args()
    print("| case | exit | rows | dropped | failed | pending | answers | kept | s | × fault-free |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    usual: dict[bool, float] = {}
    for case in CASES:
        if options.only in case.name or case.name.endswith("no faults"):
            seconds = _run(case, options.rows, usual.get(case.scored))
            usual.setdefault(case.scored, seconds)


def _run(case: Case, rows: int, usual: float | None) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "answers.log"
        common = {"latency": 0.1, "capacity": 64, **case.settings}
        servers = [LoopbackProcess(log=str(log), **common).start() for _ in range(case.servers)]
        try:
            _write(folder, [server.url for server in servers], rows, scored=case.scored)
            command = [sys.executable, "-m", "synth", "run", str(folder / "recipe.yaml"), "--json"]
            started = time.perf_counter()
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                case.meanwhile(servers, lambda: _wait_for_lines(log, rows // 2))
                out, words = process.communicate(timeout=HANGS)
            seconds = time.perf_counter() - started
        finally:
            for server in servers:
                server.kill()
        if process.returncode != case.exit_code:
            raise SystemExit(f"{case.name}: exit code {process.returncode}\n{words.decode()}")
        summary = json.loads(out)
        journal = RunFolder(folder / "runs" / "faults").journal
        kept = sum(record.kind == "reply" for _, record in read_records(journal))
        lines = log.read_text().splitlines() if log.exists() else []
        answers = sum(line.endswith(" 200") for line in lines)
    dropped = sum(summary["dropped"].values())
    ratio = f"{seconds / usual:.2f}" if usual else "1.00"
    print(
        f"| {case.name} | {process.returncode} | {summary['accepted']:,} | {dropped} | {summary['failed']}"
        f" | {summary['pending']:,} | {answers:,} | {kept:,} | {seconds:.1f} | {ratio} |",
        flush=True,
    )
    return seconds


def _wait_for_lines(file: Path, wanted: int) -> None:
    while not file.exists() or file.read_bytes().count(b"\n") < wanted:
        time.sleep(0.05)


def _write(folder: Path, urls: list[str], rows: int, *, scored: bool) -> None:
    with (folder / "prompts.jsonl").open("w") as prompts:
        for i in range(rows):
            prompts.write(json.dumps({"instruction": f"Question {i}: what is {i} times {i % 97}?"}) + "\n")
    stages = "[respond: {}, score: {score_from: text}]" if scored else "[respond: {}]"
    (folder / "recipe.yaml").write_text(
        f"name: faults\nmodels: {{writer: {{model: fake, base_url: {json.dumps(urls)}}}}}\n"
        f"sources: {{prompts: prompts.jsonl}}\nstages: {stages}\n"
    )


if __name__ == "__main__":
    main()
