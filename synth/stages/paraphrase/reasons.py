"""The reasons of `paraphrase`, in addition to those of its rules."""

from __future__ import annotations

from synth.reasons import Action, Reason


class ParaphraseReason(Reason):
    """What embeddings and the judge find."""

    TOO_FAR = "too_far", "the embeddings are less similar than `similarity` allows: another question"
    TOO_NEAR = (
        "too_near",
        "the embeddings are more similar than `similarity` allows: a copy (not in the style `order`)",
    )
    ANOTHER_REQUEST = (
        "another_request",
        "the judge finds that one request does not ask for everything that the other asks for",
    )


class ParaphraseAction(Action):
    """What happened to a wording."""

    REWORDED = "reworded", "the request was written in other words, in this style or language"
    JUDGED = "judged", "the judge compared the request with the original one, in both directions"
