"""Loads both splits with LLaMA-Factory and counts the rows it keeps.

python consume_llama_factory.py EXPORT MODEL NAME STAGE        (STAGE: sft, rm or kto)
"""

from __future__ import annotations

import json
import sys
import tempfile

from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.hparams import get_train_args
from llamafactory.model import load_tokenizer


def main() -> None:
    folder, model, name, stage = sys.argv[1:]
    counts = {}
    for split in ("train", "test"):
        arguments = {
            "stage": stage,
            "do_train": True,
            "model_name_or_path": model,
            "dataset": f"{name}_{split}",
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
        counts[split] = len(data["train_dataset"])
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
