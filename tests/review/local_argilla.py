"""Runs a real local Argilla for tests as a user's terminal does: as a process that gets signals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synth.review.local_argilla import LocalServer

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from dataclasses import asdict
import json
from synth.errors import SynthError
from synth.review.local_argilla import serve

def ready(server):
    print(json.dumps(asdict(server)), flush=True)

try:
    serve(int(sys.argv[1]), sys.argv[2], ready=ready, progress=lambda line: print(line, file=sys.stderr))
except SynthError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def start(home: Path, port: int = 0, host: str = "127.0.0.1") -> subprocess.Popen[str]:
    """`serve` in a process whose user has `home` for data; the environment's cache is everybody's."""
    environment = {**os.environ, "XDG_DATA_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", PROGRAM, str(port), host]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


def wait_until_up(process: subprocess.Popen[str]) -> LocalServer:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        assert process.stderr is not None
        raise AssertionError(process.stderr.read())
    return LocalServer(**json.loads(line))


@contextmanager
def serving(home: Path) -> Iterator[LocalServer]:
    process = start(home)
    try:
        yield wait_until_up(process)
    finally:
        process.terminate()
        process.communicate(timeout=120)


def call(
    server: LocalServer, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any, dict[str, str]]:
    """(status, JSON or text, headers) of a request, made as the owner unless `headers` say otherwise."""
    given = {"X-Argilla-Api-Key": server.api_key, "Content-Type": "application/json"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, given, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, _content(response.read()), dict(response.headers)
    except urllib.error.HTTPError as error:
        return error.code, _content(error.read()), dict(error.headers)


def _content(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")


def eventually(condition: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
