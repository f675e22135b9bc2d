"""What a format sees of a row: the conversation to train on, and nothing of how it came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synth.llm.base import Json
from synth.recipe.model import ExportOptions
from synth.row import content_of

# What a message may carry into a dataset; whatever else a source had on it is no part of the conversation.
_MESSAGE_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id")


@dataclass(frozen=True, slots=True)
class Example:
    """One conversation that ends with the answer to learn, as OpenAI-style messages."""

    id: str
    messages: Sequence[Json]
    tools: Sequence[Json] | None = None

    @property
    def prompt(self) -> Sequence[Json]:
        """Everything before the answer."""
        return self.messages[:-1]

    @property
    def answer(self) -> Json:
        """The message to learn."""
        return self.messages[-1]


def example_of(receipt: Json, options: ExportOptions) -> Example:
    """The row as it is to be trained on: with `export.system` in the place of its own system prompt."""
    messages = [
        {key: message[key] for key in _MESSAGE_KEYS if message.get(key) is not None}
        for message in receipt["messages"]
    ]
    if options.system is not None:
        messages = [message for message in messages if message["role"] != "system"]
        messages.insert(0, {"role": "system", "content": options.system})
    return Example(receipt["id"], messages, receipt["tools"] or None)


def prompt_text(receipt: Json) -> str:
    """What near-copies are measured on: everything before the answer but the system prompt."""
    messages = receipt["messages"]
    if messages and messages[-1]["role"] == "assistant":
        messages = messages[:-1]
    return "\n".join(content_of(message) for message in messages if message["role"] != "system")
