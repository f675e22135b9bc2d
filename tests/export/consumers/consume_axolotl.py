"""Runs `axolotl preprocess` in this folder, counts what it prepared, and reads back what each row learns.

python consume_axolotl.py MODEL
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from datasets import load_from_disk
from transformers import AutoTokenizer

END = "<|im_end|>"


def learned(row: dict[str, Any], tokenizer: Any) -> tuple[int, str]:
    """How many turns the loss covers, and the last of them."""
    text = tokenizer.decode([label for label in row["labels"] if label != -100])
    turns = text.removesuffix("\n").removesuffix(END).split(END)
    return len(turns), turns[-1]


def answered(line: str) -> tuple[int, str]:
    """How many turns of a record are the assistant's, and what the last of them says."""
    turns = [turn for turn in json.loads(line)["messages"] if turn["role"] == "assistant"]
    return len(turns), turns[-1]["content"]


def main() -> None:
    program = Path(sys.executable).with_name("axolotl")
    subprocess.run([program, "preprocess", "axolotl.yaml"], check=True, stdout=sys.stderr)
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    prepared = [load_from_disk(str(folder)) for folder in Path("prepared").iterdir() if folder.is_dir()]
    lines = [
        Path(f"{split}.jsonl").read_text(encoding="utf-8").split("\n")[:-1] for split in ("test", "train")
    ]
    prepared.sort(key=len)
    lines.sort(key=len)
    for rows, records in zip(prepared, lines, strict=True):
        found, wanted = Counter(learned(row, tokenizer) for row in rows), Counter(map(answered, records))
        assert found == wanted, (found - wanted, wanted - found)
    print(json.dumps({"rows": [len(rows) for rows in prepared]}))


if __name__ == "__main__":
    main()
