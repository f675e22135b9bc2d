"""The reasons and actions of `score`."""

from __future__ import annotations

from synth.reasons import Action, Reason


class ScoreReason(Reason):
    """Reasons from the judge's replies."""

    LOW_SCORE = "low_score", "the score does not satisfy `keep`"


class ScoreAction(Action):
    """Actions of the judge."""

    LOGPROBS = "logprobs", "the judge's score was read from token probabilities"
    TEXT = "text", "the judge's score was read as written"
    SCORED_TOGETHER = "scored_together", "the judge scored all answers of the row in one prompt"
    BEST_CANDIDATE = "best_candidate", "the best candidate became the answer"
    NOT_SCORED = "not_scored", "no score could be read; the row comes from people, so it stays"
