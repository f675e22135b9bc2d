"""`python killed_at.py FOLDERS N ARGUMENTS`: `synth ARGUMENTS`, killed before it touches one the Nth time.

FOLDERS are one folder, or several with a colon between them.

Touching is what leaves something there: a file opened to write, a folder made, a rename, a removal, a lock.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Callable
from typing import Any

TOUCHES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "sqlite3.connect", "fcntl.flock"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def touches(event: str, args: tuple[Any, ...], folders: tuple[str, ...]) -> bool:
    """Whether this audit event changes something in `folders`; locks are taken nowhere else."""
    if event == "fcntl.flock":
        return True
    if event == "open":
        args = args[:1] if args[2] & WRITES else ()
    elif event not in TOUCHES:
        return False
    paths = [os.fsdecode(each) for each in args if isinstance(each, str | bytes | os.PathLike)]
    return any(os.path.abspath(path.removeprefix("file:")).startswith(folders) for path in paths)


def hook(folders: tuple[str, ...], last: int) -> Callable[[str, tuple[Any, ...]], None]:
    seen = 0

    def count(event: str, args: tuple[Any, ...]) -> None:
        nonlocal seen
        if touches(event, args, folders):
            seen += 1
            if seen == last:
                os.kill(os.getpid(), signal.SIGKILL)

    return count


if __name__ == "__main__":
    places, number, *words = sys.argv[1:]
    sys.addaudithook(hook(tuple(map(os.path.realpath, places.split(os.pathsep))), int(number)))
    sys.argv = ["synth", *words]
    runpy.run_module("synth", run_name="__main__", alter_sys=True)
