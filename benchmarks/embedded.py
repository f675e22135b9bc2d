"""Tokens a second from the embedded model: handed to OpenVINO GenAI directly, and through `EmbeddedClient`.

Both get the same prompts, sampling and seeds, and batches of the same size, one after another in turn; only
the one that is measured is loaded while it works. What counts is the ratio of each pair.

    python benchmarks/embedded.py --pairs 5 --prompts 128 --tokens 96
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from synth.llm.base import Request
from synth.llm.embedded import EmbeddedClient
from synth.llm.gguf import DEFAULT_MODEL, find_model, read_facts
from synth.llm.openvino import generation_config, load_pipeline

SAMPLING = {"temperature": 0.8, "top_p": 0.95}
TOPICS = ("orders", "refunds", "parcels", "invoices", "printers", "passwords", "coupons", "warranties")

# Requests and the batch's size, to tokens a second.
Way = Callable[[Sequence[Request], int], float]


def some_requests(count: int, tokens: int, round_: int, *, shared: bool) -> list[Request]:
    """Prompts that are new in each round; `shared`, they begin with the same eight examples."""
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


def directly(requests: Sequence[Request], sequences: int) -> float:
    """All prompts given to the library at once, and nothing else done between its steps."""
    file = find_model(DEFAULT_MODEL, Path())
    pipeline = load_pipeline(file, read_facts(file).architecture, cache_gib=1, sequences=sequences)
    tokenizer = pipeline.get_tokenizer()
    pipeline.generate([_prompt(tokenizer, "warm")], [generation_config(_wanted(requests[0]), 4)])
    started = time.perf_counter()
    prompts = [_prompt(tokenizer, request.messages[0]["content"]) for request in requests]
    configs = [generation_config(_wanted(request), request.max_tokens) for request in requests]
    handles = [
        pipeline.add_request(number, tokenizer.encode(prompt, add_special_tokens=False).input_ids, config)
        for number, (prompt, config) in enumerate(zip(prompts, configs, strict=True), start=1)
    ]
    while pipeline.has_non_finished_requests():
        pipeline.step()
    tokens = sum(len(handle.read_all()[0].generated_ids) for handle in handles)
    return tokens / (time.perf_counter() - started)


def _prompt(tokenizer: object, text: str) -> str:
    messages = [{"role": "user", "content": text}]
    return str(tokenizer.apply_chat_template(messages, add_generation_prompt=True))  # type: ignore[attr-defined]


def _wanted(request: Request) -> dict[str, object]:
    return {"sampling": request.sampling, "seed": request.seed, "schema": None, "logprobs": 0}


def through_client(requests: Sequence[Request], sequences: int) -> float:
    """All prompts asked at once of the client, which keeps its places full."""

    async def ask_all() -> float:
        client = EmbeddedClient(max_in_flight=sequences)
        await client.open()
        await client.ask(Request([{"role": "user", "content": "warm"}], DEFAULT_MODEL, 4))
        started = time.perf_counter()
        answers = await asyncio.gather(*map(client.ask, requests))
        tokens = sum(client.read(answer).usage.completion for answer in answers)
        seconds = time.perf_counter() - started
        await client.close()
        return tokens / seconds

    return asyncio.run(ask_all())


# The first is what the others are compared with.
WAYS: dict[str, Way] = {"OpenVINO directly": directly, "EmbeddedClient": through_client}


def main() -> None:
    """Prints a row for each pair, and the median ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--prompts", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=96, help="max_tokens of each")
    parser.add_argument("--sequences", type=int, default=64, help="in the batch at once")
    parser.add_argument("--shared", action="store_true", help="prompts that share a long beginning")
    given = parser.parse_args()
    ratios: dict[str, list[float]] = {name: [] for name in WAYS}
    print("| pair | " + " | ".join(f"{name}, tokens/s" for name in WAYS) + " |", flush=True)
    print("|---" * (len(WAYS) + 1) + "|", flush=True)
    for pair in range(given.pairs):
        requests = some_requests(given.prompts, given.tokens, pair, shared=given.shared)
        # Whoever goes first meets another machine than who goes last: they take turns at that, too.
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
