"""The recipe's options of `dedupe`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synth.recipe.base import Share, StageOptions
from synth.stages.dedupe.reasons import DedupeReason


class DedupeOptions(StageOptions):
    """Drops near-duplicates; the first row stays."""

    reasons = tuple(DedupeReason)

    on: Literal["prompt", "answer", "both"] = Field(
        default="prompt", description="The text that is compared."
    )
    threshold: Share = Field(
        default=0.8, description="Minimum Jaccard similarity of the shingles of two near-duplicates."
    )
