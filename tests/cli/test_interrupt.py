"""Ctrl-C: the message says what is safe and what to type. A second one stops at once."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from terminal import Shown, read_to_end, start

SLOW = ("--set", "models.writer.delay=0.5", "--set", "window=4")
HANGS = """
import pathlib, time
def shorten(row):
    pathlib.Path("hangs").touch()
    time.sleep(60)
"""


def wait_for(file: Path) -> None:
    end = time.monotonic() + 60
    while not file.exists() or not file.stat().st_size:
        assert time.monotonic() < end
        time.sleep(0.05)


def interrupted(words: tuple[str, ...], folder: Path, how: str) -> Shown:
    """Runs `synth` until replies are on disk, and sends it one SIGINT."""
    journal = folder / "runs" / "desk" / "replies.journal"
    if how == "terminal":
        process, ours = start(*words, cwd=folder)
        wait_for(journal)
        os.killpg(process.pid, signal.SIGINT)
        return read_to_end(process, ours)
    command = [sys.executable, "-m", "synth", *words]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as logged:
        wait_for(journal)
        logged.send_signal(signal.SIGINT)
        output, _ = logged.communicate(timeout=60)
    return Shown(output, logged.returncode)


@pytest.mark.parametrize("how", ["terminal", "log"])
def test_the_first_one_names_the_command_that_goes_on(desk: Path, how: str) -> None:
    folder = desk.parent / "my desk"
    folder.mkdir()
    for name in ("recipe.yaml", "seeds.jsonl"):
        (desk.parent / name).rename(folder / name)
    shown = interrupted(("run", str(folder / "recipe.yaml"), *SLOW), folder, how)
    assert shown.code == 130
    assert "No reply is lost. Continue with: " in shown.text
    assert "Traceback" not in shown.text
    command = shown.text.partition("Continue with: ")[2].splitlines()[0]
    again = subprocess.run(
        [*shlex.split(command), "--json"],
        cwd=folder,
        env={**os.environ, "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))},
        capture_output=True,
        timeout=100,
        check=True,
    )
    assert json.loads(again.stdout)["reused"] > 0


def test_the_second_one_ends_what_hangs(desk: Path) -> None:
    folder = desk.parent
    (folder / "house.py").write_text(HANGS)
    desk.write_text(desk.read_text() + "  - apply: {function: house.py:shorten}\n")
    process, ours = start("run", "recipe.yaml", cwd=folder)
    end = time.monotonic() + 60
    while not (folder / "hangs").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    begun = time.monotonic()
    shown = read_to_end(process, ours)
    assert time.monotonic() - begun < 5
    assert shown.code == 130
    assert shown.text.count("Continue with: ") == 1
    assert shown.raw.rfind(b"\x1b[?25h") > shown.raw.rfind(b"\x1b[?25l")  # the cursor is there again


def test_a_command_that_has_nothing_to_lose_says_less(desk: Path) -> None:
    code = "import signal, os, sys; from synth.cli.errors import run_command\n"
    code += "from synth.cli.run_name import Named\n"
    code += "sys.exit(run_command(lambda: os.kill(os.getpid(), signal.SIGINT), ['show', 'x'], Named()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")
