"""Alpaca's `instruction`, `input` and `output`, with the `system` and `history` of LLaMA-Factory.

Earlier turns are pairs in `history`. Stanford's script reads only the first three keys. For it, export rows
with one exchange and no system prompt.
"""

from __future__ import annotations

from synth.conversation import content_of
from synth.exports.example import TrainingExample
from synth.exports.formats.base import Format
from synth.exports.formats.rules import CONVERSATION, no_tools, turns_alternate
from synth.llm.base import Json


def _instruction(example: TrainingExample) -> Json:
    said = [content_of(message) for message in example.messages if message["role"] != "system"]
    system = [content_of(message) for message in example.messages if message["role"] == "system"]
    return {
        "instruction": said[-2],
        "input": "",
        "output": said[-1],
        "system": system[0] if system else "",
        "history": [list(turn) for turn in zip(said[:-2:2], said[1:-2:2], strict=True)],
    }


FORMATS = (
    Format(
        "alpaca",
        "Alpaca's instructions, with LLaMA-Factory's `system` and `history`",
        _instruction,
        (no_tools, *CONVERSATION, turns_alternate),
    ),
)
