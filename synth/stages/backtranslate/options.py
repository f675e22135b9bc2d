"""The recipe's options of `backtranslate`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from synth.recipe.base import (
    JUDGE,
    JUDGE_SAMPLING,
    AskingOptions,
    Positive,
    Sampling,
    Share,
    Strict,
)
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

    distractors: Positive = Field(default=4, description="Number of other passages in the prompt.")
    absent: Share = Field(default=0.2, description="Share of questions whose right passage is left out.")
    answer: str = Field(default=NOT_IN_CONTEXT, description="The right answer if the passage is left out.")
    ask_judge: bool = Field(
        default=True,
        description="Ask the judge whether the other passages answer a question whose right passage is left "
        "out; if so, the row is dropped.",
    )
    prompt: str = Field(default="with_context", description="The prompt file that builds the user's message.")


class TagOptions(Strict):
    """System prompts that distinguish the answers of seeds from the texts of documents."""

    seeds: str = Field(default=HUMPBACK_SEED_TAG, description="The system prompt that seeds get.")
    documents: str = Field(
        default=HUMPBACK_DOCUMENT_TAG, description="The system prompt that rows from documents get."
    )


class BacktranslateOptions(AskingOptions):
    """Drafts instructions and questions from documents (Humpback, RAFT)."""

    usual_sampling = HUMPBACK_SAMPLING
    reasons = (*BacktranslateReason, *OBJECT_REPLY, *JudgeReason)
    actions = tuple(BacktranslateAction)

    count: Positive | None = Field(
        default=None, description="Number of drafts to keep. Default: no maximum, all passages are used."
    )
    mode: Literal["instruction", "questions"] = Field(
        default="instruction",
        description="`instruction`: the text is the answer. `questions`: questions about the text, with "
        "quotes.",
    )
    min_chars: Positive = Field(default=600, description="Minimum characters of a passage.")
    max_chars: Positive = Field(
        default=3000, description="Maximum characters of a passage; at least twice the minimum."
    )
    judge: str | None = Field(default=None, description=JUDGE)
    judge_sampling: Sampling = Field(default_factory=Sampling, description=JUDGE_SAMPLING)
    keep: Annotated[float, Field(ge=-1e6, le=1e6)] | Literal["auto"] | None = Field(
        default="auto",
        description="Minimum score of the curation, from 1 to 5. A kept answer reaches it with a probability "
        f"of at least 0.5. `auto`: {HUMPBACK_KEEP}, or none if the writer is the judge. `null`: no "
        "curation.",
    )
    curate: str = Field(default="curate", description="The prompt file of the curation.")
    round_trip: bool = Field(
        default=True,
        description="Answer the instruction without the text, and drop the draft if that answers another "
        "question.",
    )
    rewrite: bool = Field(
        default=False,
        description="Rewrite the text in the style of an assistant. Recommended if passages read as pages.",
    )
    tags: TagOptions | None = Field(
        default=None, description="Add system prompts to seeds and drafts. `{}` uses those of the paper."
    )
    questions: Positive = Field(
        default=3, description="Maximum number of questions for each passage (`mode: questions`)."
    )
    passages: Positive = Field(
        default=1, description="Number of neighbouring passages that a question is about (`mode: questions`)."
    )
    context: ContextOptions | None = Field(
        default=None, description="Put the passage and others into the prompt (`mode: questions`)."
    )

    @model_validator(mode="after")
    def _fits(self) -> BacktranslateOptions:
        if self.max_chars < 2 * self.min_chars:
            raise ValueError("max_chars must be at least twice min_chars")
        if self.mode == "instruction" and (self.context or self.passages > 1):
            raise ValueError("context and passages go with `mode: questions`")
        return self
