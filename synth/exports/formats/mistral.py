"""Mistral's chat format, as `mistral-common` 1.13 validates it for fine-tuning.

The last message is the assistant's; a message has a text or calls, not both; ids of calls are 9 letters or
digits; names of tools and their schemas (Draft 7) are checked. Other ids are replaced; an id always gets the
same replacement.
"""

from __future__ import annotations

import hashlib
import re

from synth.exports.example import TrainingExample
from synth.exports.formats.base import Format
from synth.exports.formats.openai import with_text_arguments
from synth.exports.formats.rules import CONVERSATION, calls_or_says
from synth.llm.base import Json

_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")


def _conversation(example: TrainingExample) -> Json:
    messages = [_with_ids(with_text_arguments(message)) for message in example.messages]
    return {"messages": messages, **({"tools": list(example.tools)} if example.tools else {})}


def _with_ids(message: Json) -> Json:
    changed = dict(message)
    if "tool_calls" in message:
        changed["tool_calls"] = [{**call, "id": _call_id(call["id"])} for call in message["tool_calls"]]
    if "tool_call_id" in message:
        changed["tool_call_id"] = _call_id(message["tool_call_id"])
    return changed


def _call_id(call: str) -> str:
    return call if _CALL_ID.fullmatch(call) else hashlib.sha256(call.encode()).hexdigest()[:9]


FORMATS = (
    Format(
        "mistral",
        "Mistral's chat format for fine-tuning",
        _conversation,
        (*CONVERSATION, calls_or_says),
    ),
)
