"""The rows of a file as raw records: JSON Lines, JSON, CSV and Parquet, each with its place in the file."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import orjson

from synth.errors import MachineError, SourceError
from synth.llm.base import Json
from synth.shapes import Record

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

# A line longer than this is no row but a mistake (a whole file on one line, a binary).
LONGEST_LINE = 16 * 2**20
# Bytes that are parsed, or unpacked, at once.
LARGEST_JSON = 64 * 2**20
LARGEST_GROUP = 512 * 2**20

# Columns of a table that may hold a list or an object, written as JSON.
_STRUCTURED = {"messages", "conversations", "prompt", "completion", "chosen", "rejected", "tools"}


def read_records(file: Path) -> Iterator[Record]:
    """The rows of a file, one after another, in bounded memory.

    Raises `SourceError` for the first that is none, `MachineError` where the file cannot be read.
    """
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise SourceError(
            f"{file.suffix or 'a file without a suffix'} is not read as rows.",
            where=str(file),
            hint=_CONVERT.get(file.suffix.lower(), f"Use one of {', '.join(_READERS)}."),
        )
    try:
        yield from reader(file)
    except UnicodeDecodeError as error:
        raise SourceError(
            f"is not UTF-8 ({error.reason}).", where=str(file), hint="Save it as UTF-8."
        ) from None
    except OSError as error:
        raise MachineError(f"cannot be read: {error.strerror or error}.", where=str(file)) from None


def filled(item: Json) -> Json:
    """Without the columns that say nothing, also inside messages: a table has every key in every row."""
    return {
        k: [filled(v) if isinstance(v, dict) else v for v in value] if isinstance(value, list) else value
        for k, value in item.items()
        if value is not None
    }


def _jsonl(file: Path) -> Iterator[Record]:
    with file.open("rb") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(LONGEST_LINE + 1), b""), start=1):
            where = f"{file}:{number}"
            if len(line) > LONGEST_LINE:
                raise _too_long(
                    where, "JSON Lines has one row a line; is this one JSON array? Call it .json."
                )
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
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
        advice = "JSON Lines has one whole row a line; a file that is one JSON array is called .json."
        cut = line.strip() in (b"[", b"{")
        raise SourceError(f"is not valid JSON: {error}.", where=where, hint=advice if cut else None) from None
    if not isinstance(data, dict):
        raise SourceError("is not a JSON object.", where=where, hint='A row looks like {"instruction": ...}.')
    return data


def _json(file: Path) -> Iterator[Record]:
    # It is parsed as a whole, and takes several times its size while it is.
    if (size := file.stat().st_size) > LARGEST_JSON:
        raise SourceError(
            f"has {size / 2**20:,.0f} MiB; JSON may have {LARGEST_JSON // 2**20}.",
            where=str(file),
            hint="Write one row a line and call it .jsonl: that is read row by row.",
        )
    try:
        data = orjson.loads(file.read_bytes().removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError as error:
        raise SourceError(f"is not valid JSON: {error}.", where=str(file)) from None
    items = data if isinstance(data, list) else [data]
    for number, item in enumerate(items, start=1):
        where = f"{file}: item {number}"
        if not isinstance(item, dict):
            raise SourceError(
                "is not a JSON object.", where=where, hint="The file is a list of rows, or one row."
            )
        yield Record(item, where)


def _csv(file: Path) -> Iterator[Record]:
    csv.field_size_limit(LONGEST_LINE)
    with file.open(encoding="utf-8-sig", newline="") as text:
        delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
        # Strict: a quote that is never closed would take the rest of the file for one value.
        reader = csv.DictReader(_lines(text, file), delimiter=delimiter, strict=True)
        done = 0
        try:
            _check_header(reader.fieldnames or (), file)
            done = reader.line_num
            for item in reader:
                done, where = reader.line_num, f"{file}:{reader.line_num}"
                if None in item:
                    raise SourceError("has more values than there are columns.", where=where)
                if None in item.values():
                    raise SourceError("has fewer values than there are columns.", where=where)
                yield Record({k: _parsed(k, v, where) for k, v in item.items() if v}, where)
        except csv.Error as error:
            raise SourceError(
                f"is not valid CSV: {error}.",
                where=f"{file}:{done + 1}",
                hint="A quote that is opened is closed again; inside quotes, a quote is written twice.",
            ) from None


def _lines(text: TextIO, file: Path) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: text.readline(LONGEST_LINE + 1), ""), start=1):
        if len(line) > LONGEST_LINE:
            raise _too_long(f"{file}:{number}", "A table has one row a line.")
        yield line


def _too_long(where: str, hint: str) -> SourceError:
    return SourceError(f"the line is longer than {LONGEST_LINE // 2**20} MiB.", where=where, hint=hint)


def _check_header(columns: Sequence[str], file: Path) -> None:
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise SourceError(
            f"has the column {twice!r} twice.", where=f"{file}:1", hint="Rename one of them, or take it out."
        )


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
            _check_groups(table, file)
            for batch in table.iter_batches(batch_size=1024):
                for item in batch.to_pylist():
                    number += 1
                    yield Record(filled(item), f"{file}: row {number}")
    # Arrow calls broken pages an OSError, one without a number.
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        first = next(iter(str(error).splitlines()), type(error).__name__).rstrip(". ")
        raise SourceError(f"is not valid Parquet: {first}.", where=str(file)) from None


def _check_groups(table: ParquetFile, file: Path) -> None:
    """What the file says that a group of rows unpacks to: so much of it may be in memory at once."""
    groups = (table.metadata.row_group(n).total_byte_size for n in range(table.num_row_groups))
    if (largest := max(groups, default=0)) > LARGEST_GROUP:
        raise SourceError(
            f"a row group unpacks to {largest / 2**20:,.0f} MiB; one may have {LARGEST_GROUP // 2**20}.",
            where=str(file),
            hint="Write it again with smaller row groups (`row_group_size=1000`).",
        )


_READERS: Mapping[str, Callable[[Path], Iterator[Record]]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".tsv": _csv,
    ".parquet": _parquet,
}
_CONVERT = {
    ".xlsx": "Save it as .csv (UTF-8).",
    ".xls": "Save it as .csv (UTF-8).",
    ".gz": "Unpack it first.",
    ".zip": "Unpack it first.",
    ".txt": "Texts go to `sources.documents`.",
    ".md": "Texts go to `sources.documents`.",
}
