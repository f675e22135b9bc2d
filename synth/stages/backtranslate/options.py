"""What a recipe may write under `backtranslate`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from synth.recipe.base import AskingOptions, Positive, Sampling, Share, Strict
from synth.stages.backtranslate.reasons import BacktranslateAction, BacktranslateReason
from synth.stages.reply_reasons import OBJECT_REPLY, JudgeReason
from synth.stages.shared_options import NOT_IN_CONTEXT

# Humpback, https://arxiv.org/abs/2308.06259, section 3.1 and table 1.
HUMPBACK_SAMPLING = Sampling(temperature=0.7, top_p=0.9)
HUMPBACK_KEEP = 4.5
HUMPBACK_SEED_TAG = "Answer in the style of an AI Assistant."
HUMPBACK_DOCUMENT_TAG = "Answer with knowledge from web search."


class ContextOptions(Strict):
    """Questions with their passages in the prompt (RAFT, https://arxiv.org/abs/2403.10131)."""

    distractors: Positive = Field(default=4, description="Other passages beside the one that answers.")
    absent: Share = Field(default=0.2, description="Share of questions whose own passage is left out.")
    answer: str = Field(default=NOT_IN_CONTEXT, description="What is right where it is left out.")
    prompt: str = Field(default="with_context", description="How the user's message is put together.")


class TagOptions(Strict):
    """System prompts that tell what people wrote as an answer from what they wrote as a text."""

    seeds: str = HUMPBACK_SEED_TAG
    documents: str = HUMPBACK_DOCUMENT_TAG


class BacktranslateOptions(AskingOptions):
    """Instructions, or questions and answers, for what documents say (Humpback, RAFT)."""

    reasons = (*BacktranslateReason, *OBJECT_REPLY, *JudgeReason)
    actions = tuple(BacktranslateAction)

    count: Positive | None = Field(default=None, description="Drafts that are to pass; without it, all do.")
    mode: Literal["instruction", "questions"] = Field(
        default="instruction", description="The text as the answer, or questions about it with quotes."
    )
    shortest: Positive = Field(default=600, description="Fewest characters of a passage.")
    longest: Positive = Field(default=3000, description="Most characters of a passage.")
    judge: str | None = Field(default=None, description="One of `models`, in the place of `judge`.")
    sampling_of_judge: Sampling = Sampling(temperature=0.0)
    keep: Annotated[float, Field(ge=-1e6, le=1e6)] | None = Field(
        default=HUMPBACK_KEEP, description="Least score in curation, of 1 to 5; null leaves curation out."
    )
    curate: str = Field(default="curate", description="The curation's prompt.")
    round_trip: bool = Field(
        default=True, description="Answer the instruction without the text, and drop it where that differs."
    )
    rewrite: bool = Field(default=False, description="Rewrite the text in the style of an assistant.")
    tags: TagOptions | None = Field(default=None, description="Humpback's system prompts; {} for its own.")
    questions: Positive = Field(default=3, description="Questions for each passage.")
    passages: Positive = Field(default=1, description="Passages of one document that a question is about.")
    context: ContextOptions | None = Field(
        default=None, description="Put the passage into the prompt, among others."
    )
    sampling: Sampling = HUMPBACK_SAMPLING

    @model_validator(mode="after")
    def _fits(self) -> BacktranslateOptions:
        if self.longest < 2 * self.shortest:
            raise ValueError("longest must be at least twice shortest")
        if self.mode == "instruction" and (self.context or self.passages > 1):
            raise ValueError("context and passages go with `mode: questions`")
        return self
