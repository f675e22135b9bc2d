"""Ctrl-C: the first one stops in order, the second one stops at once. Neither loses a reply."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from types import FrameType
from typing import Any, TypeVar

from synth.hints import command
from synth.printable import printable_line

INTERRUPTED = 130
T = TypeVar("T")

_SHOW_CURSOR = "\x1b[?25h"
# Commands that continue where they stopped.
_RESUMABLE = ("run", "review")


def interrupted_words(arguments: Sequence[str]) -> str:
    """What is safe after an interrupt, and the command that continues."""
    if arguments and arguments[0] in _RESUMABLE:
        return f"Interrupted. No reply is lost. Continue with: {command(*arguments)}"
    return "Interrupted."


async def interruptible(work: Coroutine[Any, Any, T], say: Callable[[str], None], words: str) -> T:
    """Awaits `work`. A first Ctrl-C stops it in order; a second one prints `words` and exits with 130.

    Runs inside `asyncio.Runner`, whose own handler cancels this task at the first Ctrl-C.
    """
    first = signal.getsignal(signal.SIGINT)
    loop = asyncio.get_running_loop()
    count = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count > 1:
            _end_at_once(words)
        loop.call_soon_threadsafe(say, "Stopping. Press Ctrl-C again to stop at once; no reply is lost.")
        if callable(first):
            first(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    try:
        return await work
    finally:
        signal.signal(signal.SIGINT, first)


def _end_at_once(words: str) -> None:
    """Exits like `kill -9`, which a run survives, so nothing can hang."""
    cursor = _SHOW_CURSOR if sys.stderr.isatty() else ""
    # Not through `sys.stderr`: the interrupted code may hold its lock, or the lock of the display.
    os.write(2, f"{cursor}{printable_line(words)}\n".encode())
    os._exit(INTERRUPTED)
