"""What a server tells about itself at `/metrics`, in Prometheus' text form."""

from __future__ import annotations

import re
from dataclasses import dataclass

# The same few things under the names of vLLM, SGLang and llama.cpp's server.
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


# A server that is read takes as long over it as it does over anything else: on few cores, that is felt. It
# gets so many times what the last read took without one, and is never left alone for longer than `_RAREST`,
# since one read can take long by chance.
_OFTENEST, _RAREST = 0.5, 10.0
_TIMES_A_READ = 100.0


def pause_after(read_took: float) -> float:
    """Seconds until the next read, after one that took so many: reading takes 1% of the time at most, up to
    the longest pause.
    """
    return min(max(_OFTENEST, _TIMES_A_READ * read_took), _RAREST)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Requests that run and wait, the share of the KV cache in use, and tokens looked up and found in the
    prefix cache since the server started. Engines of one server are added up.
    """

    running: float
    waiting: float
    cache_use: float = 0.0
    prefix_queries: float = 0.0
    prefix_hits: float = 0.0


def read_metrics(text: bytes) -> Metrics | None:
    """The metrics in `text`; None where it does not tell how many requests run and wait."""
    found = {field: [float(value) for value in pattern.findall(text)] for field, pattern in _PATTERNS.items()}
    if not found["running"] or not found["waiting"]:
        return None
    values = {field: sum(numbers) for field, numbers in found.items()}
    values["cache_use"] = max(found["cache_use"], default=0.0)
    return Metrics(**values)
