"""Prints every few seconds what a command waits for: a silent command looks as if it hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from synth.cli.console import say

_EVERY = 3.0


@contextmanager
def said_while_waiting(what: str) -> Iterator[None]:
    """Prints `Waiting for ...` on stderr, at once and then every few seconds."""
    done = threading.Event()
    started = time.monotonic()
    say(f"Waiting {what} ...")

    def speak() -> None:
        while not done.wait(_EVERY):
            say(f"Waiting {what} ({time.monotonic() - started:.0f} s) ...")

    thread = threading.Thread(target=speak, name="synth-waiting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
