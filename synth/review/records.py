"""Builds the record that annotators see: fields, suggestions and metadata, by the names in the task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synth.conversation import content_of
from synth.errors import InputError
from synth.frozen import FrozenJson, thaw
from synth.llm.base import Json
from synth.review.answers import LETTERS, label_of
from synth.review.tasks import Task
from synth.row import Row
from synth.stable_hash import rank

# An extra field for conflicts, with the annotators' different texts.
VERSIONS = "versions"


class Unfit(Exception):
    """The row lacks a field that the task shows."""


@dataclass(frozen=True, slots=True)
class ReviewRecord:
    """A record for a backend. `row` is the record's id. `order` has the candidates' texts in the order of
    their letters. `meaning` is the text that "find similar" compares: question and answer.
    """

    row: str
    fields: Json
    suggestions: Json
    metadata: Json
    order: tuple[str, ...] = ()
    needed: int = 1
    meaning: str = ""


def record_of(
    row: Row, task: Task, *, hide_scores: bool, seed: int, versions: Mapping[str, str] | None = None
) -> ReviewRecord:
    """The record of a row. `versions` are the different texts of several annotators, by name.

    Raises `Unfit` if a required field is empty, and `InputError` for a field that no row has.
    """
    order = _candidates(row, seed)
    shown: Json = {}
    for spec in task.fields:
        value = _field(spec.name, row, order, chat=spec.type == "chat")
        if value:
            shown[spec.name] = value
        elif spec.required:
            raise Unfit(f"has nothing for the field {spec.name!r}")
    if versions:
        shown[VERSIONS] = "\n\n".join(f"**{name}**\n\n{text}" for name, text in sorted(versions.items()))
    questions = {question.name for question in task.questions}
    suggestions = {
        name: value for name, draw in _SUGGESTIONS.items() if name in questions and (value := draw(row))
    }
    about = _metadata(row, order, hide_scores=hide_scores)
    metadata = {
        spec.name: about[spec.name] for spec in task.metadata if about.get(spec.name) not in (None, "")
    }
    meaning = f"{row.conversation.last_request}\n{_answer(row)}"
    return ReviewRecord(row.id, shown, suggestions, metadata, order, meaning=meaning)


def _field(name: str, row: Row, order: Sequence[str], *, chat: bool) -> Any:
    if name in LETTERS:
        place = LETTERS.index(name)
        return order[place] if place < len(order) else None
    fill = _FIELDS.get(name)
    if fill is None:
        known = ", ".join((*_FIELDS, *LETTERS))
        raise InputError(f"no row has a field {name!r}.", where="the review task", hint=f"Fields: {known}.")
    messages = fill(row)
    if chat:
        return [{"role": m["role"], "content": _said(m)} for m in messages if _said(m)]
    return "\n\n".join(_said(m) for m in messages if m["role"] != "system")


def _answer(row: Row) -> str:
    return row.conversation.answer or ""


def _source(row: Row) -> str:
    """The passage that the row was made from, if a stage noted it."""
    for event in row.history:
        for key in ("source", "passage"):
            if isinstance(text := event.details.get(key), str):
                return text
    return ""


def _as_message(read: Callable[[Row], str]) -> Callable[[Row], Sequence[FrozenJson]]:
    return lambda row: [{"role": "user", "content": read(row)}]


_FIELDS: Mapping[str, Callable[[Row], Sequence[FrozenJson]]] = {
    "prompt": lambda row: row.conversation.prompt,
    "text": lambda row: row.conversation.prompt,
    "question": _as_message(lambda row: row.conversation.last_request),
    "answer": _as_message(_answer),
    "source": _as_message(_source),
}

_SUGGESTIONS: Mapping[str, Callable[[Row], str]] = {
    "response": _answer,
    "instruction": lambda row: row.conversation.last_request,
    "label": lambda row: label_of(row)[1],
}


def _said(message: FrozenJson) -> str:
    """The text of a message, with tool calls as JSON."""
    calls = message.get("tool_calls")
    return content_of(message) or (str(thaw(calls)) if calls else "")


def _candidates(row: Row, seed: int) -> tuple[str, ...]:
    """Up to four different answers including the row's own, shuffled per row so that the position reveals
    nothing.
    """
    texts = [candidate.content for candidate in row.candidates if candidate.content.strip()]
    if not texts:
        return ()
    own = _answer(row)
    different = list(dict.fromkeys([*([own] if own.strip() else []), *texts]))[: len(LETTERS)]
    if len(different) < 2:
        return ()
    return tuple(sorted(different, key=lambda text: rank(seed, "order", row.id, text)))


def _metadata(row: Row, order: Sequence[str], *, hide_scores: bool) -> Json:
    lineage = row.lineage
    about: Json = {
        "stage": row.maker,
        "model": lineage.model,
        "cluster": row.cluster,
        "length": len(_answer(row)),
        "candidates": len(order),
        "document": next(iter(lineage.parents), None) if lineage.origin == "document" else None,
    }
    if not hide_scores:
        scores = list(row.scores.values())
        marks = sorted((c.score for c in row.candidates if c.score is not None), reverse=True)
        about["score"] = round(sum(scores) / len(scores), 2) if scores else None
        about["margin"] = round(marks[0] - marks[1], 2) if len(marks) > 1 else None
    return about
