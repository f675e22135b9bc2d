"""The process itself: tasks come in on stdin, answers leave on stdout, one JSON object a line.

Time is the processor's, so that a busy machine does not decide which rows are kept. Two timers guard it. The
first raises an exception, which knows where it was; the second, a second later, is a signal without a
handler, which ends the process even inside of a function that Python cannot interrupt.
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
    """Answers until stdin ends."""
    # Ctrl-C reaches all processes of a terminal; the one that started this ends it.
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
    """Ends a query of ten minutes, where `kill -9` has ended what asked for it."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TooLong


def _limit_memory(most: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "darwin":  # it accepts no such limit
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main()
