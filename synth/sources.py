"""Reads what users have: seeds, prompts and failures, in any usual file, one checked row at a time."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import orjson

from synth.conversation import Conversation
from synth.errors import SourceError
from synth.frozen import thaw
from synth.llm.base import Json
from synth.recipe.files import Files, FileSource, RunSource, Source, listed
from synth.redaction.redactor import Redactor
from synth.row import Candidate, Event, Lineage, Origin, Row, content_id
from synth.row_files import filled, read_records
from synth.shapes import KEYS, Record, named, read_example, read_text
from synth.stages.given import Failure, Seed
from synth.store import RunReader
from synth.tables import Reading, Rows

T = TypeVar("T")

# What is done with a row or a document that cannot be used, where its source says `bad: skip`.
Skip = Callable[[SourceError], None]

# How the name of a dataset begins, on the hub or in a folder beside the recipe.
_HUB = "hf:"


def files_of(files: Files | None, folder: Path) -> list[Path]:
    """The files that a source names, globs resolved, in a fixed order; earlier runs and datasets are none.

    Raises `SourceError` where a name fits no file.
    """
    names = [_name(source) for source in listed(files) if not isinstance(source, RunSource)]
    return [file for name in names if not name.startswith(_HUB) for file in _glob(name, folder)]


def document_files(files: Files | None, folder: Path) -> list[tuple[Path, bool]]:
    """The files that `sources.documents` names, and whether a bad one is skipped.

    Raises `SourceError` for what holds rows, not texts.
    """
    found: list[tuple[Path, bool]] = []
    for source in listed(files):
        if isinstance(source, RunSource) or _name(source).startswith(_HUB):
            raise SourceError(
                "documents are files; a run or a dataset holds rows.",
                where=f"sources.documents: {_name(source)}",
                hint="Rows go to `sources.seeds` or `sources.prompts`.",
            )
        found += [(file, _skips(source)) for file in _glob(_name(source), folder)]
    return found


def local_dataset(source: Source, folder: Path) -> tuple[str, Path] | None:
    """Name and folder of an `hf:` source that lies beside the recipe; None for all other sources."""
    if isinstance(source, RunSource) or not (name := _name(source)).startswith(_HUB):
        return None
    local = folder / name.removeprefix(_HUB).partition("@")[0]
    return (name, local) if local.is_dir() else None


def read_seeds(
    files: Files,
    folder: Path,
    origin: Origin,
    *,
    answered: bool | None,
    redactor: Redactor | None = None,
    skip: Skip | None = None,
) -> Iterator[Seed]:
    """Rows of a source with their weights, checked.

    `answered`: they must end with an assistant's message; with None, they may. With a `redactor`, neither
    rows nor their ids hold people's data.

    Raises `SourceError`, naming the file and the line, for the first one that cannot be used; `skip` gets
    it instead where the source says `bad: skip`.
    """
    named: dict[str, str] = {}

    def seed(weight: float, record: Record) -> Seed:
        row = _row(record, origin, answered=answered, redactor=redactor)
        name = record.data.get("id")
        if name is not None and named.setdefault(str(name), row.id) != row.id:
            raise SourceError(
                f"the id {name!r} stands twice, with different content.",
                where=record.where,
                hint="Give each row an id of its own, or none: ids are optional.",
            )
        return Seed(row, weight)

    for source in listed(files):
        weight = 1.0 if isinstance(source, str) else source.weight
        yield from _usable(source, folder, partial(seed, weight), skip)


def read_rows(
    files: Files,
    folder: Path,
    origin: Origin,
    *,
    answered: bool | None,
    redactor: Redactor | None = None,
    skip: Skip | None = None,
) -> Iterator[Row]:
    """Rows of a source, checked as `read_seeds` does."""
    seeds = read_seeds(files, folder, origin, answered=answered, redactor=redactor, skip=skip)
    return (seed.row for seed in seeds)


def read_failures(
    files: Files, folder: Path, redactor: Redactor | None = None, skip: Skip | None = None
) -> Iterator[Failure]:
    """Failures of a source, checked. Raises `SourceError` as `read_rows` does."""

    def failure(record: Record) -> Failure:
        return _failure(_redacted(record, redactor))

    for source in listed(files):
        yield from _usable(source, folder, failure, skip)


def _usable(source: Source, folder: Path, read: Callable[[Record], T], skip: Skip | None) -> Iterator[T]:
    """What `read` makes of each record. A bad one ends it, or is skipped."""
    skips = skip is not None and _skips(source)
    for record in _records(source, folder):
        try:
            if isinstance(record, SourceError):
                raise record
            made = read(record)
        except SourceError as error:
            if skip is None or not skips:
                raise
            skip(error)
        else:
            yield made


def _skips(source: Source) -> bool:
    return isinstance(source, FileSource) and source.bad == "skip"


def _redacted(record: Record, redactor: Redactor | None) -> Record:
    """The keys that have a meaning, without people's data."""
    data = {key: value for key, value in record.data.items() if key in KEYS}
    _check_plain(data, record.where)
    if redactor is not None:
        (data,), _ = redactor.messages([data])
    return Record(data, record.where)


def _check_plain(value: Any, where: str) -> None:
    """Refuses what JSON cannot hold: numbers without end, bytes, and what is nested too deeply."""
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise SourceError(
            f"holds what cannot be written as JSON: {error}.",
            where=where,
            hint="Texts, numbers, lists and objects can, down to 250 levels.",
        ) from None


def _row(record: Record, origin: Origin, *, answered: bool | None, redactor: Redactor | None) -> Row:
    example = read_example(record, answered=answered)
    rejected = example.rejected if answered else None
    candidates: list[Json] = [{"content": rejected, "source": "rejected"}] if rejected else []
    messages, tools = example.messages, record.data.get("tools") or None
    history: list[Event] = []
    if tools is not None and not (isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools)):
        raise SourceError("`tools` is not a list of objects.", where=record.where)
    _check_plain([messages, tools], record.where)
    if redactor is not None:
        (messages, tools, candidates), kinds = redactor.messages([messages, tools, candidates])
        history = [Event("redact", kinds)] if kinds else []
    key = content_id(origin if origin == "prompt" else "seed", messages, tools)
    return Row(
        key,
        Conversation(messages, tools),
        Lineage(origin),
        candidates=[Candidate.from_json(candidate) for candidate in candidates],
        history=history,
    )


def _failure(record: Record) -> Failure:
    data = record.data
    messages = data.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    if isinstance(messages, list) and isinstance(last, dict) and last.get("role") == "assistant":
        # A transcript ends with the answer that was wrong.
        data = {"response": last.get("content"), **data, "messages": messages[:-1]}
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


def _records(source: Source, folder: Path) -> Rows:
    """Raw records, under the usual names where the source says what its own ones mean."""
    if isinstance(source, RunSource):
        yield from run_records(source, folder)
        return
    spec = FileSource(path=source) if isinstance(source, str) else source
    records = _hub(spec.path, folder) if spec.path.startswith(_HUB) else _files(spec, folder)
    for record in records:
        if spec.fields and isinstance(record, Record):
            yield _renamed(record, spec.fields)
        else:
            yield record


def _renamed(record: Record, fields: Mapping[str, str]) -> Record | SourceError:
    """The record under the usual names; other columns are left out."""
    theirs = {column: usual for usual, column in fields.items()}
    if missing := theirs.keys() - record.data.keys():
        example = "instruction: question, response: answer"
        if fields.keys() <= record.data.keys() and theirs.keys() <= KEYS:
            example = ", ".join(f"{usual}: {column}" for column, usual in fields.items())
        return SourceError(
            f"has no column {min(missing)!r}.",
            where=record.where,
            hint=f"It has {named(record.data)}. `fields` names the usual name first, then the column:"
            f" {{{example}}}.",
        )
    return Record({theirs[k]: v for k, v in record.data.items() if k in theirs}, record.where)


def _files(source: FileSource, folder: Path) -> Rows:
    columns = frozenset(source.fields.values())
    reading = Reading(source.separator, source.encoding, columns)
    for file in _glob(source.path, folder):
        yield from read_records(file, reading)


def _name(source: Source) -> str:
    """As the recipe has it: a file, a glob, `hf:NAME` or a run's folder."""
    if isinstance(source, RunSource):
        return source.run
    return source if isinstance(source, str) else source.path


def _glob(name: str, folder: Path) -> list[Path]:
    """Only what the recipe writes is a pattern: a folder above it may hold brackets."""
    pattern = str(folder / name)
    if Path(pattern).is_file():
        return [Path(pattern)]
    escaped = name if Path(name).is_absolute() else f"{glob.escape(str(folder))}/{name}"
    matches = sorted(Path(p) for p in glob.glob(escaped, recursive=True))
    found = [path for path in matches if path.is_file()]
    if found:
        return found
    if any(path.is_dir() for path in matches):
        raise SourceError("is a folder.", where=pattern, hint=f"`{name}/*` names all files in it.")
    words = "fits no file." if glob.has_magic(name) else "there is no such file."
    raise SourceError(words, where=pattern, hint="Paths are relative to the recipe.")


def run_records(source: RunSource, folder: Path) -> Iterator[Record]:
    """What an earlier run kept; its held-out rows stay out of what is drafted from it."""
    reader = RunReader(folder / source.run)
    try:
        for row in reader.rows(status="kept"):
            if not row.held_out and (row.review.approved or source.only is None):
                conversation = row.conversation
                data = {"messages": thaw(conversation.messages), "tools": thaw(conversation.tools)}
                yield Record(data, f"{source.run}: row {row.id}")
    finally:
        reader.close()


def _hub(name: str, folder: Path) -> Iterator[Record]:
    """A dataset by name, or in a folder beside the recipe; `@` names a split."""
    from datasets.exceptions import DatasetsError

    try:
        for number, item in enumerate(_dataset(name, folder), start=1):
            yield Record(filled(item), f"{name}: row {number}")
    except (OSError, ValueError, KeyError, DatasetsError) as error:
        first, *_ = str(error).splitlines() or [type(error).__name__]
        raise SourceError(f"could not be loaded: {first}", where=name) from None


def _dataset(name: str, folder: Path) -> Iterable[Json]:
    from datasets import Dataset, DatasetDict, load_dataset, load_from_disk

    dataset, _, split = name.removeprefix(_HUB).partition("@")
    local = folder / dataset
    rows: Iterable[Json]
    if (local / "state.json").exists() or (local / "dataset_dict.json").exists():
        saved = load_from_disk(str(local))
        rows = saved[split or "train"] if isinstance(saved, DatasetDict) else saved
        assert isinstance(rows, Dataset)
    else:
        place = str(local) if local.exists() else dataset
        rows = load_dataset(place, split=split or "train", streaming=True)
    return rows
