"""What people were shown and what they answered: one line of JSON for each, appended and never changed.

    {"crc":"89abcdef","kind":"answer","place":"...","row":"...","by":"ann","at":"...",...}

Beside the journal of replies this is the other truth of a run: whatever a decision does to a row is worked
out from here, again and again. The checksum is over the rest of the line. A line that was cut off while it
was written is cut away; a damaged one is an error, since what a person decided is not passed over in silence.
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
    """Where rows were shown, for example a dataset in Argilla or a file. `backend` is the kind of it.

    Where it `adjudicates`, an answer there decides a conflict.
    """

    id: str
    backend: str
    name: str
    task: Json
    workspace: str | None = None
    adjudicates: bool = False


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row as it was shown: the `draft` of then, what `share` of the sample it was drawn for, and how many
    people are to answer. `order` holds the candidates' texts as lettered for this row.
    """

    target: str
    row: str
    share: str
    needed: int
    draft: Row
    order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One person's answer to one row; a later one of the same person replaces it.

    `at` and `began` are ISO 8601 in UTC. `values` are by question, as the annotator gave them.
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
    """All events so far, the latest of each kind by what it is about."""

    targets: dict[str, ReviewTarget] = field(default_factory=dict)
    shown: dict[tuple[str, str], ShownRow] = field(default_factory=dict)
    answers: dict[tuple[str, str, str], Answer] = field(default_factory=dict)

    def take(self, event: DecisionEvent) -> None:
        """Adds one event."""
        if isinstance(event, ReviewTarget):
            self.targets[event.id] = event
        elif isinstance(event, ShownRow):
            # The target that showed a row last comes last.
            self.shown.pop((event.target, event.row), None)
            self.shown[(event.target, event.row)] = event
        else:
            self.answers[(event.target, event.row, event.by)] = event

    def is_new(self, event: DecisionEvent) -> bool:
        """Whether it says something that is not known."""
        if isinstance(event, ReviewTarget):
            return self.targets.get(event.id) != event
        if isinstance(event, ShownRow):
            return self.shown.get((event.target, event.row)) != event
        known = self.answers.get((event.target, event.row, event.by))
        return known is None or (known.status, known.values) != (event.status, event.values)


class DecisionLog:
    """Reads and appends. Whoever appends holds the folder's lock."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> Decisions:
        """Everything so far. Raises `InputError` for a damaged line."""
        decisions = Decisions()
        for event in self._events():
            decisions.take(event)
        return decisions

    def check(self) -> None:
        """Raises `InputError` for a damaged line."""
        for line, where in self._lines():
            _content(line, where)

    def append(self, decisions: Decisions, events: Iterable[DecisionEvent]) -> int:
        """Adds those that are new to `decisions` and makes them durable. Returns how many.

        Raises `MachineError` where the disk refuses; the file then is as it was, and `decisions` is of no use
        any more.
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
        """Bytes up to the end of the last whole line."""
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
        """Whole lines, each with its target."""
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
    """As the journal has it. What is a target here is a `place` there."""
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
    """The JSON of a line, whose checksum fits."""
    rest = line[_HEAD:-1]
    if line[:_HEAD] != b'{"crc":"%08x",' % zlib.crc32(rest):
        raise InputError(
            "the line is damaged: its checksum does not fit.",
            where=where,
            hint="Take the file from a copy; or take the line out, delete `sums.json`, and pull again.",
        )
    return b"{" + rest
