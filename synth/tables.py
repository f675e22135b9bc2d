"""Reads the rows of a table: CSV with any common separator, and Excel's .xlsx."""

from __future__ import annotations

import codecs
import csv
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final, TextIO
from xml.etree.ElementTree import ParseError

import orjson

from synth.errors import SourceError
from synth.llm.base import Json
from synth.record_shapes import KEYS, RawRecord

# A longer line is a mistake, not a row (a whole file on one line, a binary).
LONGEST_LINE: Final = 16 * 2**20
# Maximum bytes of a workbook, packed and unpacked: all its texts are in memory at once.
_LARGEST_PACKED: Final = 64 * 2**20
_LARGEST_UNPACKED: Final = 512 * 2**20

_SEPARATORS: Final = ",;\t|"
_SEPARATOR_NAMES: Final = {"\t": "a tab"}
# Columns of a table that can contain a list or an object, written as JSON.
_STRUCTURED: Final = {"messages", "conversations", "prompt", "completion", "chosen", "rejected", "tools"}
_SAVE_AGAIN: Final = "Save it in a spreadsheet program as .xlsx, without a password, or as .csv."
_BROKEN: Final = (
    *(zipfile.BadZipFile, ParseError, zlib.error, EOFError, NotImplementedError),
    *(KeyError, ValueError, TypeError, AttributeError, IndexError),
)


@dataclass(frozen=True, slots=True)
class TableFormat:
    """The recipe's options for a file: separator, encoding, and the names of its columns."""

    separator: str | None = None
    encoding: str | None = None
    columns: frozenset[str] = frozenset()


# Rows or their errors: the caller decides whether one bad row stops it.
Rows = Iterator[RawRecord | SourceError]


def read_csv(file: Path, reading: TableFormat) -> Rows:
    """The rows of a .csv or .tsv. Raises `SourceError` if the rest of the table is unusable."""
    csv.field_size_limit(LONGEST_LINE)
    with file.open(encoding=reading.encoding or _marked(file), newline="") as text:
        separator = reading.separator or _separator(text, file, reading)
        text.seek(0)
        # Strict: otherwise an unclosed quote would turn the rest of the file into one value.
        table = csv.reader(_lines(text, file), delimiter=separator, strict=True)
        columns = _csv_row(table, file, 0)
        if isinstance(columns, SourceError):
            raise columns
        if columns is None:
            return
        _check_header(columns, f"{file}:1")
        done = table.line_num
        while (row := _csv_row(table, file, done)) is not None:
            done, where = table.line_num, f"{file}:{table.line_num}"
            if isinstance(row, SourceError) or not row:
                yield from [row] if isinstance(row, SourceError) else []
            elif len(row) != len(columns):
                yield _ragged(row, columns, separator, where)
            else:
                yield _record(columns, row, where)


def read_xlsx(file: Path, reading: TableFormat) -> Rows:
    """The rows of a workbook's first sheet, whose first row names the columns."""
    rows = _sheet(file)
    _, columns = next(rows, (1, []))
    _check_header(columns, f"{file}: row 1")
    for number, values in rows:
        where = f"{file}: row {number}"
        if len(values) > len(columns):
            yield SourceError("has a value in a column without a name.", where=where)
        elif values:
            yield _record(columns, [*values, *[""] * (len(columns) - len(values))], where)


def _sheet(file: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of the first sheet with their numbers; every cell is a text."""
    from openpyxl import load_workbook

    _check_archive(file)
    try:
        with file.open("rb") as content:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about charts and validation rules
                book = load_workbook(content, read_only=True, data_only=True)
            with closing(book):
                sheet = book.worksheets[0]
                sheet.reset_dimensions()
                for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
                    yield number, _trimmed(cells)
    except _BROKEN as error:
        raise SourceError(f"is not a valid .xlsx: {error}.", where=str(file), hint=_SAVE_AGAIN) from None


def bad_line(file: Path) -> int:
    """The first line of a file that is not UTF-8."""
    with file.open("rb") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(LONGEST_LINE), b""), start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 0


def not_text(file: Path, reading: TableFormat) -> SourceError:
    """The error for a file that does not have the expected encoding."""
    if reading.encoding is not None:
        return SourceError(f"is not {reading.encoding}, although the recipe says so.", where=str(file))
    if _marked(file) == "utf-16":
        return SourceError("begins as UTF-16 but continues in another encoding.", where=str(file))
    convert = f"`iconv -f WINDOWS-1252 -t UTF-8 {file.name}`"
    return SourceError(
        "is not UTF-8.",
        where=f"{file}:{bad_line(file)}",
        hint=f"It is probably Windows-1252: convert it ({convert}), or set `encoding` in the source:"
        f" {{path: {file.name}, encoding: windows-1252}}.",
    )


def utf16(file: Path) -> bool:
    """Whether a file begins with the byte order mark of UTF-16."""
    with file.open("rb") as content:
        return content.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _marked(file: Path) -> str:
    return "utf-16" if utf16(file) else "utf-8-sig"


def _separator(text: TextIO, file: Path, reading: TableFormat) -> str:
    """The separator that gives the most known columns in the first line; on a tie, the most columns."""
    if file.suffix.lower() == ".tsv":
        return "\t"
    header = text.readline(LONGEST_LINE)
    known = KEYS | reading.columns

    def fit(separator: str) -> tuple[int, int]:
        try:
            columns = next(csv.reader([header], delimiter=separator), [])
        except csv.Error:
            columns = []
        return len(known.intersection(columns)), len(columns)

    return max(_SEPARATORS, key=fit)


def _csv_row(table: Any, file: Path, done: int) -> list[str] | SourceError | None:
    """The next row, its error, or None at the end."""
    try:
        row: list[str] | None = next(table, None)
    except csv.Error as error:
        wrong = SourceError(
            f"is not valid CSV: {error}.",
            where=f"{file}:{done + 1}",
            hint="Close every quote. Inside quotes, write a quote twice.",
        )
        if "unexpected end" in str(error):
            raise wrong from None  # an unclosed quote has swallowed all later rows
        return wrong
    return row


def _ragged(row: Sequence[str], columns: Sequence[str], separator: str, where: str) -> SourceError:
    more = "more" if len(row) > len(columns) else "fewer"
    name = _SEPARATOR_NAMES.get(separator, f"`{separator}`")
    return SourceError(
        f"has {more} values than there are columns ({len(row)} and {len(columns)}).",
        where=where,
        hint=f"The separator here is {name}; put a value that contains it into quotes."
        " Set `separator` in the source for another one.",
    )


def _lines(text: TextIO, file: Path) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: text.readline(LONGEST_LINE + 1), ""), start=1):
        if len(line) > LONGEST_LINE:
            raise too_long(f"{file}:{number}", "A table has one row per line.")
        yield line


def too_long(where: str, hint: str) -> SourceError:
    """The error for a line that is too long for a row."""
    return SourceError(f"the line is longer than {LONGEST_LINE // 2**20} MiB.", where=where, hint=hint)


def _check_header(columns: Iterable[str], where: str) -> None:
    seen: set[str] = set()
    for name in columns:
        if name in seen:
            raise SourceError(
                f"has the column {name!r} twice.", where=where, hint="Rename or remove one of them."
            )
        seen.add(name)


def _record(columns: Sequence[str], values: Sequence[str], where: str) -> RawRecord | SourceError:
    """A row as a record, without empty values. Lists and objects are JSON in a table."""
    data: Json = {}
    for column, value in zip(columns, values, strict=True):
        if not value:
            continue
        data[column] = value
        if column in _STRUCTURED and value.lstrip().startswith(("[", "{")):
            try:
                data[column] = orjson.loads(value)
            except orjson.JSONDecodeError as error:
                return SourceError(f"`{column}` is not valid JSON: {error}.", where=where)
    return RawRecord(data, where)


def _check_archive(file: Path) -> None:
    """Checks the sizes in the archive's directory before anything is unpacked."""
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except zipfile.BadZipFile as error:
        raise SourceError(f"is not a valid .xlsx: {error}.", where=str(file), hint=_SAVE_AGAIN) from None
    if file.stat().st_size > _LARGEST_PACKED or unpacked > _LARGEST_UNPACKED:
        raise SourceError(
            f"unpacks to {unpacked / 2**20:,.0f} MiB; the maximum is {_LARGEST_UNPACKED // 2**20}.",
            where=str(file),
            hint="Save it as .csv, which is read row by row.",
        )


def _trimmed(cells: Sequence[Any]) -> list[str]:
    """The texts of a row, without empty ones at the end."""
    values = [_text(cell) for cell in cells]
    while values and not values[-1]:
        values.pop()
    return values


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
