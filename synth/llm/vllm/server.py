"""Starts vLLM servers, waits until they answer, and stays with them until they are to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType

from synth.errors import MachineError, UnreachableError
from synth.http import BlockingHttpClient, ConnectionFailed

_LOOK_EVERY, _LOOK_SECONDS = 0.5, 5.0
# vLLM lets requests under way end; whoever stops it has seen what it has to say.
_STOP_SECONDS = 20.0
_LAST_WORDS = 40
_WORDS_SHOWN = 3


@dataclass(frozen=True)
class Start:
    """What to start: a command, variables beside the user's own, and the address it will answer at."""

    command: Sequence[str]
    environment: Mapping[str, str]
    url: str
    model: str


class RunningServer:
    """One vLLM process, in a process group of its own, since it has children that outlive it when killed.

    What it says is passed to `log`, a line at a time; the last lines are kept for when it ends.
    """

    def __init__(self, start: Start, log: Callable[[str], None]) -> None:
        self.start = start
        self._log = log
        self._last: deque[str] = deque(maxlen=_LAST_WORDS)
        try:
            self.process = subprocess.Popen(
                start.command,
                env={**os.environ, **start.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise MachineError(f"vLLM cannot be started: {error}", where=start.command[0]) from None
        self._reader = threading.Thread(target=self._read, name="vllm-log", daemon=True)
        self._reader.start()

    def wait_until_up(self) -> None:
        """Returns when it answers. Raises `UnreachableError` where it ends before that."""
        health = self.start.url.removesuffix("/v1") + "/health"
        with BlockingHttpClient(_LOOK_SECONDS) as http:
            while not _answers(http, health):
                if self.process.poll() is not None:
                    raise self.ended()
                time.sleep(_LOOK_EVERY)

    def ended(self) -> UnreachableError:
        """Why it is gone, in its own words."""
        code = self.process.wait()
        self._reader.join(_LOOK_SECONDS)
        errors = [line for line in self._last if "Error" in line or "ERROR" in line] or list(self._last)
        said = " / ".join(errors[-_WORDS_SHOWN:]) or "it said nothing"
        return UnreachableError(
            f"vLLM ended with exit code {code}: {said}",
            where=self.start.model,
            hint="Its whole log stands above. Flags after `--` go to vLLM as they are.",
        )

    def stop(self) -> None:
        """Ends it and all its children, kindly first."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            # A second Ctrl-C means that it has been kind enough.
            with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                self.process.wait(_STOP_SECONDS)
        # The group has the process's number, and lives as long as one of its members does.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(_LOOK_SECONDS)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._last.append(line.rstrip())
            self._log(line.rstrip())


def serve(
    starts: Sequence[Start],
    *,
    ready: Callable[[Sequence[RunningServer]], None],
    log: Callable[[str], None],
) -> None:
    """Starts each server when the one before is up (so that each sees what memory is left), calls `ready`
    with all of them, and stays until SIGINT or SIGTERM, which end them all.

    Raises `UnreachableError` where one ends by itself, `MachineError` where its port is taken or it cannot
    be started.
    """
    running: list[RunningServer] = []
    with _sigterm_as_interrupt():
        try:
            for start in starts:
                _require_free(start)
                running.append(RunningServer(start, log))
                running[-1].wait_until_up()
            ready(running)
            while all(server.process.poll() is None for server in running):
                time.sleep(_LOOK_EVERY)
            raise next(server for server in running if server.process.poll() is not None).ended()
        finally:
            for server in running:
                server.stop()


def _require_free(start: Start) -> None:
    """Raises `MachineError` where something listens already: vLLM would find out minutes later."""
    url = urllib.parse.urlsplit(start.url)
    assert url.hostname is not None
    with socket.socket(socket.AF_INET6 if ":" in url.hostname else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((url.hostname, url.port))
        except OSError as error:
            raise MachineError(
                f"port {url.port} cannot be used: {error.strerror}.",
                where=start.url,
                hint="Stop what uses it, or change the model's base_url (or --port).",
            ) from None


def _answers(http: BlockingHttpClient, url: str) -> bool:
    try:
        # 503 is a server that is not ready, or no longer.
        return http.request("GET", url)[0] == 200
    except ConnectionFailed:
        return False


@contextlib.contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Lets SIGTERM end the servers, too; signals are the main thread's business alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
