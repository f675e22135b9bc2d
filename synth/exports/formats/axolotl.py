"""Axolotl (0.19): conversations of the type `chat_template`, with a configuration that is ready to run.

Axolotl drops rows longer than `sequence_len`, so the configuration sets it to `export.max_length`. Every
answer of a conversation is trained on.
"""

from __future__ import annotations

import yaml

from synth.exports.formats.base import DatasetFiles, Format
from synth.exports.formats.rules import CONVERSATION
from synth.exports.formats.trl import whole_conversation
from synth.llm.base import Json

_SMALL_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"


def _config(dataset: DatasetFiles) -> dict[str, str]:
    config: Json = {
        "base_model": dataset.model or _SMALL_MODEL,
        "datasets": [_source(dataset.files["train"])] if "train" in dataset.files else [],
        **({"test_datasets": [_source(dataset.files["test"])]} if "test" in dataset.files else {}),
        "dataset_prepared_path": "prepared",
        "output_dir": "tuned",
        "adapter": "lora",
        "lora_r": 16,
        "lora_alpha": 32,
        "lora_target_linear": True,
        "sequence_len": 2048,
        "micro_batch_size": 2,
        "gradient_accumulation_steps": 4,
        "num_epochs": 3,
        "learning_rate": 0.0002,
        "optimizer": "adamw_torch",
        "lr_scheduler": "cosine",
    }
    head = "# Run it in this folder: `axolotl train axolotl.yaml`.\n"
    return {"axolotl.yaml": head + yaml.safe_dump(config, sort_keys=False)}


def _source(file: str) -> Json:
    return {
        "path": file,
        "ds_type": "json",
        "split": "train",
        "type": "chat_template",
        "field_messages": "messages",
        "roles_to_train": ["assistant"],
    }


FORMATS = (
    Format(
        "axolotl",
        "conversations for Axolotl's type `chat_template`, with a configuration",
        whole_conversation,
        CONVERSATION,
        extras=_config,
        thinks_beside=True,
    ),
)
