"""ShareGPT's conversations, and LLaMA-Factory's datasets, which are such conversations with a description.

LLaMA-Factory (0.9.5) drops rows whose turns do not alternate, with a line in its log, and treats columns that
`dataset_info.json` does not list as empty. A call and its result are turns of their own (`function_call`,
`observation`), so one message cannot both say something and call.
"""

from __future__ import annotations

import orjson

from synth.conversation import content_of
from synth.exports.example import TrainingExample
from synth.exports.formats.base import DatasetFiles, Format
from synth.exports.formats.openai import as_text
from synth.exports.formats.rules import COMPARISON, CONVERSATION, calls_or_says, turns_alternate
from synth.llm.base import Json

_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}
_COLUMNS = {"messages": "conversations", "tools": "tools"}


def _conversations(example: TrainingExample) -> Json:
    return {"conversations": [_turn(m) for m in example.messages], "tools": _tools(example)}


def _ranking(example: TrainingExample) -> Json:
    return {
        "conversations": [_turn(m) for m in example.prompt],
        "chosen": _turn(example.answer),
        "rejected": {"from": "gpt", "value": example.rejected},
        "tools": _tools(example),
    }


def _tagged(example: TrainingExample) -> Json:
    return {**_conversations(example), "kto_tag": example.good}


def _turn(message: Json) -> Json:
    calls = [call["function"] for call in message.get("tool_calls", [])]
    if calls:
        return {"from": "function_call", "value": as_text(calls[0] if len(calls) == 1 else calls)}
    return {"from": _SPEAKERS[message["role"]], "value": content_of(message)}


def _tools(example: TrainingExample) -> str:
    """Always present, so that every row has the same columns."""
    return as_text([tool["function"] for tool in example.tools]) if example.tools else ""


def _info(dataset: DatasetFiles, columns: Json, ranking: bool = False) -> dict[str, str]:
    """`dataset_info.json`, with one entry per split: `NAME_train`, `NAME_test`."""
    entries = {
        f"{dataset.name}_{split}": {
            "file_name": file,
            "formatting": "sharegpt",
            **({"ranking": True} if ranking else {}),
            "columns": columns,
        }
        for split, file in dataset.files.items()
    }
    return {"dataset_info.json": orjson.dumps(entries, option=orjson.OPT_INDENT_2).decode() + "\n"}


_ALTERNATING = (turns_alternate, calls_or_says)

FORMATS = (
    Format(
        "sharegpt",
        "ShareGPT's conversations, with the system prompt as the first turn",
        _conversations,
        (*CONVERSATION, *_ALTERNATING),
    ),
    Format(
        "llama-factory",
        "LLaMA-Factory's conversations, with the `dataset_info.json` that describes them",
        _conversations,
        (*CONVERSATION, *_ALTERNATING),
        extras=lambda dataset: _info(dataset, _COLUMNS),
    ),
    Format(
        "llama-factory-dpo",
        "LLaMA-Factory's rankings, for DPO and reward models",
        _ranking,
        (*COMPARISON, *_ALTERNATING),
        "pair",
        extras=lambda dataset: _info(
            dataset, {**_COLUMNS, "chosen": "chosen", "rejected": "rejected"}, ranking=True
        ),
    ),
    Format(
        "llama-factory-kto",
        "LLaMA-Factory's single answers with a tag, for KTO",
        _tagged,
        (*CONVERSATION, *_ALTERNATING),
        "judgement",
        extras=lambda dataset: _info(dataset, {**_COLUMNS, "kto_tag": "kto_tag"}),
    ),
)
