"""The rows of a file as raw records: JSON Lines, JSON, CSV and Parquet, each with its place in the file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from synth.errors import SourceError
from synth.llm.base import Json
from synth.shapes import Record

# A line longer than this is no row but a mistake (a whole file on one line, a binary).
LONGEST_LINE = 16 * 2**20

# Columns of a table that may hold a list or an object, written as JSON.
_STRUCTURED = {"messages", "conversations", "prompt", "completion", "chosen", "rejected", "tools"}


def read_records(file: Path) -> Iterator[Record]:
    """The rows of a file, one after another. Raises `SourceError` for the first that is none."""
    readers = {
        ".jsonl": _jsonl,
        ".ndjson": _jsonl,
        ".json": _json,
        ".csv": _csv,
        ".tsv": _csv,
        ".parquet": _parquet,
    }
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise SourceError(
            f"{file.suffix or 'a file without a suffix'} is not read as rows.",
            where=str(file),
            hint=f"Use one of {', '.join(readers)}.",
        )
    try:
        yield from reader(file)
    except UnicodeDecodeError as error:
        raise SourceError(
            f"is not UTF-8 ({error.reason}).", where=str(file), hint="Save it as UTF-8."
        ) from None


def _jsonl(file: Path) -> Iterator[Record]:
    with file.open("rb") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(LONGEST_LINE + 1), b""), start=1):
            where = f"{file}:{number}"
            if len(line) > LONGEST_LINE:
                raise SourceError(
                    f"the line is longer than {LONGEST_LINE // 2**20} MiB.",
                    where=where,
                    hint="JSON Lines has one row a line; is this one big JSON array? Then call it .json.",
                )
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if line.strip():
                yield Record(_object(line, where), where)


def _object(line: bytes, where: str) -> Json:
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as not_text:
            raise SourceError(f"is not UTF-8 (byte {not_text.start} of the line).", where=where) from None
        raise SourceError(f"is not valid JSON: {error}.", where=where) from None
    if not isinstance(data, dict):
        raise SourceError("is not a JSON object.", where=where, hint='A row looks like {"instruction": ...}.')
    return data


def _json(file: Path) -> Iterator[Record]:
    try:
        data = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise SourceError(f"is not valid JSON: {error}.", where=str(file)) from None
    items = data if isinstance(data, list) else [data]
    for number, item in enumerate(items, start=1):
        where = f"{file}: item {number}"
        if not isinstance(item, dict):
            raise SourceError("is not a JSON object.", where=where)
        yield Record(item, where)


def _csv(file: Path) -> Iterator[Record]:
    csv.field_size_limit(LONGEST_LINE)
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text, delimiter="\t" if file.suffix.lower() == ".tsv" else ",")
        try:
            for item in reader:
                where = f"{file}:{reader.line_num}"
                if None in item:
                    raise SourceError("has more values than there are columns.", where=where)
                yield Record({k: _parsed(k, v, where) for k, v in item.items() if v}, where)
        except csv.Error as error:
            raise SourceError(f"is not valid CSV: {error}.", where=f"{file}:{reader.line_num}") from None


def _parsed(column: str, value: str, where: str) -> Any:
    """Lists and objects stand in a table as JSON."""
    if column not in _STRUCTURED or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise SourceError(f"`{column}` is not valid JSON: {error}.", where=where) from None


def _parquet(file: Path) -> Iterator[Record]:
    import pyarrow
    import pyarrow.parquet as parquet

    number = 0
    try:
        with parquet.ParquetFile(file) as table:
            for batch in table.iter_batches(batch_size=1024):
                for item in batch.to_pylist():
                    number += 1
                    yield Record(filled(item), f"{file}: row {number}")
    except pyarrow.ArrowInvalid as error:
        raise SourceError(f"is not valid Parquet: {error}.", where=str(file)) from None


def filled(item: Json) -> Json:
    """Without the columns that say nothing, also inside messages: a table has every key in every row."""
    return {
        k: [filled(v) if isinstance(v, dict) else v for v in value] if isinstance(value, list) else value
        for k, value in item.items()
        if value is not None
    }
