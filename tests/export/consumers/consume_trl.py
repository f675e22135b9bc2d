"""Trains one step with TRL's own trainer and counts the rows it holds; renders each row in real templates.

    python consume_trl.py EXPORT MODEL FORMAT

Prints {"train": rows the trainer holds, "learned": rows whose loss covers the answers and only them, ...}.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import trl
from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from trl.data_utils import apply_chat_template

TEMPLATES = Path(trl.__file__).parent / "chat_templates"
ANSWERS = ("completion", "chosen", "rejected")
WITH_TOOLS = ("qwen3", "llama3_1")
WITHOUT_TOOLS = ("qwen3", "llama3", "gemma3", "phi3")


def texts_of(messages: list[dict[str, Any]]) -> list[str]:
    """All but what tools said, which llama3_1 shows as a JSON string."""
    return [(message.get("content") or "").strip() for message in messages if message["role"] != "tool"]


def rendered(rows: Any, tokenizer: Any) -> dict[str, int]:
    """How many rows each template renders with every text in them."""
    counts: dict[str, int] = {}
    for row in rows:
        whole = {key: value for key, value in row.items() if value is not None and key != "label"}
        for name in WITH_TOOLS if "tools" in whole else WITHOUT_TOOLS:
            tokenizer.chat_template = (TEMPLATES / f"{name}.jinja").read_text()
            example = {key: value for key, value in whole.items() if key != "tools"}
            shown = "".join(
                str(v) for v in apply_chat_template(example, tokenizer, whole.get("tools")).values()
            )
            for key in ("messages", "prompt", "completion", "chosen", "rejected"):
                for text in texts_of(whole.get(key, [])):
                    assert text in shown, (name, key, text)
            counts[name] = counts.get(name, 0) + 1
    return counts


def answers_learned(dataset: Any, rows: Any, tokenizer: Any) -> int:
    """How many rows are trained on their answers, each as what it is, and on nothing else."""

    def said(tokens: Any) -> str:
        return str(tokenizer.decode(tokens).removesuffix("\n").removesuffix(tokenizer.eos_token))

    count = 0
    for trained, row in zip(dataset, rows, strict=True):
        if "labels" in trained:
            pairs = zip(trained["input_ids"], trained["labels"], strict=True)
            learned = {"completion": [token for token, label in pairs if label != -100]}
        else:
            learned = {key: trained[f"{key}_ids"] for key in ANSWERS if f"{key}_ids" in trained}
        assert learned, trained.keys()
        for key, tokens in learned.items():
            # A reward model is shown whole conversations: there the answer is where they end.
            answer, text = row[key][-1]["content"], said(tokens)
            assert text == answer or (len(row[key]) > 1 and text.endswith(f"\n{answer}")), (text, row[key])
        assert trained.get("label") == row.get("label"), row
        count += 1
    return count


def trainer_of(form: str, model: str, train: Any, tokenizer: Any) -> Any:
    """The trainer that the format is for, as a user sets it up."""
    shared: dict[str, Any] = {
        "output_dir": tempfile.mkdtemp(),
        "max_steps": 1,
        "per_device_train_batch_size": 2,
        "report_to": [],
        "use_cpu": True,
        "bf16": False,
        "save_strategy": "no",
        "max_length": None,
    }
    data: dict[str, Any] = {"train_dataset": train, "processing_class": tokenizer}
    if form == "trl-dpo":
        return trl.DPOTrainer(model, args=trl.DPOConfig(**shared), **data)
    if form == "trl-kto":
        return trl.KTOTrainer(model, args=trl.KTOConfig(**shared), **data)
    if form == "trl-reward":
        scorer = AutoModelForSequenceClassification.from_pretrained(model, num_labels=1)
        return trl.RewardTrainer(scorer, args=trl.RewardConfig(**shared), **data)
    return trl.SFTTrainer(model, args=trl.SFTConfig(**shared), **data)


def main() -> None:
    folder, model, form = sys.argv[1:]
    files = {split: f"{folder}/{split}.jsonl" for split in ("train", "test")}
    data = load_dataset("json", data_files=files)
    tokenizer = AutoTokenizer.from_pretrained(model)
    own_template = tokenizer.chat_template
    result: dict[str, Any] = {"columns": sorted(data["train"].column_names)}
    result["rendered"] = rendered(data["train"], tokenizer)
    if form != "trl-prompt":
        tokenizer.chat_template = own_template
        trainer = trainer_of(form, model, data["train"], tokenizer)
        trainer.train()
        result["train"] = len(trainer.train_dataset)
        if form != "messages":
            result["learned"] = answers_learned(trainer.train_dataset, data["train"], tokenizer)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
