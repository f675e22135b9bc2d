"""What a recipe may write under `respond`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from synth.reasons import SharedAction
from synth.recipe.base import AskingOptions, Count, Positive, Strict
from synth.stages.reply_reasons import OBJECT_REPLY
from synth.stages.respond.reasons import RespondAction, RespondReason
from synth.stages.shared_options import NOT_IN_CONTEXT


class GroundedOptions(Strict):
    """Answers from documents: from what is found for the request, among other passages (RAFT)."""

    passages: Positive = Field(default=2, description="Passages found for each request.")
    distractors: Count = Field(default=3, description="Other passages beside them.")
    in_prompt: bool = Field(
        default=True, description="Keep the passages in the row's prompt; its answer ends with the right one."
    )
    answer: str = Field(default=NOT_IN_CONTEXT, description="What is right where no passage holds it.")
    shortest: Positive = Field(default=300, description="Fewest characters of a passage.")
    longest: Positive = Field(default=1500, description="Most characters of a passage.")
    draft: str = Field(default="grounded", description="The prompt that the answer is drafted with.")
    prompt: str = Field(default="with_context", description="How the user's message is put together.")

    @model_validator(mode="after")
    def _fits(self) -> GroundedOptions:
        if self.longest < 2 * self.shortest:
            raise ValueError("longest must be at least twice shortest")
        return self


class RespondOptions(AskingOptions):
    """Answers for rows that have none; several for each; longer conversations; old ones answered anew."""

    answers = True
    reasons = (*RespondReason, *OBJECT_REPLY)
    actions = (*RespondAction, SharedAction.FAILED)

    system: str | None = Field(default=None, description="A system prompt for rows without one.")
    n: Positive = Field(default=1, description="Candidate answers for every row.")
    models: tuple[str, ...] = Field(default=(), description="Who gives them, in turn.")
    temperatures: tuple[Annotated[float, Field(ge=0.0, le=5.0)], ...] = Field(
        default=(), description="At which temperatures, in turn."
    )
    systems: tuple[str, ...] = Field(default=(), description="Under which system prompts, in turn.")
    turns: Positive = Field(default=1, description="Answers in a conversation; a model plays the user.")
    user: str | None = Field(default=None, description="One of `models` that plays the user.")
    again: bool = Field(default=False, description="Answer every turn of existing conversations anew.")
    grounded: GroundedOptions | None = Field(
        default=None, description="Answer from `sources.documents`, with a quote; {} for the usual way."
    )

    @model_validator(mode="after")
    def _one_thing(self) -> RespondOptions:
        several = self.models or self.temperatures or self.systems
        if self.n == 1 and several:
            raise ValueError("models, temperatures and systems take turns among n > 1 candidates")
        if (self.n > 1) + (self.turns > 1) + self.again > 1:
            raise ValueError("n, turns and again are three things: use a stage for each")
        if self.grounded and (self.n > 1 or self.turns > 1 or self.again):
            raise ValueError("grounded gives one answer to a row that has none: without n, turns and again")
        return self

    @property
    def answers_again(self) -> bool:
        return self.again
