"""What a recipe may write under `dedupe`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synth.recipe.base import Share, StageOptions
from synth.stages.dedupe.reasons import DedupeReason


class DedupeOptions(StageOptions):
    """Joins near-copies: the first stays."""

    reasons = tuple(DedupeReason)

    on: Literal["prompt", "answer", "both"] = "prompt"
    threshold: Share = Field(
        default=0.8, description="Jaccard similarity of shingles from which two are copies."
    )
