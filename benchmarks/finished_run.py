"""Measures how fast a second call finds that a finished run of 100,000 rows has nothing to do.

    python benchmarks/finished_run.py --rows 100000

Each call is a whole process. The times of repeated calls are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RECIPE = """\
name: finished
models: {writer: {provider: fake}, judge: {provider: fake, model: judge}}
sources: {prompts: prompts.jsonl}
stages: [respond: {}, standardise: {}, score: {keep: '>= 1'}]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "prompts.jsonl").open("w") as prompts:
            for i in range(options.rows):
                prompts.write(
                    json.dumps({"instruction": f"Question {i}: what is {i} times {i % 97}?"}) + "\n"
                )
        (folder / "recipe.yaml").write_text(RECIPE)
        run = ["run", str(folder / "recipe.yaml"), "--json"]
        print("| call | s | CPU s | peak MiB |")
        print("|---|---|---|---|")
        print(_line("first", [_call(run)]), flush=True)
        print(_line("second", [_call(run) for _ in range(options.calls)]))
    print(_line("synth --help", [_call(["--help"]) for _ in range(options.calls)]))


def _call(arguments: list[str]) -> tuple[float, float, float]:
    """Seconds, processor seconds and peak MiB of one call of `synth`."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "synth", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"synth {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def _line(name: str, calls: list[tuple[float, float, float]]) -> str:
    seconds, processor, peak = (statistics.median(column) for column in zip(*calls, strict=True))
    return f"| {name} | {seconds:.2f} | {processor:.2f} | {peak:.0f} |"


if __name__ == "__main__":
    main()
