"""A loopback server in a separate process, for tests and benchmarks."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from synth.llm.base import Json

ROOT = Path(__file__).parents[3]


class LoopbackProcess:
    """Runs `python -m tests.support.loopback` with `settings` while the context is open.

    `kill` ends it as `kill -9` does; `start` brings it up again on the same port.
    """

    def __init__(self, *, port: int = 0, log: str = "", **settings: Any) -> None:
        self.port = port
        self._options = [f"--log={log}"] if log else []
        for name, value in settings.items():
            flag = name.replace("_", "-")
            if isinstance(value, bool):
                self._options.append(f"--{flag}" if value else f"--no-{flag}")
            else:
                self._options.append(f"--{flag}={value}")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The `base_url` of the server."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> LoopbackProcess:
        """Starts the server and waits until it is up."""
        command = [sys.executable, "-m", "tests.support.loopback", f"--port={self.port}", *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the loopback server did not start: {' '.join(command)}")
        self.port = orjson.loads(line)["port"]
        return self

    def kill(self) -> None:
        """Ends the server at once."""
        self._end(signal.SIGKILL)

    def control(self, **changes: Any) -> None:
        """Changes settings of the running server."""
        self._call("POST", "/control", orjson.dumps(changes))

    def log(self, *, bodies: bool = False) -> Json:
        """What the server was asked and what it answered, from `GET /log`."""
        history: Json = orjson.loads(self._call("GET", "/log?bodies=1" if bodies else "/log"))
        return history

    def __enter__(self) -> LoopbackProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(signal.SIGTERM)

    def _call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            if answer.status != 200:
                raise RuntimeError(f"{method} {path}: {answer.status} {answer.read()!r}")
            return answer.read()
        finally:
            connection.close()

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.wait(timeout=10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None
