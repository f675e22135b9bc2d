"""The part of a row that a format sees: the conversation to train on, without its provenance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from synth.exports.preferences import Preference, judged_answers, pairs_of
from synth.frozen import FrozenJson, thaw
from synth.llm.base import Json
from synth.recipe.model import ExportOptions
from synth.row import Row

# What one record of a format is made from: a row with its answer, a row without it, two answers to one
# prompt, or one answer and whether it is good.
ExampleKind = Literal["answer", "prompt", "pair", "judgement"]


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One training example, as normalised OpenAI-style messages.

    `content` is always a text (empty for a pure tool call). Calls have an `id`, and their `arguments` are an
    object. `rejected` is the worse answer of a pair. `good` says whether people or a judge approved a single
    answer. For the kind `prompt`, `messages` end before the answer.
    """

    id: str
    messages: Sequence[Json]
    tools: Sequence[Json] = ()
    rejected: str | None = None
    good: bool | None = None

    @property
    def prompt(self) -> Sequence[Json]:
        """Everything before the answer."""
        return self.messages[:-1]

    @property
    def answer(self) -> Json:
        """The message to learn; in a pair, the better one."""
        return self.messages[-1]


def examples_of(
    row: Row, kind: ExampleKind, options: ExportOptions
) -> Iterator[tuple[TrainingExample, Preference | None]]:
    """The examples of a row for a format of this `kind`, each with its preference, if it has one."""
    messages = _messages(row, options)
    tools: Sequence[Json] = thaw(row.conversation.tools) or ()
    if kind == "answer":
        yield TrainingExample(row.id, messages, tools), None
        return
    asked = messages[:-1] if row.conversation.has_answer else messages
    if kind == "prompt":
        yield TrainingExample(row.id, asked, tools), None
    elif kind == "pair":
        for pair in pairs_of(row, options.pairs):
            yield TrainingExample(row.id, [*asked, _said(pair.chosen)], tools, pair.rejected), pair
    else:
        for judged in judged_answers(row, options.pairs):
            yield TrainingExample(row.id, [*asked, _said(judged.answer)], tools, good=judged.good), judged


def _said(text: str) -> Json:
    return {"role": "assistant", "content": text}


def _messages(row: Row, options: ExportOptions) -> list[Json]:
    """The row's normalised messages. `export.system` replaces the row's system prompt; the model's reasoning
    is included if `export.reasoning` asks for it.
    """
    messages: list[Json] = []
    callers: dict[str, str] = {}
    for number, message in enumerate(row.conversation.messages):
        role = "system" if message["role"] == "developer" else message["role"]
        if role == "system" and options.system is not None:
            continue
        content = message.get("content")
        plain: Json = {"role": role, "content": "" if content is None else content}
        if calls := thaw(message.get("tool_calls")):
            plain["tool_calls"] = _calls(calls, number)
            callers.update(_names(plain["tool_calls"]))
        if role == "tool":
            plain.update(_result(message, messages, callers))
        messages.append(plain)
    if options.system is not None:
        messages.insert(0, {"role": "system", "content": options.system})
    if thought := reasoning_of(row, options):
        messages[-1] = _thoughtful(messages[-1], thought, options)
    return messages


def reasoning_of(row: Row, options: ExportOptions) -> str | None:
    """The model's reasoning before the answer, if it is to be trained on.

    If a person wrote the answer, the reasoning is left out, because it leads to a different answer.
    """
    if options.reasoning == "strip" or not row.reasoning or row.review.before is not None:
        return None
    return (row.reasoning.strip() or None) if row.conversation.answer else None


def _thoughtful(answer: Json, thought: str, options: ExportOptions) -> Json:
    """Adds the reasoning as Qwen3 and DeepSeek-R1 write it, or in `reasoning_content`, which vLLM and qwen3's
    template use.
    """
    if options.reasoning == "field":
        return {**answer, "reasoning_content": thought}
    return {**answer, "content": f"<think>\n{thought}\n</think>\n\n{answer['content']}"}


def _calls(calls: Any, number: int) -> Any:
    """Normalised calls: each has an id and its arguments as an object. Malformed calls stay; the rules refuse
    them.
    """
    if not isinstance(calls, list):
        return calls
    whole = []
    for place, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            whole.append(call)
            continue
        arguments = function.get("arguments", {})
        if isinstance(arguments, str):
            arguments = _object(arguments)
        whole.append(
            {
                "id": call.get("id") or f"call{number:03d}{place:02d}",
                "type": "function",
                "function": {"name": function.get("name"), "arguments": arguments},
            }
        )
    return whole


def _object(text: str) -> Any:
    try:
        return orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return text


def _names(calls: Any) -> dict[str, str]:
    if not isinstance(calls, list):
        return {}
    return {
        call["id"]: call["function"]["name"]
        for call in calls
        if isinstance(call, dict) and "function" in call
    }


def _result(message: FrozenJson, before: Sequence[Json], callers: dict[str, str]) -> Json:
    """Links a tool's result to its call: by the result's own id, or else in the order of the calls."""
    call = message.get("tool_call_id")
    if call is None:
        answered = {earlier.get("tool_call_id") for earlier in before}
        call = next((each for each in callers if each not in answered), None)
    known = {"tool_call_id": call, "name": message.get("name") or callers.get(call or "")}
    return {key: value for key, value in known.items() if value is not None}
