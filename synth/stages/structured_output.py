"""Reads replies: as complete text, or as a JSON object that matches its schema."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import orjson

from synth.isolated import TooMuch
from synth.llm.base import Json, Reply
from synth.llm.model import Completion, Model
from synth.recipe.base import Sampling
from synth.schema_validation import off_schema
from synth.stages.asking import Unusable, ask_until_served
from synth.stages.reply_reasons import ReplyReason


def refuse_unanswered(reply: Reply) -> None:
    """Raises `Unusable` if the reply is cut or unreadable, or has only thinking."""
    if reply.unreadable:
        raise Unusable(ReplyReason.UNREADABLE, reply.unreadable)
    thought_only = bool(reply.reasoning) and not reply.text.strip()
    if reply.cut and thought_only:
        raise Unusable(
            ReplyReason.CUT,
            "max_tokens ended the thinking before the answer began: raise `sampling.max_tokens`, or switch"
            " thinking off in the model's `extra_body`",
        )
    if reply.cut:
        raise Unusable(ReplyReason.CUT, "max_tokens ended the answer")
    if thought_only:
        raise Unusable(
            ReplyReason.EMPTY,
            "the model thought and gave no answer. If this is so for all rows, the server may take answers"
            " for thinking: does its --reasoning-parser suit the model, and a model that does not think?",
        )


def read_text(reply: Reply) -> str:
    """The text of a complete reply. Raises `Unusable` if it is cut or empty."""
    refuse_unanswered(reply)
    text = reply.text.strip()
    if not text:
        raise Unusable(ReplyReason.EMPTY, "the answer is empty")
    return text


def reads_object(schema: Json | None) -> Callable[[Reply], Json]:
    """A parser for replies that are one JSON object of this schema."""

    def read(reply: Reply) -> Json:
        refuse_unanswered(reply)
        return parse_object(reply.text, schema)

    return read


async def ask_for_object(
    model: Model,
    messages: Sequence[Json],
    sampling: Sampling,
    schema: Json | None,
    attempts: int,
    *,
    draw: int = 0,
) -> tuple[Json, Completion]:
    """Requests one JSON object of this schema with `ask_until_served`, and parses it."""
    return await ask_until_served(
        model, messages, sampling, reads_object(schema), attempts, schema=schema, draw=draw
    )


def parse_object(text: str, schema: Json | None) -> Json:
    """The JSON object in a reply, checked against `schema`. Raises `Unusable`."""
    start, end = text.find("{"), text.rfind("}")
    try:
        value = orjson.loads(text[start : end + 1]) if 0 <= start < end else None
    except orjson.JSONDecodeError as error:
        raise Unusable(ReplyReason.UNPARSABLE, f"{error}: {text[:200]}") from None
    if not isinstance(value, dict):
        raise Unusable(ReplyReason.UNPARSABLE, f"no whole JSON object: {text[:200]}")
    if schema is not None:
        try:
            mistake = off_schema(value, schema)
        except TooMuch as error:
            raise Unusable(error.reason, f"checking the answer against its schema {error.words}") from None
        if mistake:
            raise Unusable(ReplyReason.OFF_SCHEMA, mistake[:200])
    return value
