"""Near-copy detection on a million short rows: time, memory, and recall and precision on planted copies.

Rows of 8 to 25 words, drawn from the words of real instructions and questions with their real frequencies.
Of 100 rows 5 are exact copies of an earlier row (case, punctuation or white space changed) and 10 are
near-copies (one or two edits: a typo, a word dropped, added or replaced, two swapped). Whether an edited row
is still a near-copy is settled by a plain Jaccard over shingle sets, written here anew. Rows are made one at
a time from the seed, so that the memory measured is the index's.

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
from pathlib import Path

from synth.text.near import NearCopies
from synth.text.tokens import normal_form

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
EXACT, NEAR = 0.05, 0.10


def real_words(folder: Path) -> list[str]:
    sources = [("self_instruct_seeds.jsonl", "instruction"), ("gsm8k_test.jsonl", "question")]
    lines = ((key, line) for name, key in sources for line in (folder / name).read_text("utf-8").splitlines())
    return [word for key, line in lines for word in json.loads(line)[key].split()]


class Corpus:
    """Row i and what was planted there, made from the seed and i alone."""

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
    """Jaccard over the 4-byte runs of both normal forms, numbers three times over, ends padded."""
    runs = []
    for text in (one, other):
        spelled = re.sub(r"[0-9]+", lambda found: f"{found[0]}\1{found[0]}\2{found[0]}", normal_form(text))
        padded = b"\0\0\0" + spelled.encode() + b"\0\0\0"
        runs.append({padded[i : i + 4] for i in range(len(padded) - 3)})
    return len(runs[0] & runs[1]) / len(runs[0] | runs[1])


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threshold", type=float, default=0.8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the seeds and GSM8K")
    args = parser.parse_args()

    corpus = Corpus(real_words(args.data), args.seed)
    index = NearCopies(args.threshold)
    before, spent = peak_mb(), 0.0
    planted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for i in range(args.rows):
        kind, text, source = corpus.row(i)
        if source is not None and kind == "near" and similarity(text, source) < args.threshold:
            kind = "edited below"  # not a copy of its source any more, though perhaps of another row
        start = time.perf_counter()
        copy = index.admit(text)
        spent += time.perf_counter() - start
        planted[kind] += 1
        found[kind] += copy is not None and (kind != "exact" or copy.exact)

    dropped = args.rows - len(index)
    print(f"{args.rows:,} rows: {spent:.1f} s, {args.rows / spent:,.0f} rows/s, one core")
    print(f"peak memory {peak_mb():,.0f} MB, of which {before:,.0f} MB before the first row")
    print("| rows | planted | dropped | share |\n|---|---|---|---|")
    for kind in ("exact", "near", "edited below", "fresh"):
        share = found[kind] / planted[kind] if planted[kind] else 0.0
        print(f"| {kind} | {planted[kind]:,} | {found[kind]:,} | {share:.5f} |")
    copies = found["exact"] + found["near"]
    print(
        f"recall on near-copies {found['near'] / max(1, planted['near']):.5f}, "
        f"planted share of the {dropped:,} rows dropped {copies / max(1, dropped):.5f}"
    )


if __name__ == "__main__":
    main()
