"""Source files for tests: good ones of every kind, and bad ones of every kind with their errors."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any


def write(file: Path, rows: list[dict[str, Any]]) -> Path:
    if file.suffix == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif file.suffix == ".json":
        file.write_text(json.dumps(rows))
    elif file.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    else:
        with file.open("w", newline="") as table:
            writer = csv.writer(table, delimiter="\t" if file.suffix == ".tsv" else ",")
            writer.writerow(list(rows[0]))
            for row in rows:
                writer.writerow([v if isinstance(v, str) else json.dumps(v) for v in row.values()])
    return file


def table(rows: list[dict[str, Any]]) -> Callable[[Path], object]:
    return lambda file: write(file, rows)


def holds(content: str | bytes) -> Callable[[Path], object]:
    data = content.encode() if isinstance(content, str) else content
    return lambda file: file.write_bytes(data)


def sparse(file: Path) -> None:
    with file.open("wb") as out:
        out.truncate(200_000_000)


def broken_pages(file: Path) -> None:
    """A Parquet file whose head and foot are whole, and whose pages are not."""
    write(file, [{"instruction": f"Question {n}", "response": "x" * n} for n in range(2000)])
    data = bytearray(file.read_bytes())
    data[4 : len(data) // 2] = bytes(len(data) // 2 - 4)
    file.write_bytes(data)


def unreadable(file: Path) -> None:
    file.symlink_to("/proc/self/mem")


def workbook(*rows: list[Any]) -> Callable[[Path], object]:
    def make(file: Path) -> None:
        from openpyxl import Workbook

        book = Workbook()
        for row in rows:
            book.active.append(row)
        book.save(file)

    return make


def broken_sheet(file: Path) -> None:
    """A workbook whose archive is whole, and whose sheet ends in the middle."""
    workbook(["instruction", "response"], ["a", "b"])(file)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data[: len(data) // 2] if "worksheets" in name else data)


WIDE = ",".join(f"c{n}" for n in range(100_000)) + "\n" + "x," * 99_999 + "x\n"
ROLE = "`role` must be one of"
ANSWERED = '{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]'
MESSAGE = '{"messages": [{"role": "user", "content": "x"}, '

# What is wrong, the file's name, how it is made, and words that the message must have.
BAD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "no such file": ("a.jsonl", lambda file: None, "there is no such file"),
    "a glob that fits nothing": ("*.jsonl", lambda file: None, "matches no file"),
    "a folder": ("rows", lambda file: file.mkdir(), "is a folder"),
    "another kind of file": ("a.xls", holds(b"PK"), ".xls is not read as rows"),
    "a file without a suffix": ("rows", holds("{}"), "without a suffix"),
    "a packed file": ("a.jsonl.gz", holds(b"\x1f\x8b"), ".gz is not read as rows"),
    "a file that the disk does not give": ("a.jsonl", unreadable, "cannot be read"),
    "200 MB on one line": ("a.jsonl", sparse, "the line is longer than 16 MiB"),
    "200 MB of JSON": ("a.json", sparse, "has 191 MiB; the maximum for JSON is 64"),
    "200 MB of CSV on one line": ("a.csv", sparse, "the line is longer than 16 MiB"),
    "not UTF-8, JSON Lines": ("a.jsonl", holds(b'{"instruction": "\xff"}'), "is not UTF-8"),
    "not UTF-8, CSV": (
        "a.csv",
        holds("instruction,response\nGr\xfc\xdfe,b\n".encode("latin-1")),
        "is not UTF-8",
    ),
    "UTF-16": ("a.jsonl", holds('{"instruction": "x"}'.encode("utf-16")), "is not UTF-8"),
    "broken JSON": ("a.jsonl", holds('{"instruction": "x",\n'), "is not valid JSON"),
    "JSON over several lines": ("a.jsonl", holds('[\n{"instruction": "x"}\n]'), "called .json"),
    "half a JSON file": ("a.json", holds('[{"instruction": "x"}, '), "is not valid JSON"),
    "JSON that is a number": ("a.json", holds("3"), "is not a JSON object"),
    "a list in a list": ("a.json", holds("[[1]]"), "item 1: is not a JSON object"),
    "rows below a key": ("a.json", holds('{"data": [{"instruction": "x"}]}'), "It has `data`"),
    "no workbook": ("a.xlsx", holds(b"PK"), "is not a valid .xlsx"),
    "a workbook whose sheet is broken": ("a.xlsx", broken_sheet, "is not a valid .xlsx"),
    "a workbook with a column twice": (
        "a.xlsx",
        workbook(["instruction", "response", "response"]),
        "has the column 'response' twice",
    ),
    "a cell beside all columns": (
        "a.xlsx",
        workbook(["instruction", "response"], ["a", "b", "c"]),
        "a value in a column without a name",
    ),
    "100,000 columns": (
        "a.csv",
        holds(WIDE),
        "and more",
    ),
    "a role that is a list": (
        "a.jsonl",
        holds(MESSAGE + '{"role": ["x"], "content": "y"}]}'),
        "`role` must be one of",
    ),
    "a role that is an object": (
        "a.jsonl",
        holds(MESSAGE + '{"role": {}, "content": "y"}]}'),
        "`role` must be one of",
    ),
    "tools that are a text": (
        "a.jsonl",
        holds(ANSWERED + ', "tools": "search"}'),
        "`tools` is not a list of objects",
    ),
    "900 levels in a tool": (
        "a.jsonl",
        holds(ANSWERED + ', "tools": [{"x": ' + "[" * 900 + "]" * 900 + "}]}"),
        "cannot be written as JSON",
    ),
    "900 levels in a message": (
        "a.jsonl",
        holds(MESSAGE + '{"role": "assistant", "content": "y", "x": ' + "[" * 900 + "]" * 900 + "}]}"),
        "cannot be written as JSON",
    ),
    "bytes and decimals in a tool": (
        "a.parquet",
        table(
            [
                {
                    "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}],
                    "tools": [{"price": Decimal("1.5"), "key": b"x"}],
                }
            ]
        ),
        "cannot be written as JSON",
    ),
    "a zero byte": (
        "a.jsonl",
        holds('{"instruction": "a\\u0000b", "response": "c"}'),
        "contains a zero byte",
    ),
    "a zero byte in a table": ("a.csv", holds("instruction,response\na\0b,c\n"), "contains a zero byte"),
    "a ragged table": (
        "a.csv",
        holds("instruction,response\na,b,c\n"),
        "has more values than there are columns",
    ),
    "a table with short rows": (
        "a.csv",
        holds("instruction,response\na\n"),
        "has fewer values than there are",
    ),
    "a table without a header": ("a.csv", holds("hello,there\na,b\n"), "`hello`, `there`"),
    "a column twice": (
        "a.csv",
        holds("instruction,response,response\na,b,c\n"),
        "has the column 'response' twice",
    ),
    "a quote that stays open": ("a.csv", holds('instruction,response\na,"b\nc,d\n'), "is not valid CSV"),
    "broken JSON in a table": ("a.csv", holds('messages\n"[{"\n'), "`messages` is not valid JSON"),
    "not Parquet": ("a.parquet", holds(b"PAR1 no"), "is not valid Parquet"),
    "an empty file called Parquet": ("a.parquet", holds(b""), "is not valid Parquet"),
    "Parquet with broken pages": ("a.parquet", broken_pages, "is not valid Parquet"),
    "bytes in the place of text": (
        "a.parquet",
        table([{"instruction": b"x"}]),
        "`instruction` is not text but bytes",
    ),
    "no instruction": ("a.jsonl", holds('{"question": "x"}'), "has neither `messages` nor an `instruction`"),
    "no answer": ("a.jsonl", holds('{"instruction": "x"}'), "has no `response`"),
    "an empty answer": ("a.jsonl", holds('{"instruction": "x", "response": " "}'), "`response` is empty"),
    "a number for an answer": (
        "a.jsonl",
        holds('{"instruction": "x", "response": 3}'),
        "is not text but int",
    ),
    "no completion": ("a.jsonl", holds('{"prompt": "x"}'), "has no `completion`"),
    "an unknown role": (
        "a.jsonl",
        holds(MESSAGE + '{"role": "boss", "content": "y"}]}'),
        "`role` must be one of",
    ),
    "an empty message": (
        "a.jsonl",
        holds(MESSAGE + '{"role": "assistant", "content": ""}]}'),
        "`content` is empty",
    ),
    "a message without text": (
        "a.jsonl",
        holds(MESSAGE + '{"role": "assistant"}]}'),
        "has neither text in `content`",
    ),
    "messages that end with the user": ("a.jsonl", holds(MESSAGE[:-2] + "]}"), "without a response"),
    "messages of nobody": ("a.jsonl", holds('{"messages": []}'), "is not a non-empty list"),
    "no user": (
        "a.jsonl",
        holds('{"messages": [{"role": "assistant", "content": "x"}]}'),
        "contain no message of the user",
    ),
    "an unknown speaker": (
        "a.jsonl",
        holds('{"conversations": [{"from": "narrator", "value": "x"}]}'),
        "conversations.0: `from` must be one of",
    ),
    "chosen alone": ("a.jsonl", holds('{"prompt": "x", "chosen": "y"}'), "has no `rejected`"),
    "an empty rejected answer": (
        "a.jsonl",
        holds('{"prompt": "x", "chosen": "y", "rejected": " "}'),
        "`rejected` is empty",
    ),
    "a pair with equal sides": (
        "a.jsonl",
        holds('{"prompt": "x", "chosen": "y", "rejected": "y "}'),
        "`chosen` and `rejected` are the same",
    ),
    "input without messages": (
        "a.jsonl",
        holds('{"preferred_output": [], "input": "x"}'),
        "contains no `messages`",
    ),
    "an id for two rows": (
        "a.jsonl",
        holds("".join(f'{{"id": 1, "instruction": "{x}", "response": "y"}}\n' for x in "ab")),
        "the id 1 occurs twice",
    ),
}
