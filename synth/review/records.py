"""A row as annotators see it: fields, suggestions and metadata, by the names that a task asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synth.errors import InputError
from synth.llm.base import Json
from synth.review.tasks import Task
from synth.review.votes import LETTERS, draft_answer, draft_label, draft_prompt
from synth.row import content_of
from synth.stable import rank

# Shown beside the task's own fields where annotators wrote different texts.
VERSIONS = "versions"


class Unfit(Exception):
    """The row has not got what the task shows."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a backend sends. `row` is the record's id, `order` candidates' texts as lettered, and `meaning`
    is what "find similar" compares: question and answer."""

    row: str
    fields: Json
    suggestions: Json
    metadata: Json
    order: tuple[str, ...] = ()
    needed: int = 1
    meaning: str = ""


def record_of(
    receipt: Json, task: Task, *, hide_scores: bool, seed: int, versions: Mapping[str, str] | None = None
) -> Record:
    """The record of a row. `versions` are different texts of several annotators, by name.

    Raises `Unfit` where a required field has nothing to show, `InputError` for a field that no row has.
    """
    order = _candidates(receipt, seed)
    shown: Json = {}
    for spec in task.fields:
        value = _field(spec.name, receipt, order, chat=spec.type == "chat")
        if value:
            shown[spec.name] = value
        elif spec.required:
            raise Unfit(f"has nothing for the field {spec.name!r}")
    if versions:
        shown[VERSIONS] = "\n\n".join(f"**{name}**\n\n{text}" for name, text in sorted(versions.items()))
    questions = {question.name for question in task.questions}
    suggestions = {
        name: value for name, draw in _SUGGESTIONS.items() if name in questions and (value := draw(receipt))
    }
    about = _metadata(receipt, order, hide_scores=hide_scores)
    metadata = {
        spec.name: about[spec.name] for spec in task.metadata if about.get(spec.name) not in (None, "")
    }
    meaning = f"{draft_prompt(receipt)}\n{draft_answer(receipt)}"
    return Record(receipt["id"], shown, suggestions, metadata, order, meaning=meaning)


def _field(name: str, receipt: Json, order: Sequence[str], *, chat: bool) -> Any:
    if name in LETTERS:
        place = LETTERS.index(name)
        return order[place] if place < len(order) else None
    fill = _FIELDS.get(name)
    if fill is None:
        known = ", ".join((*_FIELDS, *LETTERS))
        raise InputError(f"no row has a field {name!r}.", where="the review task", hint=f"Fields: {known}.")
    messages = fill(receipt)
    if chat:
        return [{"role": m["role"], "content": _said(m)} for m in messages if _said(m)]
    return "\n\n".join(_said(m) for m in messages if m["role"] != "system")


def _before_answer(receipt: Json) -> list[Json]:
    messages: list[Json] = receipt["messages"]
    return messages[:-1] if messages and messages[-1]["role"] == "assistant" else messages


def _as_message(read: Callable[[Json], str]) -> Callable[[Json], list[Json]]:
    return lambda receipt: [{"role": "user", "content": read(receipt)}]


def _source(receipt: Json) -> str:
    """The passage that the row was made from, where a stage noted it."""
    for event in receipt["history"]:
        for key in ("source", "passage"):
            if isinstance(event.get(key), str):
                return str(event[key])
    return ""


_FIELDS: Mapping[str, Callable[[Json], list[Json]]] = {
    "prompt": _before_answer,
    "text": _before_answer,
    "question": _as_message(draft_prompt),
    "answer": _as_message(draft_answer),
    "source": _as_message(_source),
}

_SUGGESTIONS: Mapping[str, Callable[[Json], str]] = {
    "response": draft_answer,
    "instruction": draft_prompt,
    "label": lambda receipt: draft_label(receipt)[1],
}


def _said(message: Json) -> str:
    """A message's text; a call of a tool as JSON."""
    calls = message.get("tool_calls")
    return content_of(message) or (str(calls) if calls else "")


def _candidates(receipt: Json, seed: int) -> tuple[str, ...]:
    """Up to four different answers, the row's own among them, shuffled by row: position tells nothing."""
    texts = [c["content"] for c in receipt["candidates"] if str(c.get("content") or "").strip()]
    if not texts:
        return ()
    own = draft_answer(receipt)
    different = list(dict.fromkeys([*([own] if own.strip() else []), *texts]))[: len(LETTERS)]
    if len(different) < 2:
        return ()
    return tuple(sorted(different, key=lambda text: rank(seed, "order", receipt["id"], text)))


def _metadata(receipt: Json, order: Sequence[str], *, hide_scores: bool) -> Json:
    lineage = receipt["lineage"]
    about: Json = {
        "stage": lineage["stage"] or lineage["origin"],
        "model": lineage["model"],
        "cluster": receipt["cluster"],
        "length": len(draft_answer(receipt)),
        "candidates": len(order),
        "document": next(iter(lineage["parents"]), None) if lineage["origin"] == "document" else None,
    }
    if not hide_scores:
        scores = list(receipt["scores"].values())
        marks = sorted(
            (c["score"] for c in receipt["candidates"] if c.get("score") is not None), reverse=True
        )
        about["score"] = round(sum(scores) / len(scores), 2) if scores else None
        about["margin"] = round(marks[0] - marks[1], 2) if len(marks) > 1 else None
    return about
