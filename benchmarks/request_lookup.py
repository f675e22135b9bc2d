"""Measures the CPU time in µs to look up an unknown request in a growing run.

python benchmarks/request_lookup.py --requests 30000
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from synth.llm.base import Request
from synth.store.run import RunStore

AT_ONCE = 256
REPLY = (
    b'{"choices":[{"message":{"role":"assistant","content":"Yes."},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":2}}'
)


async def measure(folder: Path, count: int) -> float:
    """CPU seconds of this thread in `find`. Each request gets a reply before the next look-up."""
    requests = [Request([{"role": "user", "content": f"Question {n}?"}], "fake", 64) for n in range(count)]
    for request in requests:
        request.identity  # noqa: B018  (computed once, outside the measurement)
    store, taken = RunStore(folder, "lookup"), 0.0
    store.start()
    for first in range(0, count, AT_ONCE):
        batch = requests[first : first + AT_ONCE]
        start = time.thread_time()
        found = [store.find(request) for request in batch]
        taken += time.thread_time() - start
        assert not any(found)
        await asyncio.gather(*(store.append(request, REPLY) for request in batch))
    store.close()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=30_000)
    count = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as folder:
        taken = asyncio.run(measure(Path(folder) / "run", count))
    print(f"{1e6 * taken / count:.1f} µs a look-up, over {count:,} requests")


if __name__ == "__main__":
    main()
