"""Why `dedupe` drops rows."""

from __future__ import annotations

from synth.reasons import Reason


class DedupeReason(Reason):
    """Which earlier row is the same."""

    EXACT_COPY = (
        "exact_copy",
        "an earlier row has the same text, apart from case, punctuation and white space",
    )
    NEAR_COPY = "near_copy", "the similarity to an earlier row is at least `threshold`"
    NEAR_HOLDOUT = (
        "near_holdout",
        "the row is a copy or near-copy of a held-out row; dropping it keeps the test split unseen",
    )

    @property
    def is_copy(self) -> bool:
        return True
