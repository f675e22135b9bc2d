"""The dataset card: front matter that the hub reads, and a body that says where every row comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import yaml

from synth.exports.containers import data_path
from synth.exports.files import Written
from synth.exports.formats.base import Format
from synth.exports.licences import licence_metadata
from synth.exports.mix import Share
from synth.exports.select import REASONS
from synth.exports.sides import SIDES
from synth.exports.tally import Tally
from synth.llm.base import Json
from synth.printable import printable_line
from synth.recipe.model import ExportOptions
from synth.store.reader import FunnelLine

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
_MOST_KINDS = 40
# What would be a tag, a link, a cell's end or the escape of one.
_ESCAPED = {"<": "&lt;", "&": "&amp;", "[": "\\[", "|": "\\|", "\\": "\\\\"}
_MARKUP = re.compile(r"[<&\[|\\]")
_REVIEWS = {
    "none": "not reviewed",
    "pending": "sent to annotators, without an answer yet",
    "accepted": "accepted by a person",
    "edited": "edited by a person",
    "restored": "brought back by a person",
}
_SOURCES = {
    "edit": "a person's text over the draft it took the place of",
    "choice": "what a person chose, or wrote, over the candidates beside it",
    "failure": "a right answer over one that failed",
    "rejected": "a seed's answer over the one that it was given with as the worse",
    "judge": "the candidate that a judge scored higher",
    "review": "a person accepted or rejected the answer",
}


@dataclass(frozen=True)
class CardFacts:
    """All that a card says."""

    name: str
    digest: str
    form: Format
    options: ExportOptions
    tally: Tally
    funnel: Sequence[FunnelLine]
    sources: Sequence[tuple[str, str]]
    files: Sequence[Written]
    checks: Sequence[str]
    shares: Sequence[Share]
    held_out: int
    finished: bool


def card(facts: CardFacts) -> str:
    """The text of `README.md`."""
    sections = [
        _intro(facts),
        _making(facts),
        _people(facts.tally),
        _preferences(facts.tally),
        _mixed(facts),
        _copies(facts.tally, facts.options),
        _split(facts),
        _withheld(facts.tally),
        _sources(facts),
        _checks(facts),
    ]
    front = yaml.safe_dump(_front_matter(facts), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{front}---\n\n" + "\n\n".join(section for section in sections if section) + "\n"


def _front_matter(facts: CardFacts) -> Json:
    total = facts.tally.total
    size = next((name for limit, name in _SIZES if total < limit), "1M<n<10M")
    splits = [
        {"split": side, "path": data_path(side, facts.form.container)}
        for side in SIDES
        if facts.tally.rows[side]
    ]
    return {
        **licence_metadata(facts.options.license),
        "pretty_name": facts.name,
        "task_categories": ["text-generation"],
        "size_categories": [size],
        "tags": ["synth", "synthetic", facts.form.name],
        "configs": [{"config_name": "default", "data_files": splits}],
    }


def _intro(facts: CardFacts) -> str:
    rows = facts.tally.rows
    lines = [
        f"# {_plain(facts.name)}",
        "",
        f"{facts.tally.total} rows to fine-tune a language model with, in the format `{facts.form.name}`: "
        f"{facts.form.about}.",
        "",
        f"`train` has {rows['train']} rows, `test` {rows['test']}; `receipts.jsonl` tells for each of them "
        "where it comes from and what happened to it.",
    ]
    if not facts.finished:
        lines += ["", "**The run behind it is unfinished:** rows that were still under way are not in here."]
    return "\n".join(lines)


def _making(facts: CardFacts) -> str:
    tally = facts.tally
    given = [
        (words, "", "", tally.given[code])
        for code, words in (("held_out", "held out of what people gave"), ("seeds", "seeds that people gave"))
        if tally.given[code]
    ]
    made = [(stage, prompt, model, count) for (stage, prompt, model), count in sorted(tally.made_by.items())]
    lines = [
        "## How it was made",
        "",
        f"By the recipe `{facts.name}` (SHA-256 `{facts.digest}`). The rows and what wrote them:",
        "",
        *_table(("made by", "prompt", "model", "rows"), [*given, *made]),
    ]
    if tally.scored_by:
        scored = [(*key, count) for key, count in sorted(tally.scored_by.items())]
        lines += ["", "What read them:", "", *_table(("stage", "prompt", "model", "rows"), scored)]
    if tally.own_judges:
        lines += ["", f"Marked by the model that wrote them: {', '.join(map(_plain, tally.own_judges))}."]
    lines += ["", "What came in, and where it went:", "", *_funnel(facts.funnel)]
    return "\n".join(lines)


def _funnel(funnel: Sequence[FunnelLine]) -> list[str]:
    rows = []
    for line in funnel:
        dropped = ", ".join(f"{reason}: {count}" for reason, count in line.dropped.items())
        total = sum(line.dropped.values())
        rows.append(
            (
                line.stage,
                line.came,
                line.born,
                f"{total} ({dropped})" if total else 0,
                line.failed,
                line.passed,
            )
        )
    return _table(("stage", "came in", "made here", "dropped", "failed", "went on"), rows)


def _people(tally: Tally) -> str:
    reviewed = sum(tally.reviews[status] for status in ("accepted", "edited", "restored"))
    given = sum(tally.given.values())
    lines = [
        "## What people did",
        "",
        f"{given} of {tally.total} rows were given by people, and {reviewed} were reviewed by people.",
    ]
    if reviewed:
        rows = [(_REVIEWS.get(status, status), count) for status, count in sorted(tally.reviews.items())]
        lines += ["", *_table(("review", "rows"), rows)]
    return "\n".join(lines)


def _preferences(tally: Tally) -> str:
    if not tally.preferences:
        return ""
    rows = [(source, count, _SOURCES[source]) for source, count in sorted(tally.preferences.items())]
    lines = ["## Who says what is better", "", *_table(("source", "rows", "in words"), rows)]
    if tally.rejected_letters:
        ratio = tally.chosen_letters / tally.rejected_letters
        lines += ["", f"Chosen answers are {ratio:.2f} times as long as rejected ones."]
    return "\n".join(lines)


def _mixed(facts: CardFacts) -> str:
    if not facts.shares:
        return ""
    rows = [
        (
            share.name,
            share.source.split,
            facts.tally.mixed[share.name, share.source.split],
            share.source.license or "not named",
        )
        for share in facts.shares
    ]
    return "\n".join(
        [
            "## Mixed in",
            "",
            "General data, against forgetting, without near-copies of the rows above:",
            "",
            *_table(("source", "split", "rows", "licence"), rows),
        ]
    )


def _copies(tally: Tally, options: ExportOptions) -> str:
    if not options.balance:
        return ""
    by, most = options.balance.by, options.balance.most
    lines = [
        "## Rows that stand in train more than once",
        "",
        f"Groups of n rows by {by} weigh n^(1/{options.balance.temperature:g}), and at most {most:g} n. The "
        "copies stand at the end of `train`.",
    ]
    return "\n".join([*lines, "", *_table((by, "copies"), sorted(tally.copies.items()))])


def _split(facts: CardFacts) -> str:
    lines = ["## The test split", ""]
    if facts.held_out:
        lines.append(
            f"`test` is the holdout: {facts.tally.own_test} real rows that were set aside before "
            "anything was drafted and that no prompt ever showed. What a model does on it can be taken for "
            "what it will do on rows like these."
        )
    elif facts.tally.own_test:
        lines.append(
            "There was no holdout, so `test` was cut from the drafts. It shows whether a model learned what "
            "the drafts say, and not whether that is right: it shares their mistakes and their sources. "
            "Measure on real rows before relying on a model."
        )
    else:
        lines.append("`test` has no row of ours: there was no holdout, and no draft fell to it.")
    if general := facts.tally.rows["test"] - facts.tally.own_test:
        lines += ["", f"{general} rows of `test` are general data, to see what was forgotten."]
    lines += [
        "",
        "Rows that were made from one text, and near-copies, stand on one side; a row keeps its side when "
        "others are added.",
        "",
        *_strata(facts.tally),
    ]
    return "\n".join(lines)


def _strata(tally: Tally) -> list[str]:
    """How the kinds of rows came out on the two sides, the most frequent first."""
    train, test = (
        {(dimension, value): n for (dimension, value, side), n in tally.strata.items() if side == wanted}
        for wanted in SIDES
    )
    both = {kind: train.get(kind, 0) + test.get(kind, 0) for kind in train | test}
    shown = sorted(both, key=lambda kind: (-both[kind], kind))[:_MOST_KINDS]
    rows = [
        (dimension, value, train.get((dimension, value), 0), test.get((dimension, value), 0))
        for dimension, value in sorted(shown)
    ]
    lines = _table(("rows by", "", "train", "test"), rows)
    if left := len(both) - len(shown):
        lines += ["", f"{left} smaller kinds are not listed."]
    return lines


def _withheld(tally: Tally) -> str:
    if not tally.withheld:
        return ""
    rows = [(code, count, REASONS[code]) for code, count in sorted(tally.withheld.items())]
    return "\n".join(["## Kept rows that are not in it", "", *_table(("reason", "rows", "in words"), rows)])


def _sources(facts: CardFacts) -> str:
    lines = ["## Sources and licence", ""]
    if facts.options.license:
        lines.append(f"Licence of the sources: {_plain(facts.options.license)}.")
    else:
        lines.append("The licence of the sources was not named (`export.license` in the recipe).")
    lines.append("The terms of the models above apply to what they wrote.")
    if facts.sources:
        named = [(name, f"`{digest}`" if digest else "on the hub") for name, digest in facts.sources]
        lines += ["", *_table(("source", "SHA-256"), named)]
    return "\n".join(lines)


def _checks(facts: CardFacts) -> str:
    files = [(file.name, "" if file.rows is None else file.rows, f"`{file.sha256}`") for file in facts.files]
    return "\n".join(
        [
            "## Checks it passed",
            "",
            *(f"- {_plain(check)}" for check in facts.checks),
            "",
            *_table(("file", "rows", "SHA-256"), files),
        ]
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines]


def _plain(value: object) -> str:
    """A name or a text of others in one line: it is shown as it is, and is neither a tag nor a link."""
    return _MARKUP.sub(lambda sign: _ESCAPED[sign[0]], printable_line(str(value)))
