"""A small model beside this process: OpenVINO GenAI, which reads a GGUF file and needs neither GPU nor torch.

This half knows nothing of the library: it keeps a fixed number of requests with `worker.py`, so that they
share the processor in one batch.
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

# More sequences at once pay up to here: 83 tokens/s with 1, 569 with 8, 897 with 32, 1,046 with 64.
_MOST_AT_ONCE = 64
# 23,000 tokens of SmolLM2-135M: 64 sequences of 360, or fewer of longer ones.
_CACHE_GIB = 1
_SECONDS_TO_END = 10.0


class EmbeddedClient:
    """A `Client` over one model file: a name, a path relative to `folder`, or `hf:OWNER/REPO/FILE.gguf`.

    Memory is what the model takes (0.4 GB for the default) and up to `cache_gib` GiB. With `batch_invariant`,
    a reply does not depend on which other requests are answered at the same time. `say` is called where the
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
        """Requests that the model works on."""
        return self._worker.in_flight

    @property
    def retries(self) -> int:
        """Always 0: there is nothing to lose on the way."""
        return 0

    @property
    def prefix_counts(self) -> PrefixCounts:
        """Nothing: the library does not tell."""
        return PrefixCounts()

    async def open(self) -> None:
        """Loads the model, in some seconds. Raises `UnreachableError` where it is missing or cannot be read,
        `InputError` where it is no model at all."""
        file = await asyncio.to_thread(find_model, self.model, self._folder)
        # -P: files in the folder that the user is in are not taken for modules.
        command = [sys.executable, "-P", "-m", "synth.llm.embedded.worker", str(file)]
        command += ["--cache-gib", str(self._cache_gib), "--sequences", str(self._max_in_flight)]
        if not self._batch_invariant:
            command.append("--fastest")
        ready = await self._worker.open(command)
        if self._tell is not None and ready["note"]:
            self._tell(ready["note"])

    async def ask(self, request: Request) -> bytes:
        """Raises `RequestFailed` for a prompt that is too long or a schema that cannot be kept to,
        `InputError` for sampling that this model does not know."""
        self._check(request)
        async with self._places:
            return orjson.dumps(await self._worker.ask(request))

    def read(self, raw: bytes) -> Reply:
        """Parses what `ask` returned."""
        return read_reply(raw)

    async def close(self) -> None:
        """Ends the process, within a step. Requests still unanswered raise `UnreachableError`."""
        await self._worker.close()

    def _check(self, request: Request) -> None:
        if unknown := sorted(set(request.sampling) - SAMPLING - {"stop"}):
            raise InputError(f"the embedded model does not know {', '.join(unknown)}.", where="sampling")
        if request.extra_body:
            raise InputError("the embedded model takes no extra_body.", where="extra_body")
