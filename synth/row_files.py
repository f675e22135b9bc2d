"""Reads the rows of a file as raw records, each with its place: JSON Lines, JSON, tables, Parquet."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from synth.errors import MachineError, SourceError
from synth.llm.base import Json
from synth.record_shapes import RawRecord
from synth.tables import LONGEST_LINE, Rows, TableFormat, not_text, read_csv, read_xlsx, too_long

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

# Maximum bytes that are parsed, or unpacked, at once.
LARGEST_JSON = 64 * 2**20
LARGEST_GROUP = 512 * 2**20


def read_records(file: Path, reading: TableFormat) -> Rows:
    """Yields the rows of a file, in bounded memory. For a bad row, yields its error instead.

    Raises `SourceError` if the rest of the file is unusable, `MachineError` if the file cannot be read.
    """
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise SourceError(
            f"{file.suffix or 'a file without a suffix'} is not read as rows.",
            where=str(file),
            hint=_CONVERT.get(file.suffix.lower(), f"Use one of {', '.join(_READERS)}."),
        )
    try:
        yield from reader(file, reading)
    except UnicodeError:
        raise not_text(file, reading) from None
    except OSError as error:
        raise MachineError(f"cannot be read: {error.strerror or error}.", where=str(file)) from None


def filled(item: Json) -> Json:
    """The record without empty columns, also inside messages: a table has every key in every row."""
    return {
        k: [filled(v) if isinstance(v, dict) else v for v in value] if isinstance(value, list) else value
        for k, value in item.items()
        if value is not None
    }


def _jsonl(file: Path, reading: TableFormat) -> Rows:
    for number, line in enumerate(_raw_lines(file, reading), start=1):
        where = f"{file}:{number}"
        if len(line) > LONGEST_LINE:
            yield too_long(
                where, "JSON Lines has one row per line. If this file is one JSON array, name it .json."
            )
            continue
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if line.strip():
            yield _object(line, where)


def _raw_lines(file: Path, reading: TableFormat) -> Iterator[bytes]:
    """Lines in UTF-8. Reads at most `LONGEST_LINE` + 1 bytes at once."""
    if reading.encoding is not None:
        with file.open(encoding=reading.encoding, newline="\n") as text:
            for part in iter(lambda: text.readline(LONGEST_LINE + 1), ""):
                yield part.encode()
        return
    with file.open("rb") as lines:
        for line in iter(lambda: lines.readline(LONGEST_LINE + 1), b""):
            yield line
            while len(line) > LONGEST_LINE and not line.endswith(b"\n"):
                line = lines.readline(LONGEST_LINE + 1)


def _object(line: bytes, where: str) -> RawRecord | SourceError:
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as wrong:
            return _not_utf8(line, wrong.start, where)
        advice = "JSON Lines has one whole row per line. A file with one JSON array is called .json."
        cut = line.strip() in (b"[", b"{")
        return SourceError(f"is not valid JSON: {error}.", where=where, hint=advice if cut else None)
    if not isinstance(data, dict):
        return SourceError("is not a JSON object.", where=where, hint='For example {"instruction": ...}.')
    return RawRecord(data, where)


def _not_utf8(line: bytes, at: int, where: str) -> SourceError:
    utf16 = line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    kind = "utf-16" if utf16 else "windows-1252"
    return SourceError(
        f"is not UTF-8 (byte {at} of the line).",
        where=where,
        hint=f"It is probably {kind}: convert it (`iconv -f {kind.upper()} -t UTF-8`), or set `encoding`"
        f" in the source: {{path: ..., encoding: {kind}}}.",
    )


def _json(file: Path, reading: TableFormat) -> Rows:
    # The file is parsed as a whole, which takes several times its size in memory.
    if (size := file.stat().st_size) > LARGEST_JSON:
        raise SourceError(
            f"has {size / 2**20:,.0f} MiB; the maximum for JSON is {LARGEST_JSON // 2**20}.",
            where=str(file),
            hint="Write one row per line and name the file .jsonl: it is then read row by row.",
        )
    try:
        data = orjson.loads(_whole(file, reading))
    except orjson.JSONDecodeError as error:
        raise SourceError(f"is not valid JSON: {error}.", where=str(file)) from None
    items = data if isinstance(data, list) else [data]
    for number, item in enumerate(items, start=1):
        where = f"{file}: item {number}"
        if isinstance(item, dict):
            yield RawRecord(item, where)
        else:
            yield SourceError(
                "is not a JSON object.", where=where, hint="The file must be a list of rows, or one row."
            )


def _whole(file: Path, reading: TableFormat) -> bytes:
    data = file.read_bytes()
    return data.decode(reading.encoding).encode() if reading.encoding else data.removeprefix(codecs.BOM_UTF8)


def _parquet(file: Path, reading: TableFormat) -> Rows:
    import pyarrow
    import pyarrow.parquet as parquet

    number = 0
    try:
        with parquet.ParquetFile(file) as table:
            _check_groups(table, file)
            for batch in table.iter_batches(batch_size=1024):
                for item in batch.to_pylist():
                    number += 1
                    yield RawRecord(filled(item), f"{file}: row {number}")
    # For broken pages, Arrow raises an OSError without a number.
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        first = next(iter(str(error).splitlines()), type(error).__name__).rstrip(". ")
        raise SourceError(f"is not valid Parquet: {first}.", where=str(file)) from None


def _check_groups(table: ParquetFile, file: Path) -> None:
    """Refuses row groups that are too large: a whole group is in memory at once."""
    groups = (table.metadata.row_group(n).total_byte_size for n in range(table.num_row_groups))
    if (largest := max(groups, default=0)) > LARGEST_GROUP:
        raise SourceError(
            f"a row group unpacks to {largest / 2**20:,.0f} MiB; the maximum is {LARGEST_GROUP // 2**20}.",
            where=str(file),
            hint="Write the file with smaller row groups (`row_group_size=1000`).",
        )


_READERS: Mapping[str, Callable[[Path, TableFormat], Rows]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".xlsx": read_xlsx,
    ".parquet": _parquet,
}
_CONVERT = {
    ".xls": "Save it as .xlsx or .csv.",
    ".ods": "Save it as .xlsx or .csv.",
    ".gz": "Unpack it first.",
    ".zip": "Unpack it first.",
    ".txt": "Texts go to `sources.documents`.",
    ".md": "Texts go to `sources.documents`.",
}
