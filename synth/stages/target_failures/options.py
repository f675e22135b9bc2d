"""The recipe's options of `target_failures`."""

from __future__ import annotations

from pydantic import Field

from synth.recipe.base import Positive, Sampling, Share
from synth.stages.evidence import EvidenceOptions
from synth.stages.reply_reasons import OBJECT_REPLY
from synth.stages.target_failures.reasons import TargetFailuresAction, TargetFailuresReason

# LLM2LLM, https://arxiv.org/abs/2403.15042: one new row per failure, only from real rows.
LLM2LLM_EACH = 1
# Its released code, GSM8K/generate_data.py: a new row may be much like the failure that it is made from.
LLM2LLM_NOVELTY = 0.95


class TargetFailuresOptions(EvidenceOptions):
    """Drafts rows against the failures of today's model (LLM2LLM)."""

    usual_sampling = Sampling(temperature=0.7, top_p=0.9)
    reasons = (*TargetFailuresReason, *OBJECT_REPLY)
    actions = tuple(TargetFailuresAction)

    each: Positive = Field(default=LLM2LLM_EACH, description="Number of new rows for each failure.")
    count: Positive | None = Field(
        default=None, description="Number of rows to keep. Default: `each` for every failure, and the pairs."
    )
    pairs: bool = Field(
        default=True,
        description="Also make a row of each failed request, with a right answer and the bad one as "
        "rejected.",
    )
    min_similarity: Share = Field(
        default=0.45, description="Minimum similarity of the failures of one pattern."
    )
    novelty: float = Field(
        default=LLM2LLM_NOVELTY,
        ge=0,
        lt=1,
        description="Maximum ROUGE-L F1 of a request with any failure, seed or kept draft.",
    )
