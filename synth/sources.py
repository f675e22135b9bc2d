"""Reads what users have: seeds, prompts and failures, in any usual file, one checked row at a time."""

from __future__ import annotations

import csv
import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from synth.errors import SourceError
from synth.llm.base import Json
from synth.recipe.model import Files, FileSource, RunSource, Source, listed
from synth.redaction.redactor import Redactor
from synth.row import Lineage, Origin, Row, content_id
from synth.shapes import Record, read_example, read_text
from synth.stages.given import Failure
from synth.store import RunReader

# A line longer than this is no row but a mistake (a whole file on one line, a binary).
LONGEST_LINE = 16 * 2**20

# Columns of a table that may hold a list or an object, written as JSON.
_STRUCTURED = {"messages", "conversations", "prompt", "completion", "chosen", "rejected", "tools"}


def files_of(files: Files | None, folder: Path) -> list[Path]:
    """The files that a source names, globs resolved, in a fixed order. Raises `SourceError` for none."""
    found: list[Path] = []
    for source in listed(files):
        if isinstance(source, RunSource):
            found.append(folder / source.run / "replies.journal")
        elif not (name := _name(source)).startswith("hf:"):
            found.extend(_glob(name, folder))
    return found


def read_rows(
    files: Files, folder: Path, origin: Origin, *, answered: bool | None, redactor: Redactor | None = None
) -> Iterator[Row]:
    """Rows of a source, checked. `answered`: they must end with an assistant's message; with None, they
    may. With a `redactor`, rows hold no people's data, and neither do their ids.

    Raises `SourceError`, naming the file and the line, for the first one that cannot be used.
    """
    named: dict[str, str] = {}
    for source in listed(files):
        weight = 1.0 if isinstance(source, str) else source.weight
        for record in _records(source, folder):
            row = _row(record, origin, weight, answered=answered, redactor=redactor)
            name = record.data.get("id")
            if name is not None and named.setdefault(str(name), row.id) != row.id:
                raise SourceError(
                    f"the id {name!r} stands twice, with different content.",
                    where=record.where,
                    hint="Give each row an id of its own, or none: ids are optional.",
                )
            yield row


def read_failures(files: Files, folder: Path, redactor: Redactor | None = None) -> Iterator[Failure]:
    """Failures of a source, checked. Raises `SourceError` for the first one that cannot be used."""
    for source in listed(files):
        for record in _records(source, folder):
            yield _failure(_redacted(record, redactor)[0])


def _redacted(record: Record, redactor: Redactor | None) -> tuple[Record, list[str]]:
    """The record without people's data, and which kinds of it were there."""
    if redactor is None:
        return record, []
    (data,), kinds = redactor.messages([record.data])
    return Record(data, record.where), kinds


def _row(
    record: Record, origin: Origin, weight: float, *, answered: bool | None, redactor: Redactor | None
) -> Row:
    example = read_example(record, answered=answered)
    rejected = example.rejected if answered else None
    candidates: list[Json] = [{"content": rejected, "source": "rejected"}] if rejected else []
    messages, tools = example.messages, record.data.get("tools") or None
    history: list[Json] = []
    if redactor is not None:
        (messages, tools, candidates), kinds = redactor.messages([messages, tools, candidates])
        history = [{"stage": "redact", "did": kinds}] if kinds else []
    key = content_id(origin if origin == "prompt" else "seed", messages, tools)
    row = Row(key, messages, Lineage(origin), tools=tools, candidates=candidates, weight=weight)
    row.history = history
    return row


def _failure(record: Record) -> Failure:
    data = record.data
    messages = data.get("messages")
    if isinstance(messages, list) and messages and messages[-1].get("role") == "assistant":
        # A transcript ends with the answer that was wrong.
        data = {"response": messages[-1].get("content"), **data, "messages": messages[:-1]}
    prompt = read_example(Record(data, record.where), answered=False).messages
    response = read_text(data, "response", record.where)
    if response is None:
        raise SourceError(
            "has no `response`.",
            where=record.where,
            hint="A failure holds the answer that was wrong; `expected` is the right one.",
        )
    problem, expected, model = (
        read_text(data, key, record.where) for key in ("problem", "expected", "model")
    )
    right = {"role": "assistant", "content": expected}
    key = content_id("seed", [*prompt, right], None) if expected else content_id("failure", prompt)
    return Failure(key, prompt, response, problem, expected, model)


def _records(source: Source, folder: Path) -> Iterator[Record]:
    """Raw records, under the usual names where the source says what its own ones mean."""
    if isinstance(source, RunSource):
        yield from _run(source, folder)
        return
    fields = {} if isinstance(source, str) else {theirs: ours for ours, theirs in source.fields.items()}
    name = _name(source)
    records = _hub(name, folder) if name.startswith("hf:") else _files(name, folder)
    for record in records:
        if not fields:
            yield record
            continue
        if missing := fields.keys() - record.data.keys():
            raise SourceError(f"has no column {sorted(missing)[0]!r}.", where=record.where)
        yield Record({fields[k]: v for k, v in record.data.items() if k in fields}, record.where)


def _files(name: str, folder: Path) -> Iterator[Record]:
    for file in _glob(name, folder):
        yield from _read_file(file)


def _name(source: str | FileSource) -> str:
    return source if isinstance(source, str) else source.path


def _glob(name: str, folder: Path) -> list[Path]:
    pattern = str(folder / name)
    found = sorted(Path(p) for p in glob.glob(pattern, recursive=True) if Path(p).is_file())
    if not found:
        raise SourceError("there is no such file.", where=pattern, hint="Paths are relative to the recipe.")
    return found


def _run(source: RunSource, folder: Path) -> Iterator[Record]:
    """What an earlier run kept; its held-out rows stay out of what is drafted from it."""
    reader = RunReader(folder / source.run)
    try:
        for row in reader.rows(status="kept"):
            approved = row["review"]["status"] in ("accepted", "edited", "restored")
            if row["lineage"]["origin"] != "holdout" and (approved or source.only is None):
                data = {"messages": row["messages"], "tools": row["tools"]}
                yield Record(data, f"{source.run}: row {row['id']}")
    finally:
        reader.close()


def _read_file(file: Path) -> Iterator[Record]:
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
                    yield Record(_filled(item), f"{file}: row {number}")
    except pyarrow.ArrowInvalid as error:
        raise SourceError(f"is not valid Parquet: {error}.", where=str(file)) from None


def _hub(name: str, folder: Path) -> Iterator[Record]:
    """A dataset by name, or in a folder beside the recipe; `@` names a split."""
    from datasets import Dataset, DatasetDict, load_dataset, load_from_disk

    dataset, _, split = name.removeprefix("hf:").partition("@")
    local = folder / dataset
    try:
        if (local / "state.json").exists() or (local / "dataset_dict.json").exists():
            rows = load_from_disk(str(local))
            rows = rows[split or "train"] if isinstance(rows, DatasetDict) else rows
            assert isinstance(rows, Dataset)
        else:
            place = str(local) if local.exists() else dataset
            rows = load_dataset(place, split=split or "train", streaming=True)
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(f"could not be loaded: {error}", where=name) from None
    for number, item in enumerate(rows, start=1):
        yield Record(_filled(item), f"{name}: row {number}")


def _filled(item: Json) -> Json:
    """Without the columns that say nothing, also inside messages: a table has every key in every row."""
    return {
        k: [_filled(v) if isinstance(v, dict) else v for v in value] if isinstance(value, list) else value
        for k, value in item.items()
        if value is not None
    }
