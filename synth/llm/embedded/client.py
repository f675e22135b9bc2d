"""The client of the embedded model, which runs in a separate process.

The worker process (`worker.py`) uses OpenVINO GenAI, which reads GGUF files and needs neither GPU nor torch.
This client does not import the library. It keeps a fixed number of requests in flight, so that they share the
CPU in one batch.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import orjson

from synth.errors import InputError
from synth.llm.base import PrefixCounts, Reply, Request
from synth.llm.chat_completions import read_reply
from synth.llm.embedded.download import DEFAULT_MODEL, find_model
from synth.llm.embedded.openvino import SAMPLING
from synth.llm.worker_process import WorkerProcess

# Throughput grows up to this batch size: 83 tokens/s with 1, 569 with 8, 897 with 32, 1,046 with 64.
_MOST_AT_ONCE = 64
# 23,000 tokens of SmolLM2-135M: 64 sequences of 360, or fewer of longer ones.
_CACHE_GIB = 1
_SECONDS_TO_END = 10.0


class EmbeddedClient:
    """A `Client` over one model file: a name, a path relative to `folder`, or `hf:OWNER/REPO/FILE.gguf`.

    It needs memory for the model (0.4 GB for the default) plus up to `cache_gib` GiB. With `batch_invariant`,
    a reply does not depend on which other requests are answered at the same time. `say` is called if the
    library cannot load the model that way on this CPU.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        folder: Path = Path(),
        cache_gib: int = _CACHE_GIB,
        max_in_flight: int = _MOST_AT_ONCE,
        batch_invariant: bool = True,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.model = model
        self._folder = folder
        self._cache_gib = cache_gib
        self._max_in_flight = max_in_flight
        self._batch_invariant = batch_invariant
        self._tell = say
        self._places = asyncio.Semaphore(max_in_flight)
        self._worker = WorkerProcess(
            "the embedded model",
            hint="If memory ran out, name a smaller model or close other programs.",
            seconds_to_end=_SECONDS_TO_END,
        )

    @property
    def in_flight(self) -> int:
        """The number of requests in the worker's batch."""
        return self._worker.in_flight

    @property
    def retries(self) -> int:
        """Always 0: there is no connection that could fail."""
        return 0

    @property
    def prefix_counts(self) -> PrefixCounts:
        """Zeros: the library does not report them."""
        return PrefixCounts()

    async def open(self) -> None:
        """Loads the model, which takes a few seconds.

        Raises `UnreachableError` if it is missing or cannot be read, and `InputError` if it is not a model
        file.
        """
        file = await asyncio.to_thread(find_model, self.model, self._folder)
        # -P: Python must not import modules from the user's current folder.
        command = [sys.executable, "-P", "-m", "synth.llm.embedded.worker", str(file)]
        command += ["--cache-gib", str(self._cache_gib), "--sequences", str(self._max_in_flight)]
        if not self._batch_invariant:
            command.append("--fastest")
        ready = await self._worker.open(command)
        if self._tell is not None and ready["note"]:
            self._tell(ready["note"])

    async def ask(self, request: Request) -> bytes:
        """The raw reply. Raises `RequestFailed` for a prompt that is too long or an unsupported schema,
        and `InputError` for unknown sampling parameters.
        """
        self._check(request)
        async with self._places:
            return orjson.dumps(await self._worker.ask(request))

    def read(self, raw: bytes) -> Reply:
        """Parses the bytes from `ask`."""
        return read_reply(raw)

    async def close(self) -> None:
        """Ends the process after its current step. Unanswered requests raise `UnreachableError`."""
        await self._worker.close()

    def _check(self, request: Request) -> None:
        if unknown := sorted(set(request.sampling) - SAMPLING - {"stop"}):
            raise InputError(f"the embedded model does not know {', '.join(unknown)}.", where="sampling")
        if request.extra_body:
            raise InputError("the embedded model does not support extra_body.", where="extra_body")
