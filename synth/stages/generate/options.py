"""The recipe's options of `generate`."""

from __future__ import annotations

from pydantic import Field

from synth.recipe.base import AskingOptions, Count, Positive, Sampling, Share
from synth.stages.generate.reasons import GenerateReason
from synth.stages.reply_reasons import OBJECT_REPLY

# Self-Instruct, https://arxiv.org/abs/2212.10560, table 4 and the released code.
SELF_INSTRUCT_SAMPLING = Sampling(temperature=0.7, top_p=0.5, presence_penalty=2.0)
SELF_INSTRUCT_KEYWORDS = (
    "image",
    "images",
    "graph",
    "graphs",
    "picture",
    "pictures",
    "file",
    "files",
    "map",
    "maps",
    "draw",
    "plot",
    "go to",
)


class GenerateOptions(AskingOptions):
    """Drafts new rows in the style of the seeds (Self-Instruct)."""

    fills_topics = True
    usual_sampling = SELF_INSTRUCT_SAMPLING
    reasons = (*GenerateReason, *OBJECT_REPLY)

    count: Positive = Field(default=100, description="Number of drafts that must pass the filters.")
    shots: Positive = Field(default=8, description="Few-shot examples in each prompt.")
    shots_from_drafts: Count = Field(
        default=2, description="Number of `shots` that are kept drafts, once there are any."
    )
    novelty: float = Field(
        default=0.7, ge=0, lt=1, description="Maximum ROUGE-L F1 of a request with any seed or kept draft."
    )
    min_words: Count = Field(default=4, description="Minimum words of a request.")
    max_words: Positive = Field(default=150, description="Maximum words of a request.")
    keywords: tuple[str, ...] = Field(
        default=SELF_INSTRUCT_KEYWORDS,
        description="Words for tasks that a text model cannot do. A word that a seed uses is ignored.",
    )
    repeated: Share = Field(default=0.3, description="Maximum share of repeated 4-grams in a text.")
