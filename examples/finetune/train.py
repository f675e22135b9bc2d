"""LoRA on an export of `synth`, with TRL and PEFT: SFT on answers, DPO on pairs.

    python train.py --data runs/finetune/export/trl-sft --model MODEL --out tuned
    python train.py --data runs/pairs/export/trl-dpo --method dpo --adapter tuned --model MODEL --out better

A CPU trains small models in 32 bits. A GPU trains in bfloat16, and with `--qlora` (needs bitsandbytes) over
weights of 4 bits. No row is cut or left out: it stops where the trainer holds other rows than the file.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, load_dataset
from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, set_seed
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The command line; the learning rate depends on the method where none is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder of an export")
    parser.add_argument("--model", required=True, help="a model's folder, or its name on a hub")
    parser.add_argument("--out", type=Path, required=True, help="where the adapter goes")
    parser.add_argument("--method", choices=("sft", "dpo"), default="sft")
    parser.add_argument("--adapter", type=Path, help="goes on from this adapter")
    parser.add_argument("--merge", action="store_true", help="saves a whole model, which vLLM can serve")
    parser.add_argument("--qlora", action="store_true", help="weights of 4 bits; on a GPU")
    parser.add_argument("--rows", type=int, help="trains on so many rows, drawn by the seed")
    parser.add_argument("--epochs", type=float, default=2.0)
    parser.add_argument("--steps", type=int, default=-1, help="stops after so many steps")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rate", type=float, help="learning rate; 1e-3 for SFT, 5e-5 for DPO")
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(words)
    if given.qlora and not torch.cuda.is_available():
        parser.error("--qlora needs a GPU, and torch sees none here; leave it out")
    given.rate = given.rate or {"sft": 1e-3, "dpo": 5e-5}[given.method]
    return given


def read_rows(folder: Path, wanted: int | None, seed: int) -> Dataset:
    """The rows of `train.jsonl`: all, or a sample in which the one of a smaller number is contained."""
    rows = load_dataset("json", data_files=str(folder / "train.jsonl"), split="train")
    if wanted is None or wanted >= len(rows):
        return rows
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    return rows.select(sorted(order[:wanted]))


def load_model(name: str, adapter: Path | None, *, qlora: bool) -> Any:
    """The model to train; where it goes on from an adapter, with that one trainable."""
    gpu = torch.cuda.is_available()
    quantised = (
        BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
        if qlora
        else None
    )
    model = AutoModelForCausalLM.from_pretrained(
        name, dtype=torch.bfloat16 if gpu else torch.float32, quantization_config=quantised
    )
    return model if adapter is None else PeftModel.from_pretrained(model, adapter, is_trainable=True)


def settings(given: argparse.Namespace) -> dict[str, Any]:
    """What both trainers are told. `max_length` is None, since the default cuts what is longer."""
    gpu = torch.cuda.is_available()
    return {
        "output_dir": str(given.out / "checkpoints"),
        "num_train_epochs": given.epochs,
        "max_steps": given.steps,
        "per_device_train_batch_size": given.batch,
        "learning_rate": given.rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 10,
        "seed": given.seed,
        "max_length": None,
        "bf16": gpu,
        "use_cpu": not gpu,
        # It saves memory for a third more time; a small model needs none saved.
        "gradient_checkpointing": given.qlora,
        "logging_steps": 10,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": gpu,
    }


def train(given: argparse.Namespace) -> dict[str, Any]:
    """Trains, saves the adapter into `given.out`, and returns what happened."""
    set_seed(given.seed)
    rows = read_rows(given.data, given.rows, given.seed)
    trainer_class, config_class = (
        (SFTTrainer, SFTConfig) if given.method == "sft" else (DPOTrainer, DPOConfig)
    )
    lora = LoraConfig(
        r=given.rank, lora_alpha=2 * given.rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    trainer = trainer_class(
        load_model(given.model, given.adapter, qlora=given.qlora),
        args=config_class(**settings(given)),
        train_dataset=rows,
        processing_class=AutoTokenizer.from_pretrained(given.model),
        peft_config=None if given.adapter else lora,
    )
    held = len(trainer.train_dataset)
    if held != len(rows):
        raise SystemExit(
            f"{given.data}: the trainer holds {held} of {len(rows)} rows; look at the longest ones"
        )
    done = trainer.train()
    if given.merge:
        trainer.model.merge_and_unload().save_pretrained(given.out)
        trainer.processing_class.save_pretrained(given.out)
    else:
        trainer.save_model(str(given.out))
    report = {
        "rows": held,
        "steps": done.global_step,
        "loss": round(done.training_loss, 4),
        "seconds": round(done.metrics["train_runtime"], 1),
        **{key: getattr(given, key) for key in ("method", "epochs", "batch", "rate", "rank", "seed")},
    }
    (given.out / "training.json").write_text(json.dumps(report) + "\n", encoding="utf-8")
    return report


if __name__ == "__main__":
    print(json.dumps(train(arguments())))
