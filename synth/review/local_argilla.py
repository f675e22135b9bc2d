"""The local Argilla server: starts it as a separate process, and finds it for push and pull."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from synth.errors import InputError, MachineError, UnreachableError
from synth.http import BlockingHttpClient, ConnectionFailed
from synth.review.environment import SayLine, ensure_environment, package_folder

DEFAULT_PORT = 6900
LOOPBACK = "127.0.0.1"
_LOOPBACKS = frozenset({LOOPBACK, "localhost", "::1"})
_ANSWER_SECONDS = 5
_STOP_SECONDS = 20
_LOG_BYTES = 2000


@dataclass(frozen=True)
class LocalServer:
    """A running server, and its owner's account."""

    url: str
    username: str
    password: str
    api_key: str
    pid: int


def data_folder() -> Path:
    """The default data folder of a local Argilla."""
    return platformdirs.user_data_path("synth") / "argilla"


def state_file() -> Path:
    """The file with the running server's address and its owner's password. Mode 0600; removed when the server
    stops.
    """
    return platformdirs.user_data_path("synth") / "argilla-server.json"


def running() -> LocalServer | None:
    """This user's running server, if it answers. Raises `MachineError` if that cannot be determined."""
    state = state_file()
    try:
        server = LocalServer(**json.loads(state.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError) as error:
        raise MachineError(
            f"cannot tell whether a local Argilla is running: {error}.",
            where=str(state),
            hint="Is it another account's, or damaged? If no server is running, you can remove it.",
        ) from error
    # A killed server leaves this file behind. Another program may use its port now, so no key is sent there.
    if not _is_alive(server.pid):
        return None
    try:
        with BlockingHttpClient(_ANSWER_SECONDS) as http:
            return server if http.request("GET", f"{server.url}/api/v1/status")[0] == 200 else None
    except ConnectionFailed:
        return None


def _is_alive(pid: int) -> bool:
    """Whether the process exists and can belong to this user."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def find() -> LocalServer:
    """The running server. Raises `UnreachableError` if there is none."""
    server = running()
    if server is None:
        raise UnreachableError("no local Argilla is running.", hint="Start one with `synth review serve`.")
    return server


def serve(
    port: int = DEFAULT_PORT,
    host: str = LOOPBACK,
    data: Path | None = None,
    *,
    ready: Callable[[LocalServer], None],
    progress: SayLine,
) -> None:
    """Runs a local Argilla until SIGINT or SIGTERM. It is an error if the server ends earlier.

    Makes the server's environment first if it is missing. `ready` is called when the server answers. A `host`
    that is not loopback opens the server to a network; `progress` then gets a warning.

    Raises `MachineError` (port or data in use), `UnreachableError` (its packages cannot be fetched),
    `InputError` (no such host).
    """
    if not host.strip():
        raise InputError(
            "an empty address would open the server to every network.",
            where="--host",
            hint="Omit --host to serve only this machine; 0.0.0.0 means every network.",
        )
    there = running()
    if there is not None:
        raise MachineError(f"a local Argilla is running at {there.url} already.", hint="Stop that one first.")
    folder = (data or data_folder()).expanduser().resolve()
    _check_data(folder)
    python = ensure_environment(progress)
    if host not in _LOOPBACKS:
        progress(
            f"Warning: anyone who can reach {host} gets the sign-in page, and the connection is not "
            "encrypted. Use a network you trust, or a proxy with HTTPS in front."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = folder / "server.log"
        with _private(log) as errors:
            _run(_command(python, port, host, folder), errors, log, ready)
    except OSError as error:
        raise MachineError(f"cannot start Argilla: {error}", where=str(folder)) from error


def _check_data(folder: Path) -> None:
    """Raises `InputError` if the server's files would be mixed with other files.

    The server checks more closely, but before that nothing may be written here, not even its log.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError("is a file, not a folder.", where=str(folder), hint="Name another with --data.")
    names = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
    if names and not names & {"argilla.db", "credentials.json", "in-use.lock"}:
        raise InputError(
            "is not empty and not the data of an Argilla server.",
            where=str(folder),
            hint="Name a new folder with --data.",
        )


def _command(python: Path, port: int, host: str, folder: Path) -> list[str]:
    command = [str(python), "-P", "-m", "argilla_local", "serve", "--stop-with-stdin"]
    command += ["--data", str(folder), "--state", str(state_file())]
    return [*command, "--port", str(port), "--host", host]


@contextlib.contextmanager
def _private(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


def _run(command: list[str], errors: int, log: Path, ready: Callable[[LocalServer], None]) -> None:
    environment = {**os.environ, "PYTHONPATH": str(package_folder())}
    child = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    stopping = threading.Event()
    with child, _closing_on_sigterm(child, stopping):
        try:
            first = child.stdout.readline()
            if first:
                ready(LocalServer(**json.loads(first)))
            child.wait()
        except KeyboardInterrupt:
            stopping.set()
            raise
        finally:
            _stop(child)
    if not first or (child.returncode != 0 and not stopping.is_set()):
        kind = InputError if child.returncode == InputError.exit_code else MachineError
        raise kind(_last_words(log, child.returncode), where=str(log))


@contextlib.contextmanager
def _closing_on_sigterm(child: subprocess.Popen[str], stopping: threading.Event) -> Iterator[None]:
    """Stops the server on SIGTERM. Only the main thread can handle signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        stopping.set()
        child.terminate()

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _last_words(log: Path, returncode: int) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace")[-_LOG_BYTES:].strip().splitlines()
    said = lines[-1].removeprefix("argilla-local: ") if lines else "it said nothing."
    return f"Argilla's server ended (exit code {returncode}): {said}"
