"""Why `standardise` drops rows."""

from __future__ import annotations

from synth.reasons import Reason


class StandardiseReason(Reason):
    """What the rules leave."""

    EMPTY = "empty", "nothing is left of the answer"
