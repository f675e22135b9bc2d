"""Whether models fit into a card's memory, from what lies on disk: nothing is loaded to find out.

What a server needs is its weights, the keys and values of the tokens that it works on, and some room to
work. Weights are as large as their files. A token's keys and values take

    2 x layers x key-value heads x head size x bytes a number

which is exact for plain (grouped-query) attention, and too much for models that keep less (sliding
windows, latent attention): it errs on the safe side.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GIB = 2**30

# Activations, CUDA graphs and the runtime itself, for each server.
_WORKING_ROOM = 2 * GIB
# vLLM's own default: what it may take of a card where it is alone.
USABLE = 0.92
# Tokens that a server must hold to be worth starting: 16 requests of 2,048.
_LEAST_TOKENS = 16 * 2048
# Names of dtypes end in their width, but for bfloat16's brothers in 8 bits.
_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "float8_e4m3fn": 1, "fp8": 1}


@dataclass(frozen=True, slots=True)
class ModelSize:
    """Bytes of a model's weights, and of the keys and values of one token."""

    name: str
    weights: int
    per_token: int

    def needs(self, tokens: int = _LEAST_TOKENS) -> int:
        """Bytes for a server that holds so many tokens at once."""
        return self.weights + self.per_token * tokens + _WORKING_ROOM


def read_size(name: str, folder: Path) -> ModelSize | None:
    """The size of the model in `folder`; None where its files do not say."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    per_token = _bytes_per_token(config)
    return ModelSize(name, weights, per_token) if weights and per_token else None


def find_folder(model: str) -> Path | None:
    """Where the files of `model` (a folder, or a hub's name) are on this machine; None where they are not
    yet. Asks no hub."""
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError):
        return None


def card_bytes() -> list[int]:
    """The memory of each NVIDIA card; empty where there is none, or no driver to ask."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        return [int(line) * 2**20 for line in done.stdout.split()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []


def share_card(sizes: Sequence[ModelSize], card: int) -> list[float] | None:
    """For each model the share of the card that it gets, together at most `USABLE`; None where they do not
    fit. What is left over is divided evenly, since it becomes room for more requests at once."""
    needs = [size.needs() for size in sizes]
    spare = USABLE * card - sum(needs)
    if spare < 0:
        return None
    # Rounded down, as vLLM is told two digits, and together they must not be more than there is.
    return [int((need + spare / len(needs)) / card * 100) / 100 for need in needs]


def describe(sizes: Sequence[ModelSize], card: int) -> str:
    """Whether they fit, in words, with the sums."""
    parts = [
        f"{size.name}: {_gib(size.weights)} of weights, {_gib(size.per_token * _LEAST_TOKENS)} for"
        f" {_LEAST_TOKENS:,} tokens, {_gib(_WORKING_ROOM)} to work"
        for size in sizes
    ]
    needed = sum(size.needs() for size in sizes)
    sums = f"{'; '.join(parts)}. Together {_gib(needed)} of {_gib(int(USABLE * card))} usable on the card"
    they = "they" if len(sizes) > 1 else "it"
    if share_card(sizes, card) is None:
        return f"{sums}: {they} {'do' if len(sizes) > 1 else 'does'} not fit."
    return f"{sums}: {they} {'fit' if len(sizes) > 1 else 'fits'}."


def _bytes_per_token(config: dict[str, Any]) -> int:
    # Models that also see keep the numbers of their language half one level down.
    text: dict[str, Any] = config.get("text_config") or config
    try:
        layers, heads = int(text["num_hidden_layers"]), int(text["num_attention_heads"])
        head = int(text.get("head_dim") or text["hidden_size"] // heads)
        kept = int(text.get("num_key_value_heads") or heads)
    except (KeyError, TypeError, ValueError):
        return 0
    dtype = str(text.get("dtype") or text.get("torch_dtype") or config.get("dtype") or "bfloat16")
    return 2 * layers * kept * head * _BYTES.get(dtype.removeprefix("torch."), 2)


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
