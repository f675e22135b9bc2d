"""What a recipe may write under `topics`."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from synth.recipe.base import AskingOptions, Count, Positive, Sampling
from synth.stages.taxonomy import read_taxonomy


class TopicsOptions(AskingOptions):
    """What rows are to be about: makers behind it fill its topics evenly."""

    names_topics = True

    taxonomy: str | list[Any] | dict[str, Any] | None = Field(
        default=None,
        description="A file beside the recipe, or names, nested as you like; without it, seeds give one.",
    )
    shown: Positive = Field(default=20, description="Seeds that one request shows, about.")
    topics: Positive = Field(default=12, description="Most topics that are drawn from the seeds.")
    subtopics: Count = Field(default=6, description="Most sub-topics of each.")
    sampling: Sampling = Sampling(temperature=0.3)

    @field_validator("taxonomy")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if isinstance(value, list | dict):
            read_taxonomy(value)
        return value
