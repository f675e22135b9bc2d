"""The JSON Lines of OpenAI's fine-tuning. Azure, Fireworks and Together accept them too.

OpenAI requires at least 10 rows, and arguments of calls as JSON texts. Together's client (1.6.0) does not
support tools, refuses unknown keys, and requires the user and the assistant to take turns.
"""

from __future__ import annotations

import orjson

from synth.exports.example import TrainingExample
from synth.exports.formats.base import Format
from synth.exports.formats.rules import COMPARISON, CONVERSATION, no_tools, turns_alternate
from synth.llm.base import Json


def with_text_arguments(message: Json) -> Json:
    """The message with its calls' arguments as JSON texts, and without an empty text beside calls."""
    calls = message.get("tool_calls")
    if not calls:
        return message
    written = [
        {**call, "function": {**call["function"], "arguments": as_text(call["function"]["arguments"])}}
        for call in calls
    ]
    plain = {key: value for key, value in message.items() if key != "content" or value}
    return {**plain, "tool_calls": written}


def as_text(value: object) -> str:
    """JSON as a text."""
    return orjson.dumps(value).decode()


def conversation(example: TrainingExample) -> Json:
    """`messages`, and `tools` if there are any."""
    return {"messages": [with_text_arguments(message) for message in example.messages], **_tools(example)}


def _pair(example: TrainingExample) -> Json:
    return {
        "input": {
            "messages": [with_text_arguments(message) for message in example.prompt],
            **_tools(example),
        },
        "preferred_output": [example.answer],
        "non_preferred_output": [{"role": "assistant", "content": example.rejected}],
    }


def _tools(example: TrainingExample) -> Json:
    return {"tools": list(example.tools)} if example.tools else {}


FORMATS = (
    Format(
        "openai",
        "OpenAI's chat format, also that of Azure and Fireworks",
        conversation,
        CONVERSATION,
        fewest=10,
    ),
    Format(
        "openai-dpo",
        "OpenAI's preference format, also that of Azure, Fireworks and Together",
        _pair,
        COMPARISON,
        "pair",
        fewest=10,
    ),
    Format(
        "together",
        "OpenAI's chat format, limited to the keys that Together's client accepts",
        conversation,
        (no_tools, *CONVERSATION, turns_alternate),
    ),
)
