"""The isolated process: reads tasks from stdin, writes answers to stdout, one JSON object per line.

Limits are in processor time, so a busy machine does not change which rows are kept. There are two timers. The
first raises an exception, which knows the place. The second, one second later, is a signal without a handler.
It ends the process even inside a function that Python cannot interrupt.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
import time
from types import FrameType

from synth.isolated.tasks import TASKS, TooLong
from synth.llm.base import Json

_GRACE = 1.0


def main() -> None:
    """Answers tasks until stdin ends."""
    # Ctrl-C reaches all processes of a terminal; the parent process ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, _too_long)
    _limit_memory(int(sys.argv[1]))
    threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()
    out = sys.stdout.buffer
    out.write(b"ready\n")
    out.flush()
    for line in sys.stdin.buffer:
        out.write(json.dumps(_answer(json.loads(line))).encode() + b"\n")
        out.flush()


def _answer(task: Json) -> Json:
    seconds = task.pop("seconds")
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds + _GRACE)
    try:
        signal.setitimer(signal.ITIMER_PROF, seconds)
        return TASKS[task.pop("do")](**task)
    except TooLong:
        return {"too_much": "check_timeout"}
    except MemoryError:
        return {"too_much": "check_memory"}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _end_with(parent: int) -> None:
    """Exits when the parent is gone, for example in a long query after `kill -9`."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TooLong


def _limit_memory(most: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "darwin":  # macOS accepts no such limit
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main()
