"""Reads what users have: seeds and prompts, in any usual file, one checked row at a time."""

from __future__ import annotations

import csv
import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from synth.errors import SourceError
from synth.llm.base import Json
from synth.redaction.redactor import Redactor
from synth.row import Lineage, Origin, Row, content_id

# A line longer than this is no row but a mistake (a whole file on one line, a binary).
LONGEST_LINE = 16 * 2**20

_ROLES = {"system", "user", "assistant", "tool", "developer"}


@dataclass(frozen=True, slots=True)
class Record:
    """One raw record and where it stands (`seeds.jsonl:12`)."""

    data: Json
    where: str


def files_of(spec: str | list[str], folder: Path) -> list[Path]:
    """The files that a source names, globs resolved, in a fixed order. Raises `SourceError` for none."""
    files: list[Path] = []
    for name in [spec] if isinstance(spec, str) else spec:
        if name.startswith("hf:"):
            continue
        pattern = str(folder / name)
        found = sorted(Path(p) for p in glob.glob(pattern, recursive=True) if Path(p).is_file())
        if not found:
            raise SourceError(
                "there is no such file.", where=pattern, hint="Paths are relative to the recipe."
            )
        files.extend(found)
    return files


def read_rows(
    spec: str | list[str], folder: Path, origin: Origin, *, answered: bool, redactor: Redactor | None = None
) -> Iterator[Row]:
    """Rows of a source, checked. `answered`: they must end with an assistant's message. With a `redactor`,
    rows hold no people's data, and neither do their ids.

    Raises `SourceError`, naming the file and the line, for the first one that cannot be used.
    """
    named: dict[str, str] = {}
    for record in _records(spec, folder):
        row = _row(record, origin, answered=answered, redactor=redactor)
        name = record.data.get("id")
        if name is not None:
            other = named.setdefault(str(name), row.id)
            if other != row.id:
                raise SourceError(
                    f"the id {name!r} stands twice, with different content.",
                    where=record.where,
                    hint="Give each row an id of its own, or none: ids are optional.",
                )
        yield row


def _records(spec: str | list[str], folder: Path) -> Iterator[Record]:
    names = [spec] if isinstance(spec, str) else spec
    for name in names:
        if name.startswith("hf:"):
            yield from _hub(name)
            continue
        for file in files_of(name, folder):
            yield from _read_file(file)


def _read_file(file: Path) -> Iterator[Record]:
    readers = {".jsonl": _jsonl, ".ndjson": _jsonl, ".json": _json, ".csv": _csv, ".parquet": _parquet}
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
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text)
        for item in reader:
            yield Record(
                {k: v for k, v in item.items() if k and v not in (None, "")}, f"{file}:{reader.line_num}"
            )


def _parquet(file: Path) -> Iterator[Record]:
    import pyarrow.parquet as parquet

    number = 0
    with parquet.ParquetFile(file) as table:
        for batch in table.iter_batches(batch_size=1024):
            for item in batch.to_pylist():
                number += 1
                yield Record({k: v for k, v in item.items() if v is not None}, f"{file}: row {number}")


def _hub(name: str) -> Iterator[Record]:
    from datasets import load_dataset

    dataset, _, split = name.removeprefix("hf:").partition("@")
    try:
        rows = load_dataset(dataset, split=split or "train", streaming=True)
    except (OSError, ValueError) as error:
        raise SourceError(f"could not be loaded: {error}", where=name) from None
    for number, item in enumerate(rows, start=1):
        yield Record({k: v for k, v in item.items() if v is not None}, f"{name}: row {number}")


def _row(record: Record, origin: Origin, *, answered: bool, redactor: Redactor | None) -> Row:
    messages = _messages(record, answered=answered)
    tools = record.data.get("tools") or None
    history: list[Json] = []
    if redactor is not None:
        (messages, tools), kinds = redactor.messages([messages, tools])
        history = [{"stage": "redact", "did": kinds}] if kinds else []
    parts: list[Any] = [origin if origin == "prompt" else "seed", messages]
    return Row(content_id(*parts, tools), messages, Lineage(origin), tools=tools, history=history)


def _messages(record: Record, *, answered: bool) -> list[Json]:
    data = record.data
    if "messages" in data:
        return _checked_messages(data["messages"], record.where, answered=answered)
    instruction = _text(data, "instruction", record.where)
    if instruction is None:
        raise SourceError(
            "has neither `messages` nor an `instruction`.",
            where=record.where,
            hint=f"It has {', '.join(f'`{k}`' for k in data) or 'nothing'}.",
        )
    extra = _text(data, "input", record.where, may_be_empty=True)
    messages: list[Json] = [
        {"role": "user", "content": f"{instruction}\n\n{extra}" if extra else instruction}
    ]
    if system := _text(data, "system", record.where, may_be_empty=True):
        messages.insert(0, {"role": "system", "content": system})
    if answered:
        response = _text(data, "response", record.where)
        if response is None:
            raise SourceError(
                "has no `response`.",
                where=record.where,
                hint="Rows without an answer go to `sources.prompts`.",
            )
        messages.append({"role": "assistant", "content": response})
    return messages


def _text(data: Json, key: str, where: str, *, may_be_empty: bool = False) -> str | None:
    value = data.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise SourceError(f"`{key}` is not text but {type(value).__name__}.", where=where)
    if not value.strip() and not may_be_empty:
        raise SourceError(f"`{key}` is empty.", where=where)
    return value


def _checked_messages(messages: Any, where: str, *, answered: bool) -> list[Json]:
    if not isinstance(messages, list) or not messages:
        raise SourceError("`messages` is not a list with something in it.", where=where)
    for number, message in enumerate(messages):
        place = f"{where}: messages.{number}"
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise SourceError(f"has no `role` out of {', '.join(sorted(_ROLES))}.", where=place)
        content = message.get("content")
        if not isinstance(content, str) and not message.get("tool_calls"):
            raise SourceError("has neither text in `content` nor `tool_calls`.", where=place)
        if isinstance(content, str) and not content.strip() and not message.get("tool_calls"):
            raise SourceError("`content` is empty.", where=place)
    last = messages[-1]["role"]
    if answered and last != "assistant":
        raise SourceError(f"`messages` end with the {last}, without a response.", where=where)
    if not answered and last == "assistant":
        raise SourceError("`messages` end with an answer already.", where=where, hint="Such rows are seeds.")
    if not any(message["role"] == "user" for message in messages):
        raise SourceError("`messages` hold no user's message.", where=where)
    return messages
