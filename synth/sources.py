"""Reads seeds, prompts and failures from all common file formats, one checked row at a time."""

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
from synth.record_shapes import KEYS, RawRecord, named, read_example, read_text
from synth.redaction.redactor import Redactor
from synth.row import Candidate, Event, Lineage, Origin, Row, content_id
from synth.row_files import filled, read_records
from synth.stages.source_items import KnownFailure, Seed
from synth.store import RunReader
from synth.tables import Rows, TableFormat

T = TypeVar("T")

# Called for each unusable row or document of a source with `bad: skip`.
Skip = Callable[[SourceError], None]

# The prefix of a dataset's name, on the hub or in a folder next to the recipe.
_HUB = "hf:"


def files_of(files: Files | None, folder: Path) -> list[Path]:
    """The files of a source, with globs resolved, in a fixed order; none for earlier runs and datasets.

    Raises `SourceError` if a name matches no file.
    """
    names = [_name(source) for source in listed(files) if not isinstance(source, RunSource)]
    return [file for name in names if not name.startswith(_HUB) for file in _glob(name, folder)]


def document_files(files: Files | None, folder: Path) -> list[tuple[Path, bool]]:
    """The files of `sources.documents`, each with whether it is skipped if it is unusable.

    Raises `SourceError` for a source of rows instead of texts.
    """
    found: list[tuple[Path, bool]] = []
    for source in listed(files):
        if isinstance(source, RunSource) or _name(source).startswith(_HUB):
            raise SourceError(
                "documents are files; a run or a dataset contains rows.",
                where=f"sources.documents: {_name(source)}",
                hint="Rows go to `sources.seeds` or `sources.prompts`.",
            )
        found += [(file, _skips(source)) for file in _glob(_name(source), folder)]
    return found


def local_dataset(source: Source, folder: Path) -> tuple[str, Path] | None:
    """Name and folder of an `hf:` source in a folder next to the recipe; None for other sources."""
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

    Raises `SourceError`, with file and line, for the first unusable row. If the source has `bad: skip`, the
    error goes to `skip` instead.
    """
    named: dict[str, str] = {}

    def seed(weight: float, record: RawRecord) -> Seed:
        row = _row(record, origin, answered=answered, redactor=redactor)
        name = record.data.get("id")
        if name is not None and named.setdefault(str(name), row.id) != row.id:
            raise SourceError(
                f"the id {name!r} occurs twice, with different content.",
                where=record.where,
                hint="Give each row its own id, or remove the ids: they are optional.",
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
) -> Iterator[KnownFailure]:
    """The checked failures of a source. Raises `SourceError` like `read_rows`."""

    def failure(record: RawRecord) -> KnownFailure:
        return _failure(_redacted(record, redactor))

    for source in listed(files):
        yield from _usable(source, folder, failure, skip)


def _usable(source: Source, folder: Path, read: Callable[[RawRecord], T], skip: Skip | None) -> Iterator[T]:
    """`read` of each record. An unusable record raises, or is skipped."""
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


def _redacted(record: RawRecord, redactor: Redactor | None) -> RawRecord:
    """The record with its known keys only, without personal data."""
    data = {key: value for key, value in record.data.items() if key in KEYS}
    _check_plain(data, record.where)
    if redactor is not None:
        (data,), _ = redactor.messages([data])
    return RawRecord(data, record.where)


def _check_plain(value: Any, where: str) -> None:
    """Refuses values that JSON cannot express: infinite numbers, bytes, and deep nesting."""
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise SourceError(
            f"contains a value that cannot be written as JSON: {error}.",
            where=where,
            hint="Use texts, numbers, lists and objects, nested up to 250 levels.",
        ) from None


def _row(record: RawRecord, origin: Origin, *, answered: bool | None, redactor: Redactor | None) -> Row:
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


def _failure(record: RawRecord) -> KnownFailure:
    data = record.data
    messages = data.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    if isinstance(messages, list) and isinstance(last, dict) and last.get("role") == "assistant":
        # A transcript ends with the bad answer.
        data = {"response": last.get("content"), **data, "messages": messages[:-1]}
    prompt = read_example(RawRecord(data, record.where), answered=False).messages
    response = read_text(data, "response", record.where)
    if response is None:
        raise SourceError(
            "has no `response`.",
            where=record.where,
            hint="`response` is the bad answer of a failure; `expected` is the right one.",
        )
    problem, expected, model = (
        read_text(data, key, record.where) for key in ("problem", "expected", "model")
    )
    right = {"role": "assistant", "content": expected}
    key = content_id("seed", [*prompt, right], None) if expected else content_id("failure", prompt)
    return KnownFailure(key, prompt, response, problem, expected, model)


def _records(source: Source, folder: Path) -> Rows:
    """Raw records. If the source has `fields`, its columns get the usual names."""
    if isinstance(source, RunSource):
        yield from run_records(source, folder)
        return
    spec = FileSource(path=source) if isinstance(source, str) else source
    records = _hub(spec.path, folder) if spec.path.startswith(_HUB) else _files(spec, folder)
    for record in records:
        if spec.fields and isinstance(record, RawRecord):
            yield _renamed(record, spec.fields)
        else:
            yield record


def _renamed(record: RawRecord, fields: Mapping[str, str]) -> RawRecord | SourceError:
    """The record with the usual names, without other columns."""
    theirs = {column: usual for usual, column in fields.items()}
    if missing := theirs.keys() - record.data.keys():
        example = "instruction: question, response: answer"
        if fields.keys() <= record.data.keys() and theirs.keys() <= KEYS:
            example = ", ".join(f"{usual}: {column}" for column, usual in fields.items())
        return SourceError(
            f"has no column {min(missing)!r}.",
            where=record.where,
            hint=f"It has {named(record.data)}. In `fields`, write the usual name first, then the column:"
            f" {{{example}}}.",
        )
    return RawRecord({theirs[k]: v for k, v in record.data.items() if k in theirs}, record.where)


def _files(source: FileSource, folder: Path) -> Rows:
    columns = frozenset(source.fields.values())
    reading = TableFormat(source.separator, source.encoding, columns)
    for file in _glob(source.path, folder):
        yield from read_records(file, reading)


def _name(source: Source) -> str:
    """The name in the recipe: a file, a glob, `hf:NAME` or a run folder."""
    if isinstance(source, RunSource):
        return source.run
    return source if isinstance(source, str) else source.path


def _glob(name: str, folder: Path) -> list[Path]:
    """Reads only the recipe's own text as a pattern: the path of its folder can contain brackets."""
    pattern = str(folder / name)
    if Path(pattern).is_file():
        return [Path(pattern)]
    escaped = name if Path(name).is_absolute() else f"{glob.escape(str(folder))}/{name}"
    matches = sorted(Path(p) for p in glob.glob(escaped, recursive=True))
    found = [path for path in matches if path.is_file()]
    if found:
        return found
    if any(path.is_dir() for path in matches):
        raise SourceError("is a folder.", where=pattern, hint=f"Write `{name}/*` for all files in it.")
    words = "matches no file." if glob.has_magic(name) else "there is no such file."
    raise SourceError(words, where=pattern, hint="Paths are relative to the recipe.")


def run_records(source: RunSource, folder: Path) -> Iterator[RawRecord]:
    """The kept rows of an earlier run, without its held-out rows."""
    reader = RunReader(folder / source.run)
    try:
        for row in reader.rows(status="kept"):
            if not row.held_out and (row.review.approved or source.only is None):
                conversation = row.conversation
                data = {"messages": thaw(conversation.messages), "tools": thaw(conversation.tools)}
                yield RawRecord(data, f"{source.run}: row {row.id}")
    finally:
        reader.close()


def _hub(name: str, folder: Path) -> Iterator[RawRecord]:
    """The rows of a dataset, by name or in a folder next to the recipe; `@` selects a split."""
    from datasets.exceptions import DatasetsError

    try:
        for number, item in enumerate(_dataset(name, folder), start=1):
            yield RawRecord(filled(item), f"{name}: row {number}")
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
