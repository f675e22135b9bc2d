"""The recipe's options of `dedupe`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from synth.recipe.base import Share, StageOptions
from synth.stages.dedupe.reasons import DedupeReason

# The cosine of two requests that ask the same. docs/dedupe.md has the error rates.
MEANING_THRESHOLD = 0.9


class DedupeOptions(StageOptions):
    """Drops near-duplicates; the first row stays."""

    reasons = tuple(DedupeReason)

    on: Literal["prompt", "answer", "both", "meaning"] = Field(
        default="prompt", description="The text that is compared. `meaning`: the meaning of the prompt."
    )
    threshold: Share = Field(
        default=0.8,
        description="Minimum Jaccard similarity of the shingles of two near-duplicates. With `on: meaning`, "
        "their minimum cosine, by default 0.9.",
    )

    @model_validator(mode="before")
    @classmethod
    def _of_meaning(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("on") == "meaning":
            return {"threshold": MEANING_THRESHOLD, **data}
        return data
