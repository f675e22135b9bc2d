"""Review in a file: one row per line, and people write their answers into it.

    {"id": "...", "annotators": 1, "fields": {...}, "suggestions": {"response": "the draft"}, "metadata": {},
     "answers": {"ann": {"response": "a better one", "quality": 4}}}

An answer has values by question. `"status": "discarded"` rejects the row; `"status": "draft"` does not count
yet. For a missing text, the suggestion counts. A push keeps existing answers.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import orjson

from synth.errors import InputError
from synth.llm.base import Json
from synth.review.records import VERSIONS, ReviewRecord
from synth.review.targets.base import Access, RefusedRecord, ReviewBackend, Say, TargetSpec
from synth.review.tasks import (
    LabelQuestionSpec,
    RankingQuestionSpec,
    RatingQuestionSpec,
    Task,
    TextQuestionSpec,
)
from synth.store import Answer, ReviewTarget, RunFolder
from synth.store.folder import machine_error, write_atomically
from synth.store.review_log import AnswerStatus

# The objects that a line can have besides its id, with an example of each.
_OBJECTS = {
    "answers": '{"ann": {"response": "..."}}',
    "fields": '{"question": "..."}',
    "suggestions": '{"response": "..."}',
}


class FileBackend(ReviewBackend):
    """`NAME.jsonl` in `folder`."""

    kind = "file"
    shares_targets = True
    shares_names = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def connect(cls, run: RunFolder, access: Access, say: Say) -> FileBackend:
        """The files of the run."""
        return cls(run.review)

    def file_of(self, target: ReviewTarget) -> Path:
        """The file with the target's records."""
        return self._folder / f"{target.name}.jsonl"

    def open(self, spec: TargetSpec) -> ReviewTarget:
        """The target. Its file is made with the first record."""
        return ReviewTarget(
            id=f"{self.kind}:{spec.name}",
            backend=self.kind,
            name=spec.name,
            task=orjson.loads(spec.task.model_dump_json()),
            adjudicates=spec.adjudicates,
        )

    def has(self, target: ReviewTarget) -> bool:
        """Whether its file exists."""
        return self.file_of(target).exists()

    def is_taken(self, name: str, ours: Collection[str]) -> bool:
        """Always False: the folder belongs to this run."""
        return False

    def present(self, target: ReviewTarget) -> Mapping[str, bool]:
        """The rows in the file, each with whether it has answers."""
        return {line["id"]: bool(line["answers"]) for _, line in self._lines(target)}

    def send(
        self,
        target: ReviewTarget,
        records: Sequence[ReviewRecord],
        sent: Callable[[Sequence[ReviewRecord]], None],
    ) -> list[RefusedRecord]:
        """Rewrites the whole file, with its old content and `records`."""
        lines = {line["id"]: line for _, line in self._lines(target)}
        for record in records:
            answers = lines.get(record.row, {}).get("answers", {})
            lines[record.row] = {
                "id": record.row,
                "annotators": record.needed,
                "fields": record.fields,
                "suggestions": record.suggestions,
                "metadata": record.metadata,
                "answers": answers,
            }
        data = b"".join(orjson.dumps(line) + b"\n" for line in lines.values())
        try:
            self._folder.mkdir(exist_ok=True)
            write_atomically(self.file_of(target), data)
        except OSError as error:
            raise machine_error(error, self._folder) from None
        sent(records)
        return []

    def answers(self, target: ReviewTarget) -> Iterator[list[Answer]]:
        """The answers in the file, validated. Raises `InputError`, which names the line."""
        task = Task.model_validate(target.task)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        found = []
        for where, line in self._lines(target):
            for name, given in line["answers"].items():
                if not isinstance(given, dict):
                    raise InputError(f"the answer of {name!r} is not an object.", where=where)
                values = {key: value for key, value in given.items() if key not in ("status", "at")}
                status = given.get("status", "submitted")
                if status not in get_args(AnswerStatus):
                    known = ", ".join(get_args(AnswerStatus))
                    raise InputError(f"{name}: status {status!r} is not one of {known}.", where=where)
                _check(values, task, f"{where}: {name}")
                _check_time(given.get("at"), f"{where}: {name}")
                if status == "submitted":
                    values = {**_suggested(line, task), **values}
                found.append(Answer(target.id, line["id"], name, str(given.get("at") or now), status, values))
        yield found

    def next_step(self, pull: str) -> str:
        """Tells people to write into the files."""
        return f"Write answers into the files in {self._folder}, then: {pull}"

    def _lines(self, target: ReviewTarget) -> Iterator[tuple[str, Json]]:
        file = self.file_of(target)
        if not file.exists():
            return
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                where = f"{file}:{number}"
                if number == 1:
                    line = _without_mark(line, where)
                if line.strip():
                    yield where, _record(line, where)


def _without_mark(line: bytes, where: str) -> bytes:
    """The first line without the byte order mark that some editors put before UTF-8."""
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in line:
        raise InputError("is UTF-16, not UTF-8.", where=where, hint="Save the file as UTF-8.")
    return line.removeprefix(codecs.BOM_UTF8)


def _record(line: bytes, where: str) -> Json:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        hint = "Save the file as UTF-8." if "UTF-8" in str(error) else None
        raise InputError(f"is not valid JSON: {error}.", where=where, hint=hint) from None
    if not isinstance(record, dict) or not isinstance(record.get("id"), str):
        raise InputError("is not a review record: it has no `id`.", where=where)
    for key, example in _OBJECTS.items():
        if not isinstance(record.setdefault(key, {}), dict):
            raise InputError(f"`{key}` is not an object.", where=where, hint=f"For example {example}.")
    return record


def _suggested(line: Json, task: Task) -> Json:
    """Fills missing texts with their suggestions. A missing class or choice is not filled: people must make
    it.
    """
    if VERSIONS in line["fields"]:
        return {}
    texts = {question.name for question in task.questions if question.type == "text"}
    return {name: value for name, value in line["suggestions"].items() if name in texts}


def _check(values: Json, task: Task, where: str) -> None:
    questions = {question.name: question for question in task.questions}
    for name, value in values.items():
        question = questions.get(name)
        if question is None:
            raise InputError(
                f"there is no question {name!r}.", where=where, hint=f"Questions: {', '.join(questions)}."
            )
        wrong = _wrong(question, value)
        if wrong:
            raise InputError(f"{name}: {wrong}.", where=where)


def _check_time(at: Any, where: str) -> None:
    try:
        datetime.fromisoformat(at or "2000-01-01")
    except (TypeError, ValueError):
        raise InputError(
            f"at: {at!r} is not a time.",
            where=where,
            hint="For example 2026-01-31T12:00:00Z; or leave it out.",
        ) from None


def _is_label(value: Any, question: LabelQuestionSpec) -> bool:
    """Whether the value is a label of the question. A question without labels accepts any."""
    return isinstance(value, str) and (not question.labels or value in question.labels)


def _wrong(
    question: TextQuestionSpec | RatingQuestionSpec | LabelQuestionSpec | RankingQuestionSpec, value: Any
) -> str | None:
    match question:
        case TextQuestionSpec():
            return None if isinstance(value, str) else "is not a text"
        case RatingQuestionSpec():
            known = isinstance(value, int) and not isinstance(value, bool) and value in question.values
            return None if known else f"{value!r} is not one of {list(question.values)}"
        case LabelQuestionSpec(type="multi_label"):
            bad = [v for v in value if not _is_label(v, question)] if isinstance(value, list) else [value]
            return f"{bad[0]!r} is not one of {list(question.labels)}" if bad else None
        case LabelQuestionSpec():
            return None if _is_label(value, question) else f"{value!r} is not one of {list(question.labels)}"
        case RankingQuestionSpec():
            ok = isinstance(value, list) and all(
                isinstance(item, dict)
                and isinstance(item.get("value"), str)
                and item["value"] in question.values
                and isinstance(item.get("rank", 1), int)
                for item in value
            )
            return None if ok else 'is not a list of {"value": ..., "rank": ...}'
