"""The reasons and actions of `apply`."""

from __future__ import annotations

from synth.reasons import Action, Reason


class ApplyReason(Reason):
    """Reasons from the result of the function."""

    REJECTED = "rejected", "your function returned `False` or a text; the text is the detail"


class ApplyAction(Action):
    """Actions of the function."""

    APPLIED = "applied", "your function changed the messages"
    NOT_DROPPED = "not_dropped", "your function rejected the row; it comes from people, so it stays"
