"""How much more rows would bring: the same model, tuned on 35, 70 and 140 of them.

    python learning_curve.py --data runs/finetune/export/trl-sft --model MODEL --out curve

Each size trains the same number of steps, so that the curve shows the rows and not the time spent on them;
the rows of a smaller size are among those of a larger one. Each run is a line of `curve/results.jsonl` as
soon as it ends, and is not run again. Where the last doubling gains nothing that its interval tells from
nothing, better rows are worth more than more rows.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import evaluate
import train
from scoring import difference


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder of an export")
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[35, 70, 140])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--steps", type=int, default=75)
    return parser.parse_args(words)


def run_one(rows: int, seed: int, given: argparse.Namespace) -> dict[str, Any]:
    """Trains on so many rows and asks the holdout."""
    adapter = given.out / f"{rows}-{seed}"
    shared = ["--data", str(given.data), "--model", given.model]
    words = ["--out", str(adapter), "--rows", str(rows), "--seed", str(seed), "--steps", str(given.steps)]
    trained = train.train(train.arguments([*shared, *words]))
    found = evaluate.evaluate(evaluate.arguments([*shared, "--adapter", str(adapter)]))
    return {"size": rows, "seed": seed, "trained": trained, **found}


def table(results: Sequence[dict[str, Any]]) -> str:
    """Accuracy by size, and what each step from one size to the next gained."""
    sizes = sorted({result["size"] for result in results})
    by_row = {size: _by_row([r["right"] for r in results if r["size"] == size]) for size in sizes}
    lines = ["| rows | exact | gain over the previous size [95%] |", "|---|---|---|"]
    gains = ["-", *(str(difference(by_row[less], by_row[more])) for less, more in pairwise(sizes))]
    for size, gain in zip(sizes, gains, strict=True):
        lines.append(f"| {size} | {statistics.mean(by_row[size]):.3f} | {gain} |")
    return "\n".join(lines)


def _by_row(rights: Sequence[str]) -> list[float]:
    """The share of seeds that got each held-out row right."""
    return [statistics.mean(int(hit) for hit in hits) for hits in zip(*rights, strict=True)]


def main() -> None:
    """Runs what is missing, and prints the table."""
    given = arguments()
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / "results.jsonl"
    results = evaluate.read_lines(file) if file.exists() else []
    for seed in given.seeds:
        for size in given.sizes:
            if any(r["size"] == size and r["seed"] == seed for r in results):
                continue
            results.append(run_one(size, seed, given))
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(results[-1]) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
