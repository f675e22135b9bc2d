"""Calculates whether models fit into a GPU's memory, from their files, without loading them.

A server needs memory for its weights, for the keys and values of the tokens in its batch, and for
activations. The weights are as large as their files. A token's keys and values take

    2 x layers x key-value heads x head size x bytes

bytes. This is exact for plain (grouped-query) attention, and too high for models that store less (sliding
windows, latent attention), which is the safe side.
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
# vLLM's default share of a GPU that it does not share.
USABLE = 0.92
# The least cache of a useful server, in tokens: 16 requests of 2,048.
_LEAST_TOKENS = 16 * 2048
# Names of dtypes end in their width in bits, except for the 8-bit floats.
_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "float8_e4m3fn": 1, "fp8": 1}


@dataclass(frozen=True, slots=True)
class ModelSize:
    """The bytes of a model's weights, and of the keys and values of one token."""

    name: str
    weights: int
    per_token: int

    def needs(self, tokens: int = _LEAST_TOKENS) -> int:
        """The bytes of a server with a cache of this number of tokens."""
        return self.weights + self.per_token * tokens + _WORKING_ROOM


def read_size(name: str, folder: Path) -> ModelSize | None:
    """The size of the model in `folder`. None if its files do not tell."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    per_token = _bytes_per_token(config)
    return ModelSize(name, weights, per_token) if weights and per_token else None


def find_folder(model: str) -> Path | None:
    """The folder of `model` (a folder, or a name on the hub) on this machine. None if it is not here.
    Never contacts the hub.
    """
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError):
        return None


def card_bytes() -> list[int]:
    """The memory of each NVIDIA GPU in bytes. Empty if there is no GPU or no driver."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        return [int(line) * 2**20 for line in done.stdout.split()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []


def share_card(sizes: Sequence[ModelSize], card: int) -> list[float] | None:
    """Each model's share of the GPU; together at most `USABLE`. None if they do not fit.

    The rest is divided evenly, because it becomes cache for more concurrent requests.
    """
    needs = [size.needs() for size in sizes]
    spare = USABLE * card - sum(needs)
    if spare < 0:
        return None
    # Rounded down, because vLLM gets two digits, and the sum must not exceed the memory.
    return [int((need + spare / len(needs)) / card * 100) / 100 for need in needs]


def describe(sizes: Sequence[ModelSize], card: int) -> str:
    """A sentence on whether they fit, with the numbers."""
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
    # Vision models have the numbers of their language model one level deeper.
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
