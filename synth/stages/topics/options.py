"""The recipe's options of `topics`."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from synth.recipe.base import AskingOptions, Count, Positive, Sampling
from synth.stages.taxonomy import read_taxonomy


class TopicsOptions(AskingOptions):
    """Lists topics, which the makers after it fill with drafts."""

    usual_sampling = Sampling(temperature=0.3)
    names_topics = True

    taxonomy: str | list[Any] | dict[str, Any] | None = Field(
        default=None,
        description="The topics: nested lists and mappings of names, or a file in the recipe's folder. "
        "Without it, the writer names the topics of the seeds.",
    )
    batch_size: Positive = Field(default=20, description="Approximate number of seeds in one request.")
    topics: Positive = Field(default=12, description="Maximum number of topics from the seeds.")
    subtopics: Count = Field(
        default=6, description="Maximum number of sub-topics of each topic from the seeds."
    )

    weights: str | None = Field(
        default=None,
        description="`seeds`, or a file of real requests: fill each topic in proportion to the requests "
        "about it. Default: evenly.",
    )

    @field_validator("taxonomy")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if isinstance(value, list | dict):
            read_taxonomy(value)
        return value
