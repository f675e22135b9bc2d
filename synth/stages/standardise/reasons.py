"""Why `standardise` drops rows."""

from __future__ import annotations

from synth.reasons import Reason


class StandardiseReason(Reason):
    """Why a row is dropped after the rules."""

    EMPTY = "empty", "nothing is left of the answer"
