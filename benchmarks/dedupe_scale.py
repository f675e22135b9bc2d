"""Finds near-duplicates in a million short rows: time, memory, recall and precision on planted copies.

Rows have 8 to 25 words, drawn from real instructions and questions with their real frequencies. Of 100 rows,
5 are exact copies of an earlier row (other case, punctuation or white space), and 10 are near-duplicates with
one or two edits (a typo; a word dropped, added or replaced; two words swapped). A separate, plain Jaccard
function decides whether an edited row is still a near-duplicate. Rows are made from the seed when they are
needed, so that only the index's memory is measured. For comparison, the usual recipe for web pages runs in a
separate process.

    python benchmarks/dedupe_scale.py --rows 1000000
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from rensa import RMinHash, RMinHashLSH

from synth.text.similarity.near_duplicates import NearDuplicateIndex
from synth.text.tokens import normal_form

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
EXACT, NEAR = 0.05, 0.10  # shares of the rows
BATCH = 1000  # rows made at a time, outside the measurement


def real_words(folder: Path) -> list[str]:
    sources = [("self_instruct_seeds.jsonl", "instruction"), ("gsm8k_test.jsonl", "question")]
    lines = ((key, line) for name, key in sources for line in (folder / name).read_text("utf-8").splitlines())
    return [word for key, line in lines for word in json.loads(line)[key].split()]


class Corpus:
    """Row i and what was planted there. Depends only on the seed and i."""

    def __init__(self, words: list[str], seed: int) -> None:
        self.words = words
        self.seed = seed

    def row(self, i: int) -> tuple[str, str, str | None]:
        """The kind of row i (fresh, exact or near), its text, and the text that it copies."""
        draw = random.Random(self.seed << 32 | i)
        fate = draw.random()
        if i < 100 or fate >= EXACT + NEAR:
            return "fresh", self.fresh(draw), None
        kind, source = "near", None
        while source is None:
            earlier, text, _ = self.row(draw.randrange(i))
            source = text if earlier == "fresh" else None
        if fate < EXACT:
            kind = "exact"
            return (
                kind,
                draw.choice([source, source.upper(), f"  {source}!", source.replace(" ", "  ")]),
                source,
            )
        return kind, self.edited(source, draw), source

    def fresh(self, draw: random.Random) -> str:
        return " ".join(draw.choices(self.words, k=draw.randint(8, 25)))

    def edited(self, text: str, draw: random.Random) -> str:
        words = text.split()
        for _ in range(draw.randint(1, 2)):
            at, edit = draw.randrange(len(words)), draw.randrange(5)
            if edit == 0:
                cut = draw.randrange(len(words[at]))
                words[at] = words[at][:cut] + draw.choice("aeiostr") + words[at][cut + 1 :]
            elif edit == 1 and len(words) > 1:
                del words[at]
            elif edit == 2:
                words.insert(at, draw.choice(self.words))
            elif edit == 3:
                words[at] = draw.choice(self.words)
            else:
                words[at - 1], words[at] = words[at], words[at - 1]
        return " ".join(words)


def similarity(one: str, other: str) -> float:
    """Jaccard over the 4-byte runs of both normal forms, with numbers three times and padded ends."""
    runs = []
    for text in (one, other):
        spelled = re.sub(r"[0-9]+", lambda found: f"{found[0]}\1{found[0]}\2{found[0]}", normal_form(text))
        padded = b"\0\0\0" + spelled.encode() + b"\0\0\0"
        runs.append({padded[i : i + 4] for i in range(len(padded) - 3)})
    return len(runs[0] & runs[1]) / len(runs[0] | runs[1])


class WordRuns:
    """The usual recipe for web pages, for comparison: runs of 5 words, rensa's LSH of 14 bands, no check."""

    def __init__(self, threshold: float) -> None:
        self.lsh = RMinHashLSH(threshold, 112, 14)
        self.kept = 0

    def admit(self, text: str) -> bool:
        words = normal_form(text).split()
        signature = RMinHash(112, 1)
        signature.update([" ".join(words[i : i + 5]) for i in range(max(1, len(words) - 4))])
        if self.lsh.query(signature):
            return True
        self.lsh.insert(self.kept, signature)
        self.kept += 1
        return False


@dataclass
class Outcome:
    name: str
    seconds: float
    cpu_seconds: float
    peak_mb: float
    planted: Counter[str]
    found: Counter[str]

    def line(self, slowest: float) -> str:
        rows, dropped = self.planted.total(), self.found.total()
        shares = [self.found[kind] / max(1, self.planted[kind]) for kind in ("exact", "near")]
        precision = (self.found["exact"] + self.found["near"]) / max(1, dropped)
        cells = [
            self.name,
            f"{self.seconds:.1f}",
            f"{self.cpu_seconds:.1f}",
            f"{rows / self.seconds:,.0f}",
            f"{slowest / self.seconds:.2f}×",
            f"{self.peak_mb:,.0f}",
            *(f"{share:.5f}" for share in (*shares, precision)),
        ]
        return f"| {' | '.join(cells)} |"


def measured(name: str, words: list[str], rows: int, threshold: float, seed: int) -> Outcome:
    corpus = Corpus(words, seed)
    index = NearDuplicateIndex(threshold) if name == "NearDuplicateIndex" else WordRuns(threshold)
    wall, cpu = 0.0, 0.0
    planted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for first in range(0, rows, BATCH):
        batch = [corpus.row(i) for i in range(first, min(rows, first + BATCH))]
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        answers = [index.admit(text) for _, text, _ in batch]
        wall += time.perf_counter() - wall_start
        cpu += time.process_time() - cpu_start
        for (kind, text, source), answer in zip(batch, answers, strict=True):
            if kind == "near" and source is not None and similarity(text, source) < threshold:
                # Not a near-duplicate of its source any more, but perhaps of another row.
                kind = "edited below"
            planted[kind] += 1
            found[kind] += bool(answer)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Outcome(name, wall, cpu, peak, planted, found)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threshold", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the seeds and GSM8K")
    args = parser.parse_args()

    words = real_words(args.data)
    outcomes = []
    for name in ("rensa, 5 words", "NearDuplicateIndex"):  # a fresh process each, to measure its own memory
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            task = pool.submit(measured, name, words, args.rows, args.threshold, args.seed)
            outcomes.append(task.result())

    slowest = max(outcome.seconds for outcome in outcomes)
    counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(outcomes[0].planted.items()))
    print(f"{args.rows:,} rows: {counts}\n")
    print("| | s | CPU s | rows/s | speed | peak MB | exact found | near found | dropped are copies |")
    print("|---|---|---|---|---|---|---|---|---|")
    for outcome in outcomes:
        print(outcome.line(slowest))


if __name__ == "__main__":
    main()
