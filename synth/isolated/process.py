"""Starts the isolated process, sends it one task at a time, and restarts it after its end.

A thread is not enough: nothing in the same process can stop a running regular expression or SQLite function.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import weakref
from typing import Any

from synth.errors import MachineError
from synth.isolated.reasons import LimitReason
from synth.llm.base import Json


class TooMuch(Exception):
    """A task took too much time or memory. `words` is the explanation."""

    def __init__(self, reason: LimitReason, words: str) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words


class Isolated:
    """A process for tasks of `synth.isolated.__main__`, started at the first task.

    It has at most `memory` bytes of address space. Tasks of several threads wait for each other. The process
    ends when this object is collected, or when Python exits.
    """

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._one_at_a_time = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[Any, Isolated] | None = None
        self._closed = False

    def ask(self, do: str, seconds: float, **given: Any) -> Json:
        """The result of the task. Raises `TooMuch` after `seconds` of processor time, or out of memory."""
        # The standard library's JSON: orjson refuses large integers and lone surrogates.
        line = json.dumps({"do": do, "seconds": seconds, **given}).encode() + b"\n"
        with self._one_at_a_time:
            # Asked twice: the process may have been killed before it read the task. If a new process ends
            # too, the task is the cause.
            answer = self._asked(line) or self._asked(line) or {"too_much": LimitReason.CHECK_MEMORY}
        if code := answer.get("too_much"):
            reason = LimitReason(code)
            raise TooMuch(reason, _words(reason, seconds, self._memory))
        return answer

    def close(self) -> None:
        """Kills the process. No further task is possible."""
        self._closed = True
        if (process := self._process) is not None:
            process.kill()  # the thread that waits for its answer sees the end, and cleans up

    def _asked(self, line: bytes) -> Json | None:
        """The answer to `line`. None if the process ended without one, but not by its time limit."""
        if self._closed:
            return {"too_much": LimitReason.CHECK_TIMEOUT}
        process = self._process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(line)
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        except BaseException:
            # After Ctrl-C the answer still comes, and would be taken for that of the next task.
            self._ended(process, kill=True)
            raise
        if answer.endswith(b"\n"):
            said: Json = json.loads(answer)
            return said
        timed_out = self._ended(process) == -signal.SIGVTALRM
        return {"too_much": LimitReason.CHECK_TIMEOUT} if timed_out or self._closed else None

    def _started(self) -> subprocess.Popen[bytes]:
        # -P: files in the current folder must not be imported as modules.
        command = [sys.executable, "-P", "-m", "synth.isolated", str(self._memory)]
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except OSError as error:
            raise MachineError(
                f"the process for checks cannot be started: {error}", where=command[0]
            ) from None
        self._process = process
        self._end = weakref.finalize(self, _end, process)
        assert process.stdout is not None
        if self._closed:
            process.kill()  # `close` was called before there was a process to kill
        elif process.stdout.readline() != b"ready\n" and not self._closed:
            raise MachineError(
                f"the process for checks ended at its start (exit code {self._ended(process)}).",
                where=" ".join(command),
            )
        return process

    def _ended(self, process: subprocess.Popen[bytes], *, kill: bool = False) -> int:
        """Waits for the end, and returns the exit code. Raises `RuntimeError` with the traceback of a bug."""
        self._process = None
        if kill:
            process.kill()
        code = process.wait()
        assert process.stderr is not None
        words = process.stderr.read().decode(errors="replace")
        if self._end is not None:
            self._end()
        if code == 1:
            raise RuntimeError(words)
        return code


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):  # the process never read its task
                pipe.close()


def _words(reason: LimitReason, seconds: float, memory: int) -> str:
    if reason is LimitReason.CHECK_TIMEOUT:
        return f"takes longer than {seconds:g} s"
    return f"takes more than {memory // 2**20:,} MiB of memory"
