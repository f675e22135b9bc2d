"""The client of a vLLM engine in a worker process, without a server: for batch work on the user's GPU.

The engine is in `synth.llm.vllm.worker`, which may run in a separate environment for vLLM.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from synth.llm.base import PrefixCounts, Reply, Request
from synth.llm.chat_completions import read_reply
from synth.llm.vllm.gpu_sharing import ModelSwitcher
from synth.llm.vllm.install import Vllm, find_vllm
from synth.llm.vllm.plan import batch_arguments, model_to_load
from synth.llm.worker_process import WorkerProcess

# The Python of vLLM's environment runs it as a file, because that environment may lack `synth`.
_WORKER = Path(__file__).with_name("worker.py")
# The number of requests that wait inside the engine, so that its batch is full at every step.
_WAITING_SHARE = 1.25
_SECONDS_TO_END = 60.0


class VllmClient:
    """A `Client` with its own vLLM engine.

    `model` is a name on the hub, or a folder relative to `folder`. `engine` has vLLM's engine arguments,
    which override the defaults here. `send_seed` sends a per-request seed, which crashes the CPU build.
    Models on the same GPU share a `switcher`, which loads one of them at a time.
    """

    def __init__(
        self,
        model: str,
        *,
        folder: Path = Path(),
        context: int | None = None,
        engine: Mapping[str, Any] | None = None,
        send_seed: bool = False,
        switcher: ModelSwitcher | None = None,
    ) -> None:
        self.model = model
        self._folder = folder
        self._context = context
        self._engine = dict(engine or {})
        self._send_seed = send_seed
        self._turn = (switcher or ModelSwitcher()).join(self._load, self._unload)
        self._vllm: Vllm | None = None
        self._worker: WorkerProcess | None = None
        self._places = asyncio.Semaphore()
        self._prefix = PrefixCounts()

    @property
    def in_flight(self) -> int:
        """The number of requests in the engine."""
        return self._worker.in_flight if self._worker else 0

    @property
    def retries(self) -> int:
        """Always 0: there is no connection that could fail."""
        return 0

    @property
    def prefix_counts(self) -> PrefixCounts:
        """The sum of the counts that the engine reports with each answer."""
        return self._prefix

    async def open(self) -> None:
        """Finds vLLM. The model is loaded on its first turn. Raises `UnreachableError`."""
        self._vllm = await asyncio.to_thread(find_vllm)

    async def ask(self, request: Request) -> bytes:
        """The raw reply. Raises `RequestFailed` if the prompt is too long or vLLM refuses the request, and
        `UnreachableError` if the model cannot be loaded.
        """
        async with self._turn, self._places:
            assert self._worker is not None
            reply = await self._worker.ask(request)
        usage = reply["usage"]
        self._prefix += PrefixCounts(usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"])
        return orjson.dumps(reply)

    def read(self, raw: bytes) -> Reply:
        """Parses the bytes from `ask`."""
        return read_reply(raw)

    async def close(self) -> None:
        """Ends the engine. Unanswered requests raise `UnreachableError`."""
        await self._unload()

    async def _load(self) -> None:
        vllm = self._vllm
        assert vllm is not None, "not open"
        arguments: dict[str, Any] = {
            "model": model_to_load(self.model, self._folder),
            "served_model_name": self.model,
            **batch_arguments(cpu=vllm.cpu),
        }
        if self._context is not None:
            arguments["max_model_len"] = self._context
        arguments |= self._engine
        self._places = asyncio.Semaphore(int(int(arguments["max_num_seqs"]) * _WAITING_SHARE))
        command = [str(vllm.python), "-P", str(_WORKER), orjson.dumps(arguments).decode()]
        if self._send_seed:
            command.append("--send-seed")
        self._worker = WorkerProcess(
            f"vLLM ({self.model})",
            hint="If memory ran out, set a smaller `context`, or use a smaller model.",
            seconds_to_end=_SECONDS_TO_END,
        )
        await self._worker.open(command, {**os.environ, **vllm.environment})

    async def _unload(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.close()
