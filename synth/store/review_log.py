"""The journal of decisions: one JSON line per shown row and per answer, append-only.

    {"crc":"89abcdef","kind":"answer","place":"...","row":"...","by":"ann","at":"...",...}

This journal and the journal of replies are the source of truth of a run. The effects of decisions are always
computed from here. The checksum covers the rest of the line. A line that was cut off while it was written is
removed. A damaged line is an error, because a person's decision must not be lost silently.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import orjson

from synth.errors import InputError
from synth.llm.base import Json
from synth.row import Row
from synth.store.folder import machine_error

AnswerStatus = Literal["submitted", "discarded", "draft"]

_HEAD = len('{"crc":"89abcdef",')


@dataclass(frozen=True, slots=True)
class ReviewTarget:
    """Where rows were shown, for example an Argilla dataset or a file.

    `backend` is the name of its backend. If it `adjudicates`, an answer there decides a conflict.
    """

    id: str
    backend: str
    name: str
    task: Json
    workspace: str | None = None
    adjudicates: bool = False


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row as it was shown.

    `draft` is its text at that time, `share` the share of the sample that it was drawn for, and `needed`
    the number of answers wanted. `order` has the candidates' texts in the order of their letters.
    """

    target: str
    row: str
    share: str
    needed: int
    draft: Row
    order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One person's answer to one row. A later answer of the same person replaces it.

    `at` and `began` are times in ISO 8601, UTC. `values` has the annotator's raw values by question.
    """

    target: str
    row: str
    by: str
    at: str
    status: AnswerStatus
    values: Json
    began: str | None = None


DecisionEvent = ReviewTarget | ShownRow | Answer

_KINDS = {ReviewTarget: "place", ShownRow: "shown", Answer: "answer"}


@dataclass
class Decisions:
    """All events so far: the latest of each kind, by its subject."""

    targets: dict[str, ReviewTarget] = field(default_factory=dict)
    shown: dict[tuple[str, str], ShownRow] = field(default_factory=dict)
    answers: dict[tuple[str, str, str], Answer] = field(default_factory=dict)

    def take(self, event: DecisionEvent) -> None:
        """Adds one event."""
        if isinstance(event, ReviewTarget):
            self.targets[event.id] = event
        elif isinstance(event, ShownRow):
            # Moves the target that showed the row last to the end.
            self.shown.pop((event.target, event.row), None)
            self.shown[(event.target, event.row)] = event
        else:
            self.answers[(event.target, event.row, event.by)] = event

    def is_new(self, event: DecisionEvent) -> bool:
        """Whether the event adds or changes something."""
        if isinstance(event, ReviewTarget):
            return self.targets.get(event.id) != event
        if isinstance(event, ShownRow):
            return self.shown.get((event.target, event.row)) != event
        # Times are not compared: a second pull of the same answer must add nothing.
        known = self.answers.get((event.target, event.row, event.by))
        return known is None or (known.status, known.values) != (event.status, event.values)


class DecisionLog:
    """Reads and appends events. A process must have the folder's lock to append."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> Decisions:
        """All events so far. Raises `InputError` for a damaged line."""
        decisions = Decisions()
        for event in self._events():
            decisions.take(event)
        return decisions

    def check(self) -> None:
        """Raises `InputError` for a damaged line."""
        for line, where in self._lines():
            _content(line, where)

    def append(self, decisions: Decisions, events: Iterable[DecisionEvent]) -> int:
        """Adds the events that are new to `decisions`, durably on disk. Returns their number.

        Raises `MachineError` if the disk refuses. The file is then unchanged, but `decisions` must not be
        used any more.
        """
        new: list[DecisionEvent] = []
        for event in events:
            if decisions.is_new(event):
                decisions.take(event)
                new.append(event)
        if not new:
            return 0
        try:
            self._write(b"".join(_line(event) for event in new))
        except OSError as error:
            raise machine_error(error, self._file) from None
        return len(new)

    def _write(self, data: bytes) -> None:
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            end = self._whole_length()
            os.ftruncate(descriptor, end)
            try:
                view, position = memoryview(data), end
                while view:
                    written = os.pwrite(descriptor, view, position)
                    view, position = view[written:], position + written
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, end)
                raise
        finally:
            os.close(descriptor)

    def _whole_length(self) -> int:
        """The length in bytes up to the end of the last complete line."""
        with self._file.open("rb") as lines:
            size = lines.seek(0, os.SEEK_END)
            lines.seek(max(size - 1, 0))
            if lines.read(1) in (b"", b"\n"):
                return size
            lines.seek(0)
            return lines.read().rfind(b"\n") + 1

    def _events(self) -> Iterator[DecisionEvent]:
        for line, where in self._lines():
            yield _event(line, where)

    def _lines(self) -> Iterator[tuple[bytes, str]]:
        """The complete lines, each with its position for error messages."""
        if not self._file.exists():
            return
        with self._file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    return
                yield line, f"{self._file}:{number}"


def _line(event: DecisionEvent) -> bytes:
    rest = orjson.dumps({"kind": _KINDS[type(event)], **_to_json(event)})[1:]
    return b'{"crc":"%08x",%b\n' % (zlib.crc32(rest), rest)


def _to_json(event: DecisionEvent) -> Json:
    """The event as a line of the journal, which calls a target a `place`."""
    if isinstance(event, ReviewTarget):
        return asdict(event)
    if isinstance(event, Answer):
        answer = asdict(event)
        return {"place": answer.pop("target"), **answer}
    return {
        "place": event.target,
        "row": event.row,
        "share": event.share,
        "needed": event.needed,
        "receipt": event.draft.to_json(),
        "order": event.order,
    }


def _event(line: bytes, where: str) -> DecisionEvent:
    content = orjson.loads(_content(line, where))
    match content.pop("kind"):
        case "place":
            return ReviewTarget(**content)
        case "answer":
            return Answer(content.pop("place"), **content)
        case "shown":
            draft, order = Row.from_json(content.pop("receipt")), tuple(content.pop("order"))
            return ShownRow(content.pop("place"), **content, draft=draft, order=order)
    raise InputError("a newer synth wrote it.", where=where, hint="Update synth.")


def _content(line: bytes, where: str) -> bytes:
    """The JSON of a line with a correct checksum."""
    rest = line[_HEAD:-1]
    if line[:_HEAD] != b'{"crc":"%08x",' % zlib.crc32(rest):
        raise InputError(
            "the line is damaged: its checksum does not match.",
            where=where,
            hint="Restore the file from a backup; or remove the line, delete `sums.json`, and pull again.",
        )
    return b"{" + rest
