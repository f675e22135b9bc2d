"""What a recipe may write under `generate`."""

from __future__ import annotations

from pydantic import Field

from synth.recipe.base import AskingOptions, Count, Positive, Sampling, Share
from synth.stages.generate.reasons import GenerateReason
from synth.stages.reply_reasons import OBJECT_REPLY

# Self-Instruct, https://arxiv.org/abs/2212.10560, table 4 and the released code.
SELF_INSTRUCT_SAMPLING = Sampling(temperature=0.7, top_p=0.5, presence_penalty=2.0, max_tokens=1024)
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
    """New rows in the manner of the seeds (Self-Instruct)."""

    fills_topics = True
    reasons = (*GenerateReason, *OBJECT_REPLY)

    count: Positive = Field(default=100, description="Drafts that are to pass the filters below.")
    shots: Positive = Field(default=8, description="Examples in each prompt.")
    machine_shots: Count = Field(
        default=2, description="So many of them from kept drafts, once there are any."
    )
    novelty: float = Field(
        default=0.7, ge=0, lt=1, description="Highest ROUGE-L F1 with any seed or kept draft."
    )
    min_words: Count = Field(default=4, description="Fewest words of an instruction.")
    max_words: Positive = Field(default=150, description="Most words of an instruction.")
    keywords: tuple[str, ...] = Field(
        default=SELF_INSTRUCT_KEYWORDS,
        description="What a text model cannot do; a word that a seed uses is let be.",
    )
    repeated: Share = Field(
        default=0.3, description="Most runs of four words that a text may say again; more is a loop."
    )
    sampling: Sampling = SELF_INSTRUCT_SAMPLING
