"""Why the isolated process ended a task."""

from __future__ import annotations

from synth.reasons import Reason


class LimitReason(Reason):
    """The limit that a task reached."""

    CHECK_TIMEOUT = "check_timeout", "the schema check takes longer than one second"
    CHECK_MEMORY = "check_memory", "the schema check takes more than 512 MiB"
