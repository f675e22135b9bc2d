"""Reads an export back from disk and compares it with the receipts, before it is published."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from synth.conversation import content_of
from synth.errors import ExportError
from synth.exports.example import reasoning_of
from synth.exports.exported_row import ExportedRow
from synth.exports.files import Written, digest_of
from synth.exports.formats.base import Format
from synth.exports.splits import SPLITS, Split
from synth.frozen import FrozenJson
from synth.llm.base import Json
from synth.recipe.model import ExportOptions
from synth.row import Row
from synth.text.tokens import normal_form

RECEIPTS = "receipts.jsonl"


@dataclass(frozen=True)
class ExpectedExport:
    """The expected export: the files as written, the format, the recipe's options, the number of copies."""

    files: Sequence[Written]
    form: Format
    options: ExportOptions
    copies: int = 0


def file_of(split: Split) -> str:
    """The name of a split's file."""
    return f"{split}.jsonl"


def check_export(folder: Path, expected: ExpectedExport) -> list[str]:
    """Runs all checks and returns one sentence per check for the card. Raises `ExportError` for the first
    failure.
    """
    _check_bytes(folder, expected.files)
    marks = _Marks()
    rows = _check_texts(folder, expected, marks)
    _check_apart(folder, marks)
    return [
        "Every file holds the bytes that were written, and every line is JSON in valid UTF-8.",
        f"Rows in = rows out: {rows} receipts, each with its row, in the same order.",
        "Each message of each row is in the written files, unchanged.",
        f"Every row keeps the rules of {expected.form.name}.",
        "No row, no near-copy and no text that rows were made from is in both splits.",
        "No two rows are the same"
        + (f", but for {expected.copies} copies inside train." if expected.copies else "."),
    ]


def _check_bytes(folder: Path, files: Sequence[Written]) -> None:
    for written in files:
        if digest_of(folder / written.name) != written.sha256:
            raise ExportError(
                "does not hold what was written to it.",
                where=str(folder / written.name),
                hint="Check this disk, then export again.",
            )


@dataclass
class _Marks:
    """What rows of train and rows of test must not share, as 8-byte digests."""

    test: set[int] = field(default_factory=set)
    train: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, exported: ExportedRow) -> None:
        if exported.split == "test":
            self.test.update(_marks(exported.row))
        else:
            self.train.extend(_marks(exported.row))


def _check_texts(folder: Path, expected: ExpectedExport, marks: _Marks) -> int:
    """Compares every row with its receipt and adds it to `marks`. Returns the number of rows."""
    records = {split: read_lines(folder / file_of(split)) for split in SPLITS}
    count = 0
    for exported in _receipts(folder):
        record = next(records[exported.split], None)
        if record is None:
            raise ExportError(
                "has a receipt, but no row in the split's file.", where=f"row {exported.row.id}"
            )
        lost = _lost_text(exported, record, expected)
        if lost is not None:
            raise ExportError(
                f"a text is not in {file_of(exported.split)} as it should be: {lost[:80]!r}.",
                where=f"row {exported.row.id}",
            )
        count += 1
        marks.add(exported)
    for split in SPLITS:
        if next(records[split], None) is not None:
            raise ExportError("contains a row without a receipt.", where=file_of(split))
    return count


def _lost_text(exported: ExportedRow, record: Json, expected: ExpectedExport) -> str | None:
    """The first text of the row that the record lacks or changes, or None."""
    whole, inside = _wanted(exported, expected)
    texts = list(_strings(record))
    held = Counter(texts)
    for text in whole:
        if not held[text]:
            return text
        held[text] -= 1  # a text that occurs twice must be found twice
    return next((text for text in inside if not any(text in longer for longer in texts)), None)


def _wanted(exported: ExportedRow, expected: ExpectedExport) -> tuple[list[str], list[str]]:
    """The texts that a record must contain: complete values, and texts that may be part of a longer value.

    Some formats write a call as text, so the call's name is part of that text. An answer follows its
    reasoning.
    """
    kind, options, conversation = expected.form.kind, expected.options, exported.row.conversation
    system = None if exported.mixed else options.system
    messages = conversation.messages if kind == "answer" else conversation.prompt
    whole = [
        content_of(message)
        for message in messages
        if system is None or message["role"] not in ("system", "developer")
    ]
    whole += exported.preference.texts if exported.preference else ()
    whole += [system or ""]
    inside = [name for message in messages for name in _called(message)]
    if kind == "answer" and (thought := reasoning_of(exported.row, options)):
        inside.append(thought)
        if options.reasoning == "think":
            inside.append(content_of(messages[-1]))
            whole.remove(inside[-1])
    return [text for text in whole if text], inside


def _called(message: FrozenJson) -> Iterator[str]:
    for call in message.get("tool_calls") or ():
        yield call["function"]["name"]


def _strings(value: Any) -> Iterator[str]:
    """Every text inside a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _check_apart(folder: Path, marks: _Marks) -> None:
    if marks.test.isdisjoint(marks.train):
        return
    for exported in _receipts(folder):
        if exported.split == "train" and not marks.test.isdisjoint(_marks(exported.row)):
            raise ExportError("is too similar to a row of test.", where=f"row {exported.row.id}")


def _marks(row: Row) -> Iterator[int]:
    """Digests of the row's id, its ancestors' ids, its cluster and its prompt."""
    for name in (row.id, *row.lineage.parents, *([row.cluster] if row.cluster else ())):
        yield _digest(f"id:{name}")
    if prompt := normal_form(row.conversation.prompt_text):
        yield _digest(f"prompt:{prompt}")


def _digest(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _receipts(folder: Path) -> Iterator[ExportedRow]:
    return map(ExportedRow.from_json, read_lines(folder / RECEIPTS))


def read_lines(file: Path) -> Iterator[Json]:
    """The records of a JSON Lines file, one at a time. Raises `ExportError`."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise ExportError(f"is not valid JSON: {error}.", where=f"{file.name}:{number}") from None
            if not isinstance(record, dict):
                raise ExportError("is not a JSON object.", where=f"{file.name}:{number}")
            yield record
