"""Measures tokens/s of the embedded model: with OpenVINO GenAI directly, and through `synth run`.

Both run as whole processes, in turns, and the times include the loading of the model. Prompts, sampling,
seeds and batch sizes are the same. Only the ratio of each pair is meaningful.

    python benchmarks/embedded.py --pairs 5 --prompts 256 --tokens 96
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from synth.llm.base import Request
from synth.llm.embedded.download import DEFAULT_MODEL, find_model
from synth.llm.embedded.gguf_header import read_facts
from synth.llm.embedded.openvino import generation_config, import_genai, load_pipeline, properties_for

SAMPLING = {"temperature": 0.8, "top_p": 0.95}
TOPICS = ("orders", "refunds", "parcels", "invoices", "printers", "passwords", "coupons", "warranties")

# Takes requests and the batch's size; returns tokens/s.
Way = Callable[[Sequence[Request], int], float]


def some_requests(count: int, tokens: int, round_: int, *, shared: bool) -> list[Request]:
    """Prompts that are new in each round. With `shared`, they begin with the same eight examples."""
    examples = "\n".join(f"- A customer asks about {topic}; we answer within a day." for topic in TOPICS)
    shots = examples if shared else ""
    return [
        Request(
            [{"role": "user", "content": f"{shots}\nWrite answer {number} of day {round_} about {topic}."}],
            DEFAULT_MODEL,
            tokens,
            SAMPLING,
        )
        for number in range(count)
        for topic in [TOPICS[number % len(TOPICS)]]
    ]


def directly(prompts: Path, tokens: int, sequences: int) -> int:
    """Gives all prompts to the library at once, and does nothing else. Returns the number of tokens."""
    requests = [
        Request(
            [{"role": "user", "content": json.loads(line)["instruction"]}], DEFAULT_MODEL, tokens, SAMPLING
        )
        for line in prompts.read_text().splitlines()
    ]
    file = find_model(DEFAULT_MODEL, Path())
    pipeline = load_pipeline(
        file,
        read_facts(file).architecture,
        cache_gib=1,
        sequences=sequences,
        properties=properties_for(batch_invariant=True),
    ).pipeline
    tokenizer = pipeline.get_tokenizer()
    texts = [_prompt(tokenizer, request.messages[0]["content"]) for request in requests]
    configs = [generation_config(_wanted(request), request.max_tokens) for request in requests]
    waiting = [
        (tokenizer.encode(text, add_special_tokens=False).input_ids, config)
        for text, config in zip(texts, configs, strict=True)
    ]
    still = import_genai().GenerationStatus.RUNNING
    handles: list[Any] = []
    running: list[Any] = []
    while waiting or running:
        # The library ignores its own limit on sequences, so the caller must enforce it.
        while waiting and len(running) < sequences:
            handles.append(pipeline.add_request(len(handles) + 1, *waiting.pop(0)))
            running.append(handles[-1])
        pipeline.step()
        running = [handle for handle in running if handle.get_status() == still]
    return sum(len(handle.read_all()[0].generated_ids) for handle in handles)


def _prompt(tokenizer: object, text: str) -> str:
    messages = [{"role": "user", "content": text}]
    return str(tokenizer.apply_chat_template(messages, add_generation_prompt=True))  # type: ignore[attr-defined]


def _wanted(request: Request) -> dict[str, object]:
    return {"sampling": request.sampling, "seed": request.seed, "schema": None, "logprobs": 0}


def in_a_process(requests: Sequence[Request], sequences: int) -> float:
    """Runs `directly` in a process that loads nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        prompts = _write_prompts(requests, Path(folder))
        command = [sys.executable, __file__, "--bare", str(prompts)]
        command += ["--tokens", str(requests[0].max_tokens), "--sequences", str(sequences)]
        started = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True)
        return int(done.stdout.split()[-1]) / (time.perf_counter() - started)


def through_run(requests: Sequence[Request], sequences: int) -> float:
    """A whole `synth run` of `respond`, with rendering, journal and database."""
    del sequences  # the client's own number, which is also the default here
    with tempfile.TemporaryDirectory() as folder:
        _write_prompts(requests, Path(folder))
        recipe = Path(folder) / "recipe.yaml"
        sampling = {**SAMPLING, "max_tokens": requests[0].max_tokens}
        recipe.write_text(
            "name: bench\nmodels: {writer: {provider: embedded}}\nsources: {prompts: prompts.jsonl}\n"
            f"stages: [respond: {{attempts: 1, sampling: {json.dumps(sampling)}}}]\n"
        )
        command = [sys.executable, "-m", "synth", "run", str(recipe), "--json"]
        started = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True)
        seconds = time.perf_counter() - started
        return int(json.loads(done.stdout)["tokens"]["completion"]) / seconds


def _write_prompts(requests: Sequence[Request], folder: Path) -> Path:
    file = folder / "prompts.jsonl"
    file.write_text("".join(json.dumps({"instruction": r.messages[0]["content"]}) + "\n" for r in requests))
    return file


# The others are compared with the first.
WAYS: dict[str, Way] = {"OpenVINO directly": in_a_process, "synth run": through_run}


def main() -> None:
    """Prints one row per pair, and the median ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--prompts", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=96, help="max_tokens of each")
    parser.add_argument("--sequences", type=int, default=64, help="in the batch at once")
    parser.add_argument("--shared", action="store_true", help="prompts that share a long beginning")
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        print(directly(given.bare, given.tokens, given.sequences))
        return
    ratios: dict[str, list[float]] = {name: [] for name in WAYS}
    print("| pair | " + " | ".join(f"{name}, tokens/s" for name in WAYS) + " |", flush=True)
    print("|---" * (len(WAYS) + 1) + "|", flush=True)
    for pair in range(given.pairs):
        requests = some_requests(given.prompts, given.tokens, pair, shared=given.shared)
        # The machine's speed changes during a pair, so the order alternates.
        order = list(WAYS) if pair % 2 == 0 else list(reversed(WAYS))
        speeds = {name: WAYS[name](requests, given.sequences) for name in order}
        base = speeds[next(iter(WAYS))]
        for name in WAYS:
            ratios[name].append(speeds[name] / base)
        print(f"| {pair + 1} | " + " | ".join(f"{speeds[name]:.0f}" for name in WAYS) + " |", flush=True)
    medians = [statistics.median(ratios[name]) for name in WAYS]
    print("| median ratio | " + " | ".join(f"{median:.3f}" for median in medians) + " |")


if __name__ == "__main__":
    main()
