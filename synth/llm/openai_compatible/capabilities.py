"""The capabilities of one server, learnt from its refusals. Request bodies are built to fit them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import orjson

from synth.llm.base import Json, Request

# OpenAI's own limit; vLLM's default limit, too.
_TOP_LOGPROBS_MOST = 20
_TOP_LOGPROBS_FEW = 5

# The ways to request a schema, best first. The last ones put it into the prompt.
_STRICT, _LOOSE, _JSON, _PROMPT = range(4)
_ABOUT_SCHEMAS = (
    "response_format",
    "json_schema",
    "json_object",
    "schema",
    "structured",
    "guided",
    "grammar",
)


@dataclass(frozen=True, slots=True)
class ServerCapabilities:
    """The features that a server accepts. A new server is assumed to accept all."""

    schema_form: int = _STRICT
    top_logprobs: int = _TOP_LOGPROBS_MOST
    limit_name: str = "max_tokens"
    seed: bool = True

    def body(self, request: Request, *, send_seed: bool = False) -> bytes:
        """The JSON body of `request`. The shared prefix of prompts is always the same bytes, for prefix
        caches.
        """
        body: Json = {
            "model": request.model,
            "messages": request.messages,
            self.limit_name: request.max_tokens,
        }
        if request.sampling:
            body.update(request.sampling)
        if send_seed and self.seed:
            body["seed"] = request.seed
        if request.logprobs and self.top_logprobs:
            body["logprobs"] = True
            body["top_logprobs"] = min(request.logprobs, self.top_logprobs)
        if request.schema is not None:
            self._ask_for_schema(body, request.schema)
        if request.extra_body:
            body.update(request.extra_body)
        return orjson.dumps(body)

    def after_refusal(
        self, request: Request, words: str, *, send_seed: bool = False
    ) -> ServerCapabilities | None:
        """The capabilities after a 400 with this message. None if the request itself is at fault."""
        said = words.lower()
        if self.limit_name == "max_tokens" and "max_completion_tokens" in said:
            return replace(self, limit_name="max_completion_tokens")
        if request.logprobs and self.top_logprobs and "logprob" in said:
            fewer = _TOP_LOGPROBS_FEW if min(request.logprobs, self.top_logprobs) > _TOP_LOGPROBS_FEW else 0
            return replace(self, top_logprobs=fewer)
        asked_by_form = request.schema is not None and self.schema_form < _PROMPT
        if asked_by_form and any(word in said for word in _ABOUT_SCHEMAS):
            return self.with_weaker_form()
        if send_seed and self.seed and "seed" in said:
            return replace(self, seed=False)
        return None

    def with_weaker_form(self) -> ServerCapabilities:
        """The same capabilities with the next way to request schemas."""
        return replace(self, schema_form=min(self.schema_form + 1, _PROMPT))

    @property
    def enforces_schemas(self) -> bool:
        """Whether the server enforces the schema (instead of reading it in the prompt)."""
        return self.schema_form <= _LOOSE

    def _ask_for_schema(self, body: Json, schema: Json) -> None:
        if self.schema_form <= _LOOSE:
            named: Json = {"name": _name_of(schema), "schema": schema}
            if self.schema_form == _STRICT:
                named["strict"] = True
            body["response_format"] = {"type": "json_schema", "json_schema": named}
            return
        if self.schema_form == _JSON:
            body["response_format"] = {"type": "json_object"}
        body["messages"] = [*body["messages"][:-1], _told(body["messages"][-1], schema)]


def _name_of(schema: Json) -> str:
    """A name for the schema that servers accept. Equal schemas have equal names."""
    written = orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)
    return "answer_" + hashlib.sha256(written).hexdigest()[:8]


def _told(message: Json, schema: Json) -> Json:
    """`message` with the schema as text at its end, where it does not change the shared prefix."""
    asked = "\n\nAnswer with one JSON object and nothing else. It must fit this JSON schema:\n"
    words = asked + orjson.dumps(schema).decode()
    content = message.get("content")
    if isinstance(content, list):
        return {**message, "content": [*content, {"type": "text", "text": words}]}
    return {**message, "content": f"{content or ''}{words}"}
