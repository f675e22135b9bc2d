"""Parses a server's `/metrics` in Prometheus' text format."""

from __future__ import annotations

import re
from dataclasses import dataclass

# The same metrics under the names of vLLM, SGLang and llama.cpp's server.
_NAMES = {
    "running": ("vllm:num_requests_running", "sglang:num_running_reqs", "llamacpp:requests_processing"),
    "waiting": ("vllm:num_requests_waiting", "sglang:num_queue_reqs", "llamacpp:requests_deferred"),
    "cache_use": ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "sglang:token_usage"),
    "prefix_queries": ("vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total"),
    "prefix_hits": ("vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"),
}
_PATTERNS = {
    field: re.compile(rb"^(?:%b)(?:\{[^\n]*\})? ([-+.0-9eE]+)" % "|".join(names).encode(), re.MULTILINE)
    for field, names in _NAMES.items()
}


# Serving `/metrics` costs the server time, which matters on few cores. So the pause after a read is this
# multiple of the read's duration, and at most `_RAREST` seconds, since one read can take long by chance.
_OFTENEST, _RAREST = 0.5, 10.0
_TIMES_A_READ = 100.0


def pause_after(read_took: float) -> float:
    """Seconds until the next read, after one that took `read_took` seconds. Reading takes at most 1% of the
    time, until the longest pause is reached.
    """
    return min(max(_OFTENEST, _TIMES_A_READ * read_took), _RAREST)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Running and waiting requests, the used share of the KV cache, and prefix cache counts since the server
    started.

    The engines of one server are summed.
    """

    running: float
    waiting: float
    cache_use: float = 0.0
    prefix_queries: float = 0.0
    prefix_hits: float = 0.0


def read_metrics(text: bytes) -> Metrics | None:
    """The metrics in `text`. None if the running and waiting requests are missing."""
    found = {field: [float(value) for value in pattern.findall(text)] for field, pattern in _PATTERNS.items()}
    if not found["running"] or not found["waiting"]:
        return None
    values = {field: sum(numbers) for field, numbers in found.items()}
    values["cache_use"] = max(found["cache_use"], default=0.0)
    return Metrics(**values)
