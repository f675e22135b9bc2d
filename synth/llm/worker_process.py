"""Runs a model in a worker process, with one JSON line per request and per answer.

`embedded/worker.py` and `vllm/worker.py` are such processes. The first one documents the lines.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

import orjson

from synth.errors import InputError, MachineError, SynthError, UnreachableError
from synth.llm.base import Json, Request, RequestFailed

_LONGEST_LINE = 2**26
_LAST_WORDS = 20

_ERRORS: dict[str, type[SynthError]] = {
    kind.code: kind for kind in (InputError, MachineError, UnreachableError)
}


class WorkerProcess:
    """Runs `command` as the worker.

    `name` is the model's name in errors, and `hint` is the hint if the process dies. `seconds_to_end` is
    longer than any step: a process that takes longer to end is killed.
    """

    def __init__(self, name: str, *, hint: str, seconds_to_end: float) -> None:
        self._name = name
        self._hint = hint
        self._seconds_to_end = seconds_to_end
        self._waiting: dict[int, asyncio.Future[Json]] = {}
        self._number = 0
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stderr: deque[str] = deque(maxlen=_LAST_WORDS)
        self._end: SynthError | None = UnreachableError(f"{name} is not open.")

    @property
    def in_flight(self) -> int:
        """The number of unanswered requests."""
        return len(self._waiting.keys() - {0})

    async def open(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Json:
        """Starts the process, and waits for its `ready` line. Raises the error that it reports."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                env=environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=_LONGEST_LINE,
            )
        except OSError as error:
            raise MachineError(f"{self._name} cannot be started: {error}", where=command[0]) from None
        ready: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[0] = ready
        self._end = None
        self._tasks = [
            asyncio.create_task(self._listen(self._process)),
            asyncio.create_task(self._overhear(self._process)),
        ]
        try:
            return await ready
        except BaseException:
            await self.close()
            raise
        finally:
            self._waiting.pop(0, None)

    async def ask(self, request: Request) -> Json:
        """The reply to `request`. Raises `RequestFailed`, or the error that ended the process."""
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
        reply: Json = line["reply"]
        return reply

    async def close(self) -> None:
        """Ends the process. Unanswered requests raise `UnreachableError`. May be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        self._end = self._end or UnreachableError(f"{self._name} was closed.")
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), self._seconds_to_end)
        except TimeoutError:
            process.kill()
            await process.wait()
        await asyncio.gather(*self._tasks)

    def _send(self, line: Json) -> None:
        if (
            self._process is not None
            and self._process.stdin is not None
            and not self._process.stdin.is_closing()
        ):
            self._process.stdin.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Passes answers to their callers until the process ends, and then raises an error for all waiting
        ones.
        """
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
            self._end = UnreachableError(f"{self._name}'s process ended: {words}", hint=self._hint)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(self._end)

    async def _overhear(self, process: asyncio.subprocess.Process) -> None:
        """Keeps the library's last output, for a process that ends without an error line."""
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
        "extra_body": dict(request.extra_body),
        "seed": request.seed,
    }
