"""Parses the body of a completion request, and refuses what the server's settings exclude."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from synth.llm.base import Json, Reply, Usage
from synth.llm.fake.replies import message_text
from tests.support.loopback.settings import Settings

_THINKING = "The user wants an answer. I shall give one that fits."
# What of a body decides the answer; limits and wire forms do not.
_IDENTITY = ("messages", "model", "seed", "temperature", "top_p")


class Refused(Exception):
    """Answered with an error status; `headers` are whole header lines."""

    def __init__(self, status: int, words: str, headers: bytes = b"") -> None:
        super().__init__(words)
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """A completion request, read. `key` is what decides its answer, `forms` how a schema was asked for."""

    key: bytes
    messages: Sequence[Json]
    model: str
    max_tokens: int
    schema: Json | None
    forms: tuple[str, ...]
    logprobs: int
    body: Json

    def refusal(self, settings: Settings) -> Refused | None:
        """Why a server of these settings does not take it; None where it does."""
        if self.model not in settings.models.split(","):
            return Refused(404, f"The model `{self.model}` does not exist.")
        if settings.demand_max_completion_tokens and "max_tokens" in self.body:
            return Refused(
                400,
                "Unsupported parameter: 'max_tokens' is not supported with this model."
                " Use 'max_completion_tokens' instead.",
            )
        for form in self.forms:
            if form not in settings.structured.split(","):
                return Refused(400, f"response_format: '{form}' is not supported by this server.")
        if self.logprobs and not settings.logprobs:
            return Refused(400, "logprobs are not supported by this model.")
        words = sum(len(message_text(message).split()) for message in self.messages) + self.max_tokens
        if settings.context and words > settings.context:
            return Refused(
                400,
                f"This model's maximum context length is {settings.context} tokens."
                f" However, you requested {words} tokens.",
            )
        return None

    def with_thinking(self, reply: Reply, where: str, cached: int) -> Reply:
        """`reply` with cached tokens counted, and with what a reasoning model thinks before it."""
        usage = replace(reply.usage, cached=cached)
        if not where:
            return replace(reply, usage=usage)
        thought = len(_THINKING.split())
        if self.max_tokens <= thought:
            reply = replace(reply, text="", finish="length", logprobs=())
        usage = Usage(usage.prompt, usage.completion + thought, cached)
        if where == "field":
            return replace(reply, reasoning=_THINKING, usage=usage)
        return replace(reply, text=f"<think>\n{_THINKING}\n</think>\n\n{reply.text}", usage=usage)


def read_request(body: bytes) -> CompletionRequest:
    """Raises `Refused` (400) for a body that is no completion request."""
    try:
        asked = orjson.loads(body)
        messages, model = asked["messages"], asked["model"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise Refused(400, f"not a completion request: {error}") from error
    if asked.get("stream"):
        raise Refused(400, "this server does not stream")
    schema, forms = _schema_of(asked)
    return CompletionRequest(
        key=orjson.dumps([asked.get(name) for name in _IDENTITY]),
        messages=messages,
        model=model,
        max_tokens=asked.get("max_completion_tokens") or asked.get("max_tokens") or 1024,
        schema=schema,
        forms=forms,
        logprobs=asked.get("top_logprobs", 1) if asked.get("logprobs") else 0,
        body=asked,
    )


def _schema_of(asked: Json) -> tuple[Json | None, tuple[str, ...]]:
    """The schema that a body asks for, and the names of the forms in which it does."""
    schema: Json | None = None
    forms = []
    response_format: Any = asked.get("response_format") or {}
    kind = response_format.get("type", "text")
    if kind != "text":
        forms.append(kind)
        schema = {"type": "object", "properties": {"response": {"type": "string"}}}
    if kind == "json_schema":
        schema = response_format["json_schema"]["schema"]
    if "structured_outputs" in asked:
        forms.append("structured_outputs")
        schema = asked["structured_outputs"].get("json")
    if "guided_json" in asked:
        forms.append("guided_json")
        schema = asked["guided_json"]
    return schema, tuple(forms)
