"""Loads both splits with LLaMA-Factory, counts the rows it keeps, and reads back what each is trained on.

python consume_llama_factory.py EXPORT MODEL NAME STAGE        (STAGE: sft, rm or kto)
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.hparams import get_train_args
from llamafactory.model import load_tokenizer

Record = dict[str, Any]
IGNORED = -100


def load(folder: str, model: str, dataset: str, stage: str) -> tuple[Sequence[Record], Any]:
    """The rows as the trainer of this stage gets them, and the tokenizer that reads them."""
    arguments = {
        "stage": stage,
        "do_train": True,
        "model_name_or_path": model,
        "dataset": dataset,
        "dataset_dir": folder,
        "template": "qwen",
        "cutoff_len": 16384,
        "output_dir": tempfile.mkdtemp(),
        "report_to": "none",
        "preprocessing_num_workers": 1,
    }
    model_args, data_args, training_args, _, _ = get_train_args(arguments)
    tokens = load_tokenizer(model_args)
    template = get_template_and_fix_tokenizer(tokens["tokenizer"], data_args)
    data = get_dataset(template, model_args, data_args, training_args, stage=stage, **tokens)
    return data["train_dataset"], tokens["tokenizer"]


def check(row: Record, record: Record, stage: str, tokenizer: Any) -> None:
    """Every text of the record is in the row, and its answers, and nothing else, are what is learned."""
    turns = record["conversations"]
    answers = [turn["value"] for turn in turns if turn["from"] == "gpt"]
    asked = [turn["value"] for turn in turns if turn["from"] not in ("gpt", "function_call")]
    asked += [tool["description"] for tool in json.loads(record["tools"] or "[]")]
    if stage == "rm":  # of a pair, the last answer alone
        check_learned(row, "chosen_", asked + answers, [record["chosen"]["value"]], tokenizer)
        check_learned(row, "rejected_", asked + answers, [record["rejected"]["value"]], tokenizer)
        return
    if stage == "kto":
        assert row["kto_tags"] is record["kto_tag"], (row["kto_tags"], record)
        asked, answers = asked + answers[:-1], answers[-1:]
    check_learned(row, "", asked, answers, tokenizer)


def check_learned(row: Record, side: str, asked: list[str], answers: list[str], tokenizer: Any) -> None:
    """`answers` are learned and stand, with what was `asked`, in what the model sees."""
    shown = tokenizer.decode(row[f"{side}input_ids"])
    learned = tokenizer.decode([label for label in row[f"{side}labels"] if label != IGNORED])
    for text in asked:
        assert text in shown, (text, shown)
        assert text not in learned, (text, learned)
    for text in answers:
        assert text in shown, (text, shown)
        assert text in learned, (text, learned)


def main() -> None:
    folder, model, name, stage = sys.argv[1:]
    counts = {}
    for split in ("train", "test"):
        lines = (Path(folder) / f"{split}.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
        rows, tokenizer = load(folder, model, f"{name}_{split}", stage)
        for row, line in zip(rows, lines, strict=True):
            check(row, json.loads(line), stage, tokenizer)
        counts[split] = len(rows)
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
