"""Gemini's tuning format (Vertex AI): `contents` of the user and the model, and a `systemInstruction`."""

from __future__ import annotations

from synth.conversation import content_of
from synth.exports.example import TrainingExample
from synth.exports.formats.base import Format
from synth.exports.formats.rules import CONVERSATION, no_tools, turns_alternate
from synth.llm.base import Json


def _contents(example: TrainingExample) -> Json:
    system = [_parts(m) for m in example.messages if m["role"] == "system"]
    turns = [
        {"role": "model" if message["role"] == "assistant" else "user", **_parts(message)}
        for message in example.messages
        if message["role"] != "system"
    ]
    return {**({"systemInstruction": system[0]} if system else {}), "contents": turns}


def _parts(message: Json) -> Json:
    return {"parts": [{"text": content_of(message)}]}


FORMATS = (
    Format(
        "gemini",
        "Gemini's tuning format (100 rows or more are suggested)",
        _contents,
        (no_tools, *CONVERSATION, turns_alternate),
    ),
)
