"""A small model beside this process: OpenVINO GenAI, which reads a GGUF file and needs neither GPU nor torch.

This half knows nothing of the library: it keeps a fixed number of requests with `synth.llm.worker`, so
that they share the processor in one batch, and matches answers to who asked.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from pathlib import Path

import orjson

from synth.errors import InputError, MachineError, SynthError, UnreachableError
from synth.llm.base import Json, PrefixCounts, Reply, Request, RequestFailed
from synth.llm.gguf import DEFAULT_MODEL, find_model
from synth.llm.openvino import SAMPLING
from synth.llm.wire import read_reply

# More sequences at once pay up to here: 83 tokens/s with 1, 569 with 8, 897 with 32, 1,046 with 64.
_MOST_AT_ONCE = 64
# 23,000 tokens of SmolLM2-135M: 64 sequences of 360, or fewer of longer ones.
_CACHE_GIB = 1

_LONGEST_LINE = 2**26
_LAST_WORDS = 20
# Longer than any step; a process that takes longer to end is ended.
_SECONDS_TO_END = 10.0

_ERRORS: dict[str, type[SynthError]] = {
    kind.code: kind for kind in (InputError, MachineError, UnreachableError)
}


class EmbeddedClient:
    """A `Client` over one model file: a name, a path relative to `folder`, or `hf:OWNER/REPO/FILE.gguf`.

    Memory is what the model takes (0.4 GB for the default) and up to `cache_gib` GiB.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        folder: Path = Path(),
        cache_gib: int = _CACHE_GIB,
        max_in_flight: int = _MOST_AT_ONCE,
    ) -> None:
        self.model = model
        self._folder = folder
        self._cache_gib = cache_gib
        self._max_in_flight = max_in_flight
        self._places = asyncio.Semaphore(max_in_flight)
        self._waiting: dict[int, asyncio.Future[Json]] = {}
        self._number = 0
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stderr: deque[str] = deque(maxlen=_LAST_WORDS)
        self._end: SynthError | None = UnreachableError("the embedded model is not open.")

    @property
    def in_flight(self) -> int:
        """Requests that the model works on."""
        return len(self._waiting.keys() - {0})

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
        self._process = await asyncio.create_subprocess_exec(
            # -P: files in the folder that the user is in are not taken for modules.
            *(sys.executable, "-P", "-m", "synth.llm.worker", str(file)),
            *("--cache-gib", str(self._cache_gib), "--sequences", str(self._max_in_flight)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
        )
        ready = asyncio.get_running_loop().create_future()
        self._waiting[0] = ready
        self._end = None
        self._tasks = [
            asyncio.create_task(self._listen(self._process)),
            asyncio.create_task(self._overhear(self._process)),
        ]
        try:
            await ready
        except BaseException:
            await self.close()
            raise
        finally:
            self._waiting.pop(0, None)

    async def ask(self, request: Request) -> bytes:
        """Raises `RequestFailed` for a prompt that is too long or a schema that cannot be kept to,
        `InputError` for sampling that this model does not know."""
        self._check(request)
        async with self._places:
            if self._end is not None:
                raise self._end
            self._number += 1
            number = self._number
            answer = self._waiting[number] = asyncio.get_running_loop().create_future()
            try:
                self._send(_line(number, request))
                line = await answer
            except asyncio.CancelledError:
                self._send({"id": number, "cancel": True})
                raise
            finally:
                del self._waiting[number]
        if "failed" in line:
            raise RequestFailed(line["failed"])
        return orjson.dumps(line["reply"])

    def read(self, raw: bytes) -> Reply:
        """Parses what `ask` returned."""
        return read_reply(raw)

    async def close(self) -> None:
        """Ends the process, within a step. Requests still unanswered raise `UnreachableError`."""
        process, self._process = self._process, None
        if process is None:
            return
        self._end = self._end or UnreachableError("the embedded model was closed.")
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _SECONDS_TO_END)
        except TimeoutError:
            process.kill()
            await process.wait()
        await asyncio.gather(*self._tasks)

    def _check(self, request: Request) -> None:
        if unknown := sorted(set(request.sampling) - SAMPLING - {"stop"}):
            raise InputError(f"the embedded model does not know {', '.join(unknown)}.", where="sampling")
        if request.extra_body:
            raise InputError("the embedded model takes no extra_body.", where="extra_body")

    def _send(self, line: Json) -> None:
        if (
            self._process is not None
            and self._process.stdin is not None
            and not self._process.stdin.is_closing()
        ):
            self._process.stdin.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Hands answers to who asked, until the process ends; then whoever still waits is told."""
        assert process.stdout is not None
        async for raw in process.stdout:
            line: Json = orjson.loads(raw)
            if broken := line.get("broken"):
                kind = _ERRORS.get(broken["code"], UnreachableError)
                self._end = kind(broken["message"], where=broken["where"], hint=broken["hint"])
            elif (answer := self._waiting.get(line.get("id", 0))) is not None and not answer.done():
                answer.set_result(line)
        if self._end is None:
            words = self._stderr[-1] if self._stderr else f"exit code {await process.wait()}"
            self._end = UnreachableError(
                f"the embedded model's process ended: {words}",
                hint="If memory ran out, name a smaller model or close other programs.",
            )
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(self._end)

    async def _overhear(self, process: asyncio.subprocess.Process) -> None:
        """Keeps the last that the library said, for when the process ends without a word."""
        assert process.stderr is not None
        async for raw in process.stderr:
            if words := raw.decode(errors="replace").strip():
                self._stderr.append(words)


def _line(number: int, request: Request) -> Json:
    return {
        "id": number,
        "messages": list(request.messages),
        "max_tokens": request.max_tokens,
        "sampling": dict(request.sampling),
        "schema": request.schema,
        "logprobs": request.logprobs,
        "seed": request.seed,
    }
