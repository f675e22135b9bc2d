"""A separate Python environment for Argilla's server, whose old pinned packages conflict with ours."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from synth.errors import MachineError, UnreachableError
from synth.packaged import packaged

NEWEST_PYTHON = (3, 13)
"""The newest Python for which the server's pinned packages have wheels."""

_DONE = "complete"
_LINES_OF_ERROR = 5

# Prints one line of progress.
SayLine = Callable[[str], None]


def package_folder() -> Path:
    """The folder of `argilla_local` and its pinned requirements."""
    return packaged("argilla_config") / "local"


def ensure_environment(progress: SayLine, cache: Path | None = None) -> Path:
    """The Python of an environment that can run the server. Makes the environment on first use, which takes
    minutes.

    `progress` is called with one line at a time. A changed list of requirements or another Python version
    makes a new environment. An interrupted installation starts again. `uv` is used if it is installed,
    because it is faster. Raises `UnreachableError` if packages cannot be fetched, and `MachineError` if the
    disk is full.
    """
    if sys.version_info[:2] > NEWEST_PYTHON:
        newest = ".".join(map(str, NEWEST_PYTHON))
        raise MachineError(
            f"Argilla's server runs on Python up to {newest}.", hint="Install synth for that one to review."
        )
    requirements = package_folder() / "requirements.txt"
    folder = (cache or platformdirs.user_cache_path("synth")) / "argilla-server" / _key(requirements)
    python = folder / "bin" / "python"
    try:
        with _only_one(folder):
            if not (folder / _DONE).exists():
                _make(folder, requirements, progress)
                (folder / _DONE).touch()
    except OSError as error:
        raise MachineError(f"cannot make Argilla's environment: {error}", where=str(folder)) from error
    return python


def _key(requirements: Path) -> str:
    content = requirements.read_bytes() + sys.version.encode()
    return hashlib.sha256(content).hexdigest()[:12]


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Makes a second process wait until the first one has made the environment."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(folder: Path, requirements: Path, progress: SayLine) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    uv = _find_uv()
    progress("Making an environment for Argilla's server (once, a minute or two)")
    venv.create(folder, with_pip=uv is None, symlinks=os.name != "nt")
    python = str(folder / "bin" / "python")
    if uv is not None:
        command = [uv, "pip", "install", "--python", python, "--requirement", str(requirements)]
    else:
        command = [python, "-P", "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        command += ["--progress-bar", "off", "--requirement", str(requirements)]
    _run(command, progress, total=_count(requirements))


def _find_uv() -> str | None:
    if importlib.util.find_spec("uv") is not None:
        beside = Path(sys.executable).with_name("uv")
        if beside.exists():
            return str(beside)
    return shutil.which("uv")


def _count(requirements: Path) -> int:
    lines = requirements.read_text(encoding="utf-8").splitlines()
    return sum(1 for line in lines if line and not line.lstrip().startswith("#"))


def _run(command: list[str], progress: SayLine, total: int) -> None:
    """Runs an installer, and turns its output into occasional progress lines."""
    last: deque[str] = deque(maxlen=_LINES_OF_ERROR)
    fetched = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last.append(line.rstrip())
            if line.startswith("Collecting "):
                fetched += 1
                if fetched % 10 == 0:
                    progress(f"Fetching packages: {fetched} of about {total}")
            elif line.startswith(("Installing collected", "Prepared ")):
                progress("Installing packages")
    if process.returncode != 0:
        raise UnreachableError(
            "the packages of Argilla's server could not be installed: " + " / ".join(last),
            hint="Is the package index reachable? Run the command again to continue.",
        )
