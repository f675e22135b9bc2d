"""Measures whether replies of the embedded model depend on the batch, and the cost of batch invariance.

For each set of properties, it prints tokens/s with 64 requests at once, and how many of 16 greedy replies are
equal alone and in that batch. Compare the speeds of one run only.

    python -m benchmarks.batch_invariance
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from synth.errors import UnreachableError
from synth.llm.embedded.download import DEFAULT_MODEL, find_model
from synth.llm.embedded.openvino import Properties, import_genai, load_pipeline, properties_for

SETS: tuple[Properties, ...] = (
    *properties_for(batch_invariant=True),
    {"KV_CACHE_PRECISION": "f32"},
    {"KV_CACHE_PRECISION": "f32", "INFERENCE_PRECISION_HINT": "f32"},
    {"INFERENCE_PRECISION_HINT": "bf16"},
)


class Batch:
    """A loaded model that runs many requests in one batch."""

    def __init__(self, properties: Properties, tokens: int) -> None:
        file = find_model(DEFAULT_MODEL, Path())
        loaded = load_pipeline(file, "llama", cache_gib=1, sequences=64, properties=[properties])
        self.pipeline: Any = loaded.pipeline
        self.tokens = tokens
        self.asked = 0

    def ask(self, numbers: list[int]) -> list[tuple[int, ...]]:
        """The tokens of each reply. All requests are sent at once."""
        tokenizer = self.pipeline.get_tokenizer()
        handles = []
        for number in numbers:
            config = import_genai().GenerationConfig()
            config.apply_chat_template = False
            config.max_new_tokens = self.tokens
            config.do_sample = False
            message = {
                "role": "user",
                "content": f"Write {number + 2} sentences about a city and {number * 7}.",
            }
            text = tokenizer.apply_chat_template([message], add_generation_prompt=True)
            ids = tokenizer.encode(text, add_special_tokens=False).input_ids
            self.asked += 1
            handles.append(self.pipeline.add_request(self.asked, ids, config))
        while self.pipeline.has_non_finished_requests():
            self.pipeline.step()
        return [tuple(handle.read_all()[0].generated_ids) for handle in handles]


def main() -> None:
    """Prints a row for each set of properties."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=64, help="of each reply")
    tokens = parser.parse_args().tokens
    import_genai()
    from openvino import Core

    print("The CPU computes in", ", ".join(Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")))
    print(
        "| properties | tokens/s | ratio | equal replies, alone and in a batch |\n|---|---|---|---|",
        flush=True,
    )
    first = 0.0
    for properties in SETS:
        try:
            batch = Batch(properties, tokens)
        except UnreachableError as error:
            print(f"| {dict(properties)} | refused: {error.message} | | |", flush=True)
            continue
        started = time.perf_counter()
        together = batch.ask(list(range(64)))
        speed = sum(map(len, together)) / (time.perf_counter() - started)
        first = first or speed
        equal = sum(batch.ask([number])[0] == together[number] for number in range(0, 64, 4))
        print(f"| {dict(properties)} | {speed:.0f} | {speed / first:.2f} | {equal} of 16 |", flush=True)


if __name__ == "__main__":
    main()
