"""Measures precision and recall of the checks without a model, on planted cases.

Each check is measured alone. It should find the defects that were planted for it, and accept good rewordings
and the defects that were planted for other checks. The held-out cases were written after the checks.

    python benchmarks/planted.py [--misses]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synth.text.paraphrase_checks.contrasts import changed_contrast
from synth.text.paraphrase_checks.entities import changed_entity
from synth.text.paraphrase_checks.literals import changed_literal
from synth.text.paraphrase_checks.meaning import changed_meaning, is_copy
from synth.text.paraphrase_checks.negations import changed_negation
from synth.text.paraphrase_checks.numbers import changed_numbers
from synth.text.quotes import find_quote
from synth.text.similarity.unlike import asks_something_else
from synth.text.standalone import leans_on_source

DATA = Path(__file__).resolve().parents[1] / "tests" / "data"
KINDS = ("number", "negation", "name", "same")
SETS = {"first": "", "held out": "_held_out"}
Case = dict[str, Any]


@dataclass
class Tally:
    """The results of a check. `wrong` has the cases that it got wrong."""

    hits: int = 0
    missed: int = 0
    false: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)

    def note(self, planted: bool, said: bool, case: str) -> None:
        """Counts one case."""
        if planted and said:
            self.hits += 1
        elif planted:
            self.missed += 1
        elif said:
            self.false += 1
        else:
            self.right += 1
        if planted != said:
            self.wrong.append(f"{'missed' if planted else 'false'}: {case}")

    @property
    def precision(self) -> float:
        """The share of its findings that were planted."""
        return self.hits / (self.hits + self.false) if self.hits + self.false else 0.0

    @property
    def recall(self) -> float:
        """The share of the planted defects that it found."""
        return self.hits / (self.hits + self.missed) if self.hits + self.missed else 0.0


def cases(kind: str, suffix: str) -> list[Case]:
    """The cases of one file."""
    return [
        json.loads(line) for line in (DATA / f"planted_{kind}{suffix}.jsonl").read_text("utf-8").splitlines()
    ]


# A check by name: the kinds that were planted for it, the kinds to leave out, and the function that runs it.
# A kind is left out if it changes what the check looks at too: a different question has other numbers and
# names.
PARAPHRASE_CHECKS: dict[str, tuple[set[str], set[str], Callable[[str, str], object]]] = {
    "numbers": ({"number"}, {"question"}, changed_numbers),
    "negations": (
        {"negation"}, {"question", "code"},
        lambda before, after: changed_negation(before, after) or changed_contrast(before, after, "en"),
    ),
    "copies": ({"copy"}, {"number", "negation", "entity", "code", "quoted"}, is_copy),
    "entities": ({"entity"}, {"question", "quoted"}, changed_entity),
    "code and quoted": ({"code", "quoted"}, {"question"}, changed_literal),
    "other question": (
        {"question"}, {"number", "negation", "entity", "code", "quoted"},
        lambda before, after: asks_something_else(before, after) is not None,
    ),
    "all together": ({"number", "negation", "copy", "entity", "code", "quoted", "question"}, set(),
                     changed_meaning),
}  # fmt: skip


def tallies(suffix: str) -> Iterator[tuple[str, Tally]]:
    """The results of all checks on one set of cases."""
    paraphrases = cases("paraphrases", suffix)
    for name, (planted, silent, check) in PARAPHRASE_CHECKS.items():
        tally = Tally()
        for case in paraphrases:
            crossed = name == "other question" and case["kind"] == "good" and _crosses(case)
            if case["kind"] in silent or crossed:
                continue
            said = check(case["before"], case["after"])
            shown = f"{case['kind']}: {case['before']} | {case['after']} -> {said}"
            tally.note(case["kind"] in planted, bool(said), shown)
        yield name, tally
    tally = Tally()
    for case in cases("instructions", suffix):
        said = leans_on_source(case["instruction"])
        tally.note(case["leans"], said is not None, f"{case['instruction']} -> {said}")
    yield "leaning on the text", tally
    tally = Tally()
    for case in cases("quotes", suffix):  # a finding means that the quote is not in the text
        found = find_quote(case["quote"], case["text"])
        tally.note(not case["found"], found is None, f"{case['quote']} -> {found}")
    yield "quotes not in the text", tally


def word_tallies() -> Iterator[tuple[str, Tally]]:
    """The results of all rules together on pairs that were written for one rule each, and for none ("any").

    A copy is no finding. A change counts as found under any reason.
    """
    found: dict[str, Tally] = {}
    for case in cases("words", ""):
        changed = changed_meaning(case["before"], case["after"])
        said = changed is not None and not changed[0].is_copy
        shown = f"{case['before']} | {case['after']} -> {changed}"
        found.setdefault(case["rule"], Tally()).note(not case["same"], said, shown)
    yield from found.items()


def languages() -> Iterator[tuple[str, dict[str, tuple[int, int]]]]:
    """For each language of `tests/data/planted`, how many pairs of each kind all checks together drop."""
    for file in sorted((DATA / "planted").glob("*.jsonl")):
        found: dict[str, list[bool]] = {}
        for line in file.read_text("utf-8").splitlines():
            case = json.loads(line)
            dropped = changed_meaning(case["first"], case["second"]) is not None
            found.setdefault(case["kind"], []).append(dropped)
        yield file.stem, {kind: (sum(dropped), len(dropped)) for kind, dropped in found.items()}


def _crosses(case: Case) -> bool:
    """Whether the two texts are in two languages, so that their similarity says nothing."""
    from synth.text.languages import language_of

    return language_of(case["before"]) != language_of(case["after"])


def main() -> None:
    """Prints the table. With `--misses`, also each case that a check got wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--misses", action="store_true")
    args = parser.parse_args()
    print("| check | cases | planted | precision | recall | false alarms |\n|---|---|---|---|---|---|")
    for name, tally in word_tallies():
        _print(f"words: {name}", tally, misses=args.misses)
    for title, suffix in SETS.items():
        if not (DATA / f"planted_quotes{suffix}.jsonl").exists():
            continue
        for name, tally in tallies(suffix):
            _print(f"{name} ({title})", tally, misses=args.misses)
    print("\n| language | numbers found | negations | names | false alarms |\n|---|---|---|---|---|")
    for language, found in languages():
        shown = (f"{dropped} of {total}" for dropped, total in (found[kind] for kind in KINDS))
        print(f"| {language} | {' | '.join(shown)} |")


def _print(name: str, tally: Tally, *, misses: bool) -> None:
    planted, rest = tally.hits + tally.missed, tally.false + tally.right
    alarms = f"{tally.false} of {rest}"
    shares = f"{tally.precision:.3f} | {tally.recall:.3f}" if planted else " | "
    print(f"| {name} | {planted + rest} | {planted} | {shares} | {alarms} |")
    if misses:
        print("\n".join(f"    {line}" for line in tally.wrong) or "    -")


if __name__ == "__main__":
    main()
