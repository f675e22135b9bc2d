"""Runs a command in a pseudo-terminal and records its output bytes."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path

# What the live display writes: colours, start of line, cursor up, erase line, cursor off and on.
DISPLAY = re.compile(rb"\r?\x1b\[(\?25[lh]|[0-9;]*m|[0-9]*A|[0-9]*K)")


@dataclass(frozen=True)
class Shown:
    """What a command wrote to its terminal and how it ended."""

    raw: bytes
    code: int

    @property
    def text(self) -> str:
        """The words, without what moves and colours them."""
        return DISPLAY.sub(b"", self.raw).decode().replace("\r", "")


def start(
    *words: object, cwd: Path, width: int = 120, **variables: str
) -> tuple[subprocess.Popen[bytes], int]:
    """Starts `synth` with a terminal as its stdin, stdout and stderr; gives the other end, too."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", **variables}
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        environment.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, "-m", "synth", *map(str, words)],
        cwd=cwd, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    return process, ours


def read_to_end(process: subprocess.Popen[bytes], ours: int, seconds: float = 100) -> Shown:
    """Reads until the command has ended."""
    parts: list[bytes] = []
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    part = os.read(ours, 65536)
                except OSError:  # Linux says so when the last writer has closed it
                    break
                if not part:
                    break
                parts.append(part)
            elif process.poll() is not None:
                break
        return Shown(b"".join(parts), process.wait(timeout=10))
    finally:
        os.close(ours)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def in_terminal(*words: object, cwd: Path, width: int = 120, **variables: str) -> Shown:
    """Runs `synth` in a terminal until it ends."""
    return read_to_end(*start(*words, cwd=cwd, width=width, **variables))
