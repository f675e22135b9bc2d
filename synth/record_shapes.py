"""Turns a raw record into a conversation, from every common shape of examples, prompts and failures.

The first of these keys in a record decides. Nothing else is guessed:

- `messages`: OpenAI's `{"role", "content"}`, with an optional `tools`;
- `conversations`: ShareGPT's `{"from", "value"}`, with an optional `system`;
- `chosen` and `rejected`: a preference pair, with `prompt` or with the whole conversation in both (TRL);
- `preferred_output` and `non_preferred_output`, with `input` (OpenAI);
- `prompt` and `completion`: texts or lists of messages (TRL);
- `instruction`, `input`?, `response` (or Alpaca's `output`), `system`?.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from synth.errors import SourceError
from synth.llm.base import Json

_ROLES = {"system", "user", "assistant", "tool", "developer"}
_SHAREGPT_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "assistant": "assistant",
    "system": "system",
    "tool": "tool",
    "observation": "tool",
}


# Every known key.
KEYS = frozenset(
    {
        *("messages", "conversations", "tools", "id", "chosen", "rejected", "prompt", "completion"),
        *("preferred_output", "non_preferred_output", "instruction", "input", "response", "output", "system"),
        *("problem", "expected", "model"),
    }
)


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One raw record and its place (`seeds.jsonl:12`)."""

    data: Json
    where: str


@dataclass(frozen=True, slots=True)
class SourceExample:
    """The content of a record: a conversation, and the rejected answer of a preference pair, if any."""

    messages: list[Json]
    rejected: str | None = None


def read_example(record: RawRecord, *, answered: bool | None) -> SourceExample:
    """The record as a conversation that ends with an answer, or with the user if not `answered`.

    With None, both endings are valid, and an answer is read if there is one. Raises `SourceError` with the
    place and what is missing.
    """
    data, where = record.data, record.where
    rejected = None
    if "messages" in data:
        messages = _as_messages(data["messages"], where, "messages")
    elif "conversations" in data:
        messages = _sharegpt(data, where)
    elif "chosen" in data:
        messages, rejected = _preference(data, where, "prompt", "chosen", "rejected")
    elif "preferred_output" in data:
        messages, rejected = _openai_preference(data, where)
    elif "prompt" in data and "instruction" not in data:
        messages = _as_messages(data["prompt"], where, "prompt")
        if answered or (answered is None and "completion" in data):
            messages = [*messages, *_as_answer(data, "completion", where)]
    else:
        there = "response" in data or "output" in data
        messages = _instruction(data, where, answered=there if answered is None else answered)
    _check(messages, where, answered=answered)
    return SourceExample(messages, rejected)


def read_text(data: Json, key: str, where: str, *, may_be_empty: bool = False) -> str | None:
    """The text under `key`; None if there is none. Raises `SourceError` for another type."""
    value = data.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise SourceError(f"`{key}` is not text but {type(value).__name__}.", where=where)
    if not value.strip() and not may_be_empty:
        raise SourceError(f"`{key}` is empty.", where=where)
    return value


def named(columns: Iterable[str]) -> str:
    """The first columns of a record, for an error."""
    first = list(islice(columns, 21))
    words = ", ".join(f"`{column[:60]}`" for column in first[:20])
    return f"{words} and more" if len(first) > 20 else words or "nothing"


def _instruction(data: Json, where: str, *, answered: bool) -> list[Json]:
    instruction = read_text(data, "instruction", where)
    if instruction is None:
        raise SourceError(
            "has neither `messages` nor an `instruction`.",
            where=where,
            hint=f"It has {named(data)}. Use `fields` of the source to rename"
            " columns: {path: rows.csv, fields: {instruction: question, response: answer}}.",
        )
    extra = read_text(data, "input", where, may_be_empty=True)
    messages: list[Json] = [
        {"role": "user", "content": f"{instruction}\n\n{extra}" if extra else instruction}
    ]
    if system := read_text(data, "system", where, may_be_empty=True):
        messages.insert(0, {"role": "system", "content": system})
    if answered:
        response = read_text(data, "response" if "response" in data else "output", where)
        if response is None:
            raise SourceError(
                "has no `response`.", where=where, hint="Rows without an answer go to `sources.prompts`."
            )
        messages.append({"role": "assistant", "content": response})
    return messages


def _as_messages(value: Any, where: str, key: str) -> list[Json]:
    """A list of messages unchanged; a text as one message of the user."""
    if isinstance(value, str) and key != "messages":
        if not value.strip():
            raise SourceError(f"`{key}` is empty.", where=where)
        return [{"role": "user", "content": value}]
    if not isinstance(value, list) or not value:
        raise SourceError(f"`{key}` is not a non-empty list.", where=where)
    return value


def _as_answer(data: Json, key: str, where: str) -> list[Json]:
    """A text as one message of the assistant; a list of messages unchanged."""
    value = data.get(key)
    if isinstance(value, list):
        return value
    text = read_text(data, key, where)
    if text is None:
        raise SourceError(
            f"has no `{key}`.", where=where, hint="Rows without an answer go to `sources.prompts`."
        )
    return [{"role": "assistant", "content": text}]


def _sharegpt(data: Json, where: str) -> list[Json]:
    turns = _as_messages(data["conversations"], where, "messages")
    messages = []
    for number, turn in enumerate(turns):
        place = f"{where}: conversations.{number}"
        if not isinstance(turn, dict):
            raise SourceError("is not an object.", where=place)
        if "role" in turn:
            messages.append(turn)
            continue
        role = _SHAREGPT_ROLES.get(str(turn.get("from")))
        if role is None:
            known = ", ".join(sorted(_SHAREGPT_ROLES))
            raise SourceError(f"`from` must be one of {known}.", where=place)
        messages.append({"role": role, "content": turn.get("value")})
    if system := read_text(data, "system", where, may_be_empty=True):
        messages.insert(0, {"role": "system", "content": system})
    return messages


def _preference(data: Json, where: str, prompt: str, better: str, worse: str) -> tuple[list[Json], str]:
    chosen = _as_answer(data, better, where)
    rejected = _as_answer(data, worse, where)
    before = _as_messages(data[prompt], where, prompt) if prompt in data else []
    text = _last_text(rejected, where, worse)
    best = chosen[-1].get("content") if chosen and isinstance(chosen[-1], dict) else None
    if isinstance(best, str) and best.strip() == text.strip():
        raise SourceError(
            f"`{better}` and `{worse}` are the same.",
            where=where,
            hint="Such a pair expresses no preference: remove it.",
        )
    return [*before, *chosen], text


def _openai_preference(data: Json, where: str) -> tuple[list[Json], str]:
    inside = data.get("input")
    if not isinstance(inside, dict) or "messages" not in inside:
        raise SourceError("`input` contains no `messages`.", where=where)
    flat = {**data, "input": inside["messages"]}
    return _preference(flat, where, "input", "preferred_output", "non_preferred_output")


def _last_text(messages: list[Json], where: str, key: str) -> str:
    content = messages[-1].get("content") if messages and isinstance(messages[-1], dict) else None
    if not isinstance(content, str) or not content.strip():
        raise SourceError(f"`{key}` does not end with a text.", where=where)
    return content


def _check(messages: list[Json], where: str, *, answered: bool | None) -> None:
    for number, message in enumerate(messages):
        place = f"{where}: messages.{number}"
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in _ROLES:
            raise SourceError(f"`role` must be one of {', '.join(sorted(_ROLES))}.", where=place)
        content = message.get("content")
        if not isinstance(content, str) and not message.get("tool_calls"):
            raise SourceError("has neither text in `content` nor `tool_calls`.", where=place)
        if isinstance(content, str) and not content.strip() and not message.get("tool_calls"):
            raise SourceError("`content` is empty.", where=place)
        if isinstance(content, str) and "\x00" in content:
            raise SourceError(
                "`content` contains a zero byte.",
                where=place,
                hint="This is not text: remove such characters.",
            )
    last = messages[-1]["role"]
    if answered and last != "assistant":
        raise SourceError(f"`messages` end with the {last}, without a response.", where=where)
    if answered is False and last == "assistant":
        raise SourceError(
            "`messages` already end with an answer.",
            where=where,
            hint="Such rows are seeds; `respond: {regenerate: true}` replaces their answers.",
        )
    if not any(message["role"] == "user" for message in messages):
        raise SourceError("`messages` contain no message of the user.", where=where)
