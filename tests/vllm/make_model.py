"""Makes a model directory that vLLM and trainers read from a GGUF file, with no model hub.

    .venvs/vllm/bin/python tests/vllm/make_model.py FILE.gguf FOLDER

Runs where transformers, accelerate and gguf are: what `make vllm-env` or `make finetune-env` makes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer


def make_model(gguf: Path, folder: Path) -> None:
    """Writes weights (bfloat16), configuration and tokenizer of `gguf` into `folder`."""
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    folder.mkdir(parents=True, exist_ok=True)
    # The output layer is the embedding: written twice, it would be read as two.
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    weights.pop("lm_head.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = model.config
    # The weights are no longer quantised, and trainers look for the name of the class.
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.architectures = [type(model).__name__]
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("gguf", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    make_model(given.gguf.resolve(), given.folder)


if __name__ == "__main__":
    main()
