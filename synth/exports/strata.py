"""What kinds of rows there are: by the stage that made them, by label, by language, by source."""

from __future__ import annotations

from collections.abc import Iterator

from synth.llm.base import Json
from synth.row import content_of
from synth.text.scripts import language_or_script

OWN = "own"


def strata_of(receipt: Json) -> Iterator[tuple[str, str]]:
    """Each kind that a row belongs to, as a dimension and a value in it."""
    yield "stage", stage_of(receipt)
    for name in sorted(receipt["labels"]):
        if (value := label_of(receipt, name)) is not None:
            yield f"label:{name}", value
    yield "language", language(receipt)


def group_of(receipt: Json, by: str) -> str:
    """The value of a row in one dimension: `language`, `stage`, `source` or `label:NAME`."""
    if by == "language":
        return language(receipt)
    if by == "stage":
        return stage_of(receipt)
    if by == "source":
        return str(receipt.get("mixed", OWN))
    return label_of(receipt, by.removeprefix("label:")) or "none"


def stage_of(receipt: Json) -> str:
    """The maker of a row; where people gave it, what it was given as."""
    lineage = receipt["lineage"]
    return str(lineage["stage"] or lineage["origin"])


def label_of(receipt: Json, name: str) -> str | None:
    """A label that is a word, a number or a yes or no, in words; lists and objects are no kind of row."""
    value = receipt["labels"].get(name)
    return str(value).lower() if isinstance(value, bool) else str(value) if _plain(value) else None


def language(receipt: Json) -> str:
    """The language, or the script, of what was asked and answered."""
    said = (
        content_of(message) for message in receipt["messages"] if message["role"] in ("user", "assistant")
    )
    return language_or_script("\n".join(said))


def _plain(value: object) -> bool:
    return isinstance(value, str | int | float)
