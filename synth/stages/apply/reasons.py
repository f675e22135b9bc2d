"""Why `apply` drops rows, and what it notes on the others."""

from __future__ import annotations

from synth.reasons import Action, Reason


class ApplyReason(Reason):
    """What the function said."""

    REJECTED = "rejected", "your function returned `False` or a text; the text is the detail"


class ApplyAction(Action):
    """What the function did."""

    APPLIED = "applied", "your function changed the messages"
    NOT_DROPPED = "not_dropped", "your function rejected the row; it comes from people, so it stays"
