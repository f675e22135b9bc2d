"""Starts vLLM servers, waits until they answer, and supervises them until they are stopped."""

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
# Seconds. vLLM finishes requests in flight before it stops.
_STOP_SECONDS = 20.0
_LAST_WORDS = 40
_WORDS_SHOWN = 3


@dataclass(frozen=True)
class Start:
    """A server to start: its command, additional environment variables, and its future address."""

    command: Sequence[str]
    environment: Mapping[str, str]
    url: str
    model: str


class RunningServer:
    """One vLLM process. It has its own process group, because its children would survive a kill.

    Its output goes to `log`, line by line. The last lines are kept for the error message when it ends.
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
        """Returns when the server answers. Raises `UnreachableError` if it ends before that."""
        health = self.start.url.removesuffix("/v1") + "/health"
        with BlockingHttpClient(_LOOK_SECONDS) as http:
            while not _answers(http, health):
                if self.process.poll() is not None:
                    raise self.ended()
                time.sleep(_LOOK_EVERY)

    def ended(self) -> UnreachableError:
        """The error for a server that has ended, with its last output."""
        code = self.process.wait()
        self._reader.join(_LOOK_SECONDS)
        errors = [line for line in self._last if "Error" in line or "ERROR" in line] or list(self._last)
        said = " / ".join(errors[-_WORDS_SHOWN:]) or "it said nothing"
        return UnreachableError(
            f"vLLM ended with exit code {code}: {said}",
            where=self.start.model,
            hint="Its complete log is above. Flags after `--` go to vLLM unchanged.",
        )

    def stop(self) -> None:
        """Ends the server and its children: first with SIGTERM, then with SIGKILL."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            # A second Ctrl-C means that the user does not want to wait.
            with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                self.process.wait(_STOP_SECONDS)
        # The group has the process's id, and exists as long as one of its members.
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
    """Starts each server after the previous one is up, so that each sees the memory that is left. Then calls
    `ready` and waits until SIGINT or SIGTERM, which end all servers.

    Raises `UnreachableError` if a server ends earlier, and `MachineError` if its port is taken or it cannot
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
    """Raises `MachineError` if the port is in use. vLLM would notice that only minutes later."""
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
        # 503 means that the server is not ready, or is stopping.
        return http.request("GET", url)[0] == 200
    except ConnectionFailed:
        return False


@contextlib.contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Makes SIGTERM end the servers, too. Only the main thread can handle signals."""
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
