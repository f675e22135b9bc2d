"""Measures the rules of `paraphrase` on CheckList's pairs of questions, which nobody here wrote.

Each pair says whether both questions ask the same (https://github.com/marcotcr/checklist, MIT). A pair counts
as caught if a rule or the minimum similarity finds another meaning. Copies and pairs above the maximum
similarity are counted apart ("near"): the stage drops them, but this says nothing about their meaning. Recall
is the share of caught pairs among all pairs that differ. The suites are split into two halves by a hash of
their names, separately for both kinds of pairs. The rules were developed on the first half.

    python benchmarks/checklist.py FOLDER [--misses]
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from synth.stages.paraphrase.options import SIMILARITY
from synth.text.paraphrase_checks.meaning import changed_meaning
from synth.text.similarity.embedding import similarity

FILE = "checklist_qqp.jsonl"
# The file says that these pairs ask the same: "Is Ann poisoning Bob?" and "Is Bob poisoning Ann?". By the
# name of the suite, and by reading them, they do not.
MISLABELLED = frozenset(("Order does matter for asymmetric relations",))
Verdict = Literal["caught", "near", "passed"]


class Pair(NamedTuple):
    """Two questions, and whether they ask the same."""

    suite: str
    same: bool
    first: str
    second: str


def pairs(folder: Path, *, corrected: bool = True) -> list[Pair]:
    """The pairs of the file, with the labels of `MISLABELLED` corrected."""
    found = [Pair(**json.loads(line)) for line in (folder / FILE).read_text("utf-8").splitlines()]
    if not corrected:
        return found
    return [pair._replace(same=False) if pair.suite in MISLABELLED else pair for pair in found]


def halves(cases: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Both halves of the suites."""
    first: set[str] = set()
    for same in (True, False):
        names = sorted({case.suite for case in cases if case.same is same}, key=_order)
        first |= set(names[: (len(names) + 1) // 2])
    return [c for c in cases if c.suite in first], [c for c in cases if c.suite not in first]


def _order(name: str) -> tuple[int, str]:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return int(digest, 16) % 2, digest


def verdict(case: Pair) -> tuple[Verdict, str]:
    """What the stage finds without its judge, and the reason."""
    if changed := changed_meaning(case.first, case.second):
        return ("near" if changed[0].is_copy else "caught"), changed[0]
    near = similarity(case.first, case.second)
    least, most = SIMILARITY
    return ("caught", "too_far") if near < least else ("near", "too_near") if near > most else ("passed", "")


class Figures(NamedTuple):
    """The results on some pairs."""

    recall: float
    precision: float
    false_alarms: float
    counts: Counter[tuple[bool, Verdict]]


def figures(cases: Sequence[Pair]) -> Figures:
    """Recall, precision and false alarms."""
    counts = Counter((case.same, verdict(case)[0]) for case in cases)
    same, different = sum(case.same for case in cases), sum(not case.same for case in cases)
    hits, false = counts[False, "caught"], counts[True, "caught"]
    return Figures(hits / max(different, 1), hits / max(hits + false, 1), false / max(same, 1), counts)


def main() -> None:
    """Prints both tables. With `--misses`, also each pair that the rules got wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--misses", action="store_true")
    args = parser.parse_args()
    everything = pairs(args.folder)
    as_labelled = pairs(args.folder, corrected=False)
    first_suites = {pair.suite for pair in halves(as_labelled)[0]}
    first = [pair for pair in everything if pair.suite in first_suites]
    second = [pair for pair in everything if pair.suite not in first_suites]
    print("| pairs | same: alarms (near) | different: caught (near) passed | recall | precision | alarms |")
    print("|---|---|---|---|---|---|")
    for name, cases in (
        ("first half", first),
        ("second half", second),
        ("all", everything),
        ("all, labels of the file", as_labelled),
    ):
        print(f"| {name} | {_cells(cases)} |")
    print(
        "\n| suite | half | same: false alarms (near) | different: caught (near) passed |\n|---|---|---|---|"
    )
    for suite in sorted({case.suite for case in everything}):
        cases = [case for case in everything if case.suite == suite]
        cells = " | ".join(_cells(cases).split(" | ")[:2])
        print(f"| {suite} | {'first' if cases[0] in first else 'second'} | {cells} |")
    if args.misses:
        for case in everything:
            found, reason = verdict(case)
            if found == ("caught" if case.same else "passed"):
                print(f"{reason or 'missed'}: {case.first} | {case.second}")


def _cells(cases: Sequence[Pair]) -> str:
    found = figures(cases)
    counts = found.counts
    same = sum(counts[True, each] for each in ("caught", "near", "passed"))
    different = len(cases) - same
    cells = [
        f"{counts[True, 'caught']} of {same} ({counts[True, 'near']})" if same else "",
        f"{counts[False, 'caught']} of {different} ({counts[False, 'near']}) {counts[False, 'passed']}"
        if different else "",
        f"{found.recall:.2f}", f"{found.precision:.2f}", f"{found.false_alarms:.1%}",
    ]  # fmt: skip
    return " | ".join(cells)


if __name__ == "__main__":
    main()
