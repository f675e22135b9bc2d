"""TRL (https://huggingface.co/docs/trl/dataset_formats): conversational rows for its trainers.

`SFTTrainer` takes the prompt-completion branch, and trains on the completion only, whenever a row has the key
`prompt`; it applies the model's own chat template. It looks at one key of a row to see whether texts or
messages are in it, so a file never mixes the two. It accepts nearly anything else in silence, an empty turn
or an unknown role included: hence the rules.
"""

from __future__ import annotations

from synth.export.example import Example
from synth.export.formats.base import Format
from synth.export.formats.rules import CONVERSATION
from synth.llm.base import Json


def _prompt_completion(example: Example) -> Json:
    return {"prompt": list(example.prompt), "completion": [example.answer], **_tools(example)}


def _messages(example: Example) -> Json:
    return {"messages": list(example.messages), **_tools(example)}


def _tools(example: Example) -> Json:
    return {"tools": list(example.tools)} if example.tools else {}


FORMATS = (
    Format(
        "trl-sft",
        "TRL's conversational prompt-completion: `SFTTrainer` trains on the completion alone",
        _prompt_completion,
        CONVERSATION,
    ),
    Format(
        "messages",
        "whole conversations, as TRL, Unsloth, Together and many others read them",
        _messages,
        CONVERSATION,
    ),
)
