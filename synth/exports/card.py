"""The dataset card: front matter for the hub, and a body that says where every row comes from.

The text is the template `card.md.jinja`; this module computes its values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from synth.exports.containers import data_path
from synth.exports.counts import ExportCounts
from synth.exports.files import Written
from synth.exports.formats.base import Format
from synth.exports.licences import licence_metadata
from synth.exports.mix import MixShare
from synth.exports.splits import SPLITS
from synth.llm.base import Json
from synth.printable import printable_line
from synth.recipe.model import ExportOptions
from synth.store.reader import FunnelLine

_TEMPLATE = Path(__file__).with_suffix(".md.jinja")
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
_MOST_KINDS = 40
# Characters that could start a tag or a link, end a table cell, or escape one of these.
_ESCAPED = {"<": "&lt;", "&": "&amp;", "[": "\\[", "|": "\\|", "\\": "\\\\"}
_MARKUP = re.compile(r"[<&\[|\\]")
_GIVEN = {"held_out": "held out of what people gave", "seeds": "seeds that people gave"}
_REVIEWS = {
    "none": "not reviewed",
    "pending": "sent to annotators, without an answer yet",
    "accepted": "accepted by a person",
    "edited": "edited by a person",
    "restored": "brought back by a person",
}
_PREFERENCES = {
    "edit": "a person's text over the draft that it replaced",
    "choice": "the answer that a person chose or wrote, over the other candidates",
    "failure": "a correct answer over a failed one",
    "rejected": "a seed's answer over the rejected answer in the same source row",
    "judge": "the candidate that a judge scored higher",
    "review": "a person accepted or rejected the answer",
}


@dataclass(frozen=True)
class CardFacts:
    """The facts that a card states."""

    name: str
    digest: str
    form: Format
    options: ExportOptions
    tally: ExportCounts
    funnel: Sequence[FunnelLine]
    sources: Sequence[tuple[str, str]]
    files: Sequence[Written]
    checks: Sequence[str]
    shares: Sequence[MixShare]
    held_out: int
    finished: bool


class _Markdown(str):
    """Text written by us, which the card includes unescaped."""


def card(facts: CardFacts) -> str:
    """The text of `README.md`."""
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    environment.filters["ours"] = _Markdown
    template = environment.from_string(_TEMPLATE.read_text("utf-8"))
    return template.render(_values(facts), table=_table) + "\n"


def _values(facts: CardFacts) -> dict[str, Any]:
    tally, options = facts.tally, facts.options
    strata = _strata(tally)
    return {
        **{key: getattr(facts, key) for key in ("name", "digest", "form", "tally", "held_out", "finished")},
        "front_matter": _front_matter(facts),
        "made": [
            *((words, "", "", tally.given[code]) for code, words in _GIVEN.items() if tally.given[code]),
            *((*key, count) for key, count in sorted(tally.made_by.items())),
        ],
        "scored": [(*key, count) for key, count in sorted(tally.scored_by.items())],
        "funnel": [_funnel_line(line) for line in facts.funnel],
        "given": sum(tally.given.values()),
        "reviewed": sum(tally.reviews[status] for status in ("accepted", "edited", "restored")),
        "reviews": [(_REVIEWS.get(status, status), count) for status, count in sorted(tally.reviews.items())],
        "preferences": _in_words(tally.preferences, _PREFERENCES),
        "mixed": [
            (
                share.name,
                share.source.split,
                tally.mixed[share.name, share.source.split],
                share.source.license or "not named",
            )
            for share in facts.shares
        ],
        "balance": options.balance,
        "strata": sorted(strata[:_MOST_KINDS]),
        "smaller_kinds": len(strata[_MOST_KINDS:]),
        "withheld": [(r, n, r.sentence) for r, n in sorted(tally.withheld.items())],
        "licence": options.license,
        "sources": [(name, f"`{digest}`" if digest else "on the hub") for name, digest in facts.sources],
        "checks": facts.checks,
        "files": [
            (file.name, "" if file.rows is None else file.rows, f"`{file.sha256}`") for file in facts.files
        ],
    }


def _front_matter(facts: CardFacts) -> str:
    from huggingface_hub import DatasetCardData

    total = facts.tally.total
    splits = [
        {"split": side, "path": data_path(side, facts.form.container)}
        for side in SPLITS
        if facts.tally.rows[side]
    ]
    metadata: Json = {
        **licence_metadata(facts.options.license),
        "pretty_name": facts.name,
        "task_categories": ["text-generation"],
        "size_categories": [next((name for limit, name in _SIZES if total < limit), "1M<n<10M")],
        "tags": ["synth", "synthetic", facts.form.name],
        "configs": [{"config_name": "default", "data_files": splits}],
    }
    return _Markdown(DatasetCardData(**metadata).to_yaml(original_order=list(metadata)))


def _funnel_line(line: FunnelLine) -> tuple[object, ...]:
    dropped = ", ".join(f"{reason}: {count}" for reason, count in line.dropped.items())
    total = sum(line.dropped.values())
    words = f"{total} ({dropped})" if total else 0
    return line.stage, line.came, line.born, words, line.failed, line.passed


def _strata(tally: ExportCounts) -> list[tuple[str, str, int, int]]:
    """Rows per kind in train and in test, the most frequent kind first."""
    kinds = {(dimension, value) for dimension, value, _ in tally.strata}
    rows = [(*kind, tally.strata[*kind, "train"], tally.strata[*kind, "test"]) for kind in kinds]
    return sorted(rows, key=lambda row: (-row[2] - row[3], row))


def _in_words(counts: Mapping[str, int], words: Mapping[str, str]) -> list[tuple[str, int, str]]:
    return [(code, count, words[code]) for code, count in sorted(counts.items())]


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> _Markdown:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return _Markdown("\n".join("| " + " | ".join(_shown(cell) for cell in line) + " |" for line in lines))


def _shown(value: object) -> str:
    """A foreign name or text on one line, escaped so that it is neither a tag nor a link."""
    if isinstance(value, _Markdown):
        return value
    return _MARKUP.sub(lambda sign: _ESCAPED[sign[0]], printable_line(str(value)))
