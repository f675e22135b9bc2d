"""Groups rows by the stage that made them, by label, by language and by source."""

from __future__ import annotations

from collections.abc import Iterator

from synth.conversation import content_of
from synth.exports.exported_row import ExportedRow
from synth.row import Row
from synth.text.languages import language_of

OWN = "own"


def strata_of(row: Row) -> Iterator[tuple[str, str]]:
    """The kinds of a row, as pairs of a dimension and a value."""
    yield "stage", row.maker
    for name in sorted(row.labels):
        if (value := label_of(row, name)) is not None:
            yield f"label:{name}", value
    yield "language", language(row)


def group_of(exported: ExportedRow, by: str) -> str:
    """The value of a row in one dimension: `language`, `stage`, `source` or `label:NAME`."""
    row = exported.row
    if by == "language":
        return language(row)
    if by == "stage":
        return row.maker
    if by == "source":
        return exported.mixed or OWN
    return label_of(row, by.removeprefix("label:")) or "none"


def label_of(row: Row, name: str) -> str | None:
    """A label as text, if it is a word, a number or a boolean. Lists and objects do not count as a kind."""
    value = row.labels.get(name)
    return str(value).lower() if isinstance(value, bool) else str(value) if _plain(value) else None


def language(row: Row) -> str:
    """The language of the prompt and the answer, or their script."""
    messages = row.conversation.messages
    said = (content_of(message) for message in messages if message["role"] in ("user", "assistant"))
    return language_of("\n".join(said))


def _plain(value: object) -> bool:
    return isinstance(value, str | int | float)
