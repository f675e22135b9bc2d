"""Ctrl-C: the first one stops in order, the second one ends the process at once. Neither loses a reply."""

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
# Commands that go on where they stopped.
_RESUMABLE = ("run", "review")


def interrupted_words(arguments: Sequence[str]) -> str:
    """What is safe after an interrupt, and what to type to go on."""
    if arguments and arguments[0] in _RESUMABLE:
        return f"Interrupted. Nothing that was answered is lost. Go on with: {command(*arguments)}"
    return "Interrupted."


async def interruptible(work: Coroutine[Any, Any, T], say: Callable[[str], None], words: str) -> T:
    """Awaits `work`. After a first Ctrl-C it ends in order; a second one prints `words` and exits with 130.

    Inside `asyncio.Runner`, whose own handler of the first Ctrl-C cancels this task.
    """
    first = signal.getsignal(signal.SIGINT)
    loop = asyncio.get_running_loop()
    count = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count > 1:
            _end_at_once(words)
        loop.call_soon_threadsafe(say, "Stopping in order. Ctrl-C again ends at once; nothing is lost.")
        if callable(first):
            first(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    try:
        return await work
    finally:
        signal.signal(signal.SIGINT, first)


def _end_at_once(words: str) -> None:
    """Ends as `kill -9` would, which a run survives: whatever hangs, hangs no longer."""
    cursor = _SHOW_CURSOR if sys.stderr.isatty() else ""
    # Past `sys.stderr`: a lock of it, or of the display, may be held where the signal came.
    os.write(2, f"{cursor}{printable_line(words)}\n".encode())
    os._exit(INTERRUPTED)
