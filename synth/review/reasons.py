"""What decisions of people do to rows, as the rows say it."""

from __future__ import annotations

from synth.reasons import Action, Reason


class ReviewReason(Reason):
    """Why a row is gone after the review."""

    REJECTED = "rejected", "a person rejected the row"
    PARENT_REJECTED = "parent rejected", "the row is a paraphrase of a row that a person rejected"


class ReviewAction(Action):
    """What people did to a row."""

    ACCEPTED = "accepted", "a person accepted the row as it is"
    EDITED = "edited", "a person edited the row"
    REJECTED = "rejected", "a person rejected the row"
    RESTORED = "restored", "a person brought back a row that a stage had dropped"
    TOOK_OVER_ANSWER = "took_over_answer", "the row took over the edited answer of the row it paraphrases"
