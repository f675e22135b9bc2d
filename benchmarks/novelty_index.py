"""Time per query of the novelty index against comparing with every row (rapidfuzz), side by side.

Texts are instruction-like: 10 to 40 words, drawn from the words of real instructions and questions with their
real frequencies, one in ten an edited copy of an earlier text. Both ways must give the same answers.

    python benchmarks/novelty_index.py --rows 50000 --queries 200
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from rapidfuzz import process
from rapidfuzz.distance import LCSseq

from synth.text.novelty import Match, NoveltyIndex
from synth.text.tokens import rouge_tokens

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


class BruteForce:
    """The closest row by comparing with each, rows encoded once as strings (one character a token)."""

    def __init__(self, texts: list[str], threshold: float) -> None:
        self.threshold = threshold
        self.ids: dict[str, int] = {}
        self.rows = [self.encoded(text) for text in texts]

    def encoded(self, text: str) -> str:
        return "".join(chr(self.ids.setdefault(token, len(self.ids))) for token in rouge_tokens(text))

    def nearest(self, text: str) -> Match | None:
        query = self.encoded(text)
        least = int(self.threshold * len(query) / (2 - self.threshold))
        best: Match | None = None
        for row, common, position in process.extract_iter(
            query, self.rows, scorer=LCSseq.similarity, score_cutoff=least
        ):
            if not common:
                continue
            precision, recall = common / len(row), common / len(query)
            score = 2 * precision * recall / (precision + recall)
            if score > self.threshold and (best is None or score > best.score):
                best = Match(position, score)
        return best


def timed(ask: Callable[[str], Match | None], text: str) -> tuple[float, Match | None]:
    start = time.perf_counter()
    answer = ask(text)
    return 1000 * (time.perf_counter() - start), answer


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--threshold", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the seeds and GSM8K")
    args = parser.parse_args()

    texts = drawn_texts(args.rows + args.queries, real_texts(args.data), args.seed)
    kept, queries = texts[: args.rows], texts[args.rows :]
    start = time.perf_counter()
    index = NoveltyIndex(args.threshold)
    for text in kept:
        index.add(text)
    built = time.perf_counter() - start
    brute = BruteForce(kept, args.threshold)

    pruned_ms, brute_ms, found = [], [], 0
    for text in queries:  # one after the other, so that both meet the same machine
        fast, answer = timed(index.nearest, text)
        slow, expected = timed(brute.nearest, text)
        if answer != expected:
            raise SystemExit(f"answers differ for {text!r}: {answer} and {expected}")
        pruned_ms.append(fast)
        brute_ms.append(slow)
        found += answer is not None

    pruned, compared = statistics.median(pruned_ms), statistics.median(brute_ms)
    print(
        f"{args.rows:,} rows, {args.queries} queries, {found} with a row above {args.threshold}, same answers"
    )
    print("| | median ms a query | 95th percentile | ratio of medians |\n|---|---|---|---|")
    for name, times, ratio in (("every row", brute_ms, 1.0), ("NoveltyIndex", pruned_ms, compared / pruned)):
        tail = statistics.quantiles(times, n=20)[-1]
        print(f"| {name} | {statistics.median(times):.3f} | {tail:.3f} | {ratio:.0f}× |")
    print(f"index built in {built:.2f} s ({1e6 * built / args.rows:.0f} µs a row)")


if __name__ == "__main__":
    main()
