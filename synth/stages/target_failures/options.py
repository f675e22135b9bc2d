"""What a recipe may write under `target_failures`."""

from __future__ import annotations

from pydantic import Field

from synth.recipe.base import AskingOptions, Positive, Sampling, Share
from synth.stages.reply_reasons import OBJECT_REPLY
from synth.stages.target_failures.reasons import TargetFailuresReason

# LLM2LLM, https://arxiv.org/abs/2403.15042: one new row for each that went wrong, from real rows alone.
LLM2LLM_EACH = 1


class TargetFailuresOptions(AskingOptions):
    """New examples for what today's model gets wrong (LLM2LLM)."""

    reasons = (*TargetFailuresReason, *OBJECT_REPLY)

    each: Positive = Field(default=LLM2LLM_EACH, description="New rows for each failure.")
    count: Positive | None = Field(default=None, description="Drafts that are to pass, in proportion.")
    pairs: bool = Field(
        default=True, description="Also keep each failed request with a right answer, the bad one rejected."
    )
    alike: Share = Field(default=0.45, description="Similarity from which failures are one pattern.")
    novelty: float = Field(
        default=0.7, ge=0, lt=1, description="Highest ROUGE-L F1 with a failure, a seed or a draft."
    )
    sampling: Sampling = Sampling(temperature=0.7, top_p=0.9)
