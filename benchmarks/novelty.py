"""Measures the time to find the closest earlier text, by the number of texts.

Texts are instruction-like: 10 to 40 words, drawn from the words of real instructions and questions with their
real frequencies, one in ten an edited copy of an earlier text.

    python benchmarks/novelty.py --rows 500 5000 50000
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from pathlib import Path

from synth.text.similarity.novelty import NoveltyIndex

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def real_texts(folder: Path) -> list[str]:
    sources = [("self_instruct_seeds.jsonl", "instruction"), ("gsm8k_test.jsonl", "question")]
    return [
        json.loads(line)[key]
        for name, key in sources
        for line in (folder / name).read_text("utf-8").splitlines()
    ]


def drawn_texts(rows: int, texts: list[str], seed: int) -> list[str]:
    draw = random.Random(seed)
    words = [word for text in texts for word in text.split()]
    made: list[str] = []
    for _ in range(rows):
        if made and draw.random() < 0.1:
            text = draw.choice(made).split()
            for _ in range(draw.randint(1, 6)):
                text[draw.randrange(len(text))] = draw.choice(words)
        else:
            text = draw.choices(words, k=draw.randint(10, 40))
        made.append(" ".join(text))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[500, 5_000, 50_000])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--threshold", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the seeds and GSM8K")
    args = parser.parse_args()

    texts = drawn_texts(max(args.rows) + args.queries, real_texts(args.data), args.seed)
    print("| rows | queries | above the threshold | median ms a query | 95th percentile |")
    print("|---|---|---|---|---|")
    for rows in args.rows:
        index = NoveltyIndex(args.threshold)
        for text in texts[:rows]:
            index.add(text)
        taken, found = [], 0
        for text in texts[-args.queries :]:
            start = time.perf_counter()
            found += index.nearest(text) is not None
            taken.append(1000 * (time.perf_counter() - start))
        median, tail = statistics.median(taken), statistics.quantiles(taken, n=20)[-1]
        print(f"| {rows:,} | {args.queries} | {found} | {median:.2f} | {tail:.2f} |")


if __name__ == "__main__":
    main()
