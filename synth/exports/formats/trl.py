"""TRL (https://huggingface.co/docs/trl/dataset_formats): conversational rows for its trainers.

`SFTTrainer` takes the prompt-completion branch, and trains on the completion only, whenever a row has the key
`prompt`; it applies the model's own chat template. It decides from one key of a row whether it contains texts
or messages, so a file never mixes the two. It silently accepts nearly everything else, even an empty turn or
an unknown role: hence the rules. Arguments of a call are an object, because chat templates expect one.
"""

from __future__ import annotations

from synth.exports.example import TrainingExample
from synth.exports.formats.base import Format
from synth.exports.formats.rules import COMPARISON, CONVERSATION, PROMPT
from synth.llm.base import Json


def whole_conversation(example: TrainingExample) -> Json:
    """`messages`, and `tools` if there are any."""
    return {"messages": list(example.messages), **_tools(example)}


def _prompt_completion(example: TrainingExample) -> Json:
    return {"prompt": list(example.prompt), "completion": [example.answer], **_tools(example)}


def _prompt(example: TrainingExample) -> Json:
    return {"prompt": list(example.messages), **_tools(example)}


def _explicit_pair(example: TrainingExample) -> Json:
    return {
        "prompt": list(example.prompt),
        "chosen": [example.answer],
        "rejected": [_rejected(example)],
        **_tools(example),
    }


def _implicit_pair(example: TrainingExample) -> Json:
    return {
        "chosen": list(example.messages),
        "rejected": [*example.prompt, _rejected(example)],
        **_tools(example),
    }


def _labelled(example: TrainingExample) -> Json:
    return {
        "prompt": list(example.prompt),
        "completion": [example.answer],
        "label": example.good,
        **_tools(example),
    }


def _rejected(example: TrainingExample) -> Json:
    return {"role": "assistant", "content": example.rejected}


def _tools(example: TrainingExample) -> Json:
    return {"tools": list(example.tools)} if example.tools else {}


FORMATS = (
    Format(
        "trl-sft",
        "TRL's conversational prompt-completion; `SFTTrainer` trains on the completion alone",
        _prompt_completion,
        CONVERSATION,
        thinks_beside=True,
    ),
    Format(
        "messages",
        "whole conversations, as TRL and many others read them (TRL trains on the answers alone with "
        "`assistant_only_loss`)",
        whole_conversation,
        CONVERSATION,
        thinks_beside=True,
    ),
    Format(
        "unsloth",
        "whole conversations for Unsloth (trains on the answers alone with `train_on_responses_only`)",
        whole_conversation,
        CONVERSATION,
        thinks_beside=True,
    ),
    Format(
        "parquet",
        "whole conversations in Parquet files",
        whole_conversation,
        CONVERSATION,
        container="parquet",
        thinks_beside=True,
    ),
    Format(
        "datasets",
        "whole conversations in a folder that `datasets.load_from_disk` reads",
        whole_conversation,
        CONVERSATION,
        container="arrow",
        thinks_beside=True,
    ),
    Format("trl-prompt", "TRL's prompts without answers, for GRPO and RLOO", _prompt, PROMPT, "prompt"),
    Format("trl-dpo", "TRL's preferences with explicit prompts, for DPO", _explicit_pair, COMPARISON, "pair"),
    Format(
        "trl-reward",
        "TRL's preferences with implicit prompts, for reward models",
        _implicit_pair,
        COMPARISON,
        "pair",
    ),
    Format("trl-kto", "TRL's single answers with a label, for KTO", _labelled, CONVERSATION, "judgement"),
)
