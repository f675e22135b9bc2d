"""Runs the tests of the package `argilla-local` in its environment.

The server and its old pins live in an environment apart, so the tests run there, in a process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from synth.review.environment import ensure_environment, package_folder

TESTS = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--override-ini", "addopts="]


def run(python: Path, arguments: list[str], *paths: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [package_folder(), *paths]))}
    command = [str(python), *arguments]
    done = subprocess.run(
        command, cwd=package_folder(), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    return done.stdout


def test_the_query_language() -> None:
    assert "passed" in run(Path(sys.executable), [*TESTS, "tests/test_query_string.py"])


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What tests need beyond the server, in a folder: its environment stays as users have it."""
    folder = tmp_path_factory.mktemp("tools")
    wanted = [
        "pytest<9",
        "pytest-mock",
        "pytest-asyncio~=0.21.1",
        "pytest-env",
        "factory-boy~=3.2.1",
        "respx",
    ]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), *wanted]
    subprocess.run(command, check=True)
    # The server's own versions of these must win.
    for theirs in ("httpx", "anyio", "h11", "httpcore", "certifi", "idna", "sniffio", "typing_extensions.py"):
        path = folder / theirs
        if path.exists():
            path.rename(folder / f"unused_{theirs}")
    return folder


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_the_engine(tools: Path) -> None:
    python = ensure_environment(lambda line: None)
    assert "passed" in run(python, [*TESTS, "tests"], tools)


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_argillas_own_tests_pass_against_our_engine(tools: Path) -> None:
    """598 of them when this was written; a smaller number would mean that they are not run."""
    python = ensure_environment(lambda line: None)
    report = run(python, ["tests/run_server_suite.py", "--pip", sys.executable], tools)
    summary = next(line for line in report.splitlines() if " passed" in line)
    assert int(summary.split(" passed")[0].split()[-1]) >= 598
    assert "failed" not in summary
