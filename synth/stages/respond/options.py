"""The recipe's options of `respond`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from synth.reasons import SharedAction
from synth.recipe.base import AskingOptions, Count, Positive, Strict
from synth.stages.reply_reasons import OBJECT_REPLY
from synth.stages.respond.reasons import RespondAction, RespondReason
from synth.stages.shared_options import NOT_IN_CONTEXT


class GroundedOptions(Strict):
    """Answers from documents: from passages found for the request, among other passages (RAFT)."""

    passages: Positive = Field(default=5, description="Number of nearest passages in the prompt.")
    distractors: Count = Field(
        default=0, description="Number of further passages in the prompt: the next nearest ones."
    )
    in_prompt: bool = Field(
        default=True,
        description="Keep the passages in the row's prompt. The answer then ends with the numbers of the "
        "right ones.",
    )
    not_in_context: Literal["drop", "keep"] = Field(
        default="drop",
        description="What happens to a row if the model finds no answer in the passages. `keep`: the answer "
        "is `answer`, so that a model learns to say it; needs `in_prompt`.",
    )
    answer: str = Field(
        default=NOT_IN_CONTEXT, description="The answer of such a row with `not_in_context: keep`."
    )
    min_chars: Positive = Field(default=300, description="Minimum characters of a passage.")
    max_chars: Positive = Field(
        default=1500, description="Maximum characters of a passage; at least twice the minimum."
    )
    draft: str = Field(
        default="grounded", description="The prompt file that asks for the quotes and the answer."
    )
    prompt: str = Field(default="with_context", description="The prompt file that builds the user's message.")

    @model_validator(mode="after")
    def _fits(self) -> GroundedOptions:
        if self.max_chars < 2 * self.min_chars:
            raise ValueError("max_chars must be at least twice min_chars")
        if self.not_in_context == "keep" and not self.in_prompt:
            raise ValueError(
                "not_in_context: keep answers that the context has no answer: it needs in_prompt"
            )
        return self


def _true_is_default(value: object) -> object:
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


class RespondOptions(AskingOptions):
    """Writes answers, candidates, longer conversations and answers from documents."""

    answers = True
    reasons = (*RespondReason, *OBJECT_REPLY)
    actions = (*RespondAction, SharedAction.FAILED)

    system: str | None = Field(default=None, description="A system prompt for rows without one.")
    n: Positive = Field(
        default=1,
        description="Number of candidate answers for every row. 1: one answer for each row without an "
        "answer.",
    )
    models: tuple[str, ...] = Field(default=(), description="The models that write the candidates, in turn.")
    temperatures: tuple[Annotated[float, Field(ge=0.0, le=5.0)], ...] = Field(
        default=(), description="The temperatures of the candidates, in turn."
    )
    systems: tuple[str, ...] = Field(default=(), description="The system prompts of the candidates, in turn.")
    turns: Positive = Field(
        default=1, description="Maximum answers in a conversation. A model plays the user, and can end it."
    )
    user: str | None = Field(
        default=None,
        description="The model that plays the user, by its name under `models`. Default: the model that "
        "answers.",
    )
    regenerate: bool = Field(
        default=False, description="Generate every answer of existing conversations again."
    )
    grounded: Annotated[
        GroundedOptions | None,
        BeforeValidator(_true_is_default, json_schema_input_type=GroundedOptions | bool | None),
    ] = Field(
        default=None,
        description="Answer from `sources.documents`, with quotes. `true` uses the defaults.",
    )

    @model_validator(mode="after")
    def _one_thing(self) -> RespondOptions:
        several = self.models or self.temperatures or self.systems
        if self.n == 1 and several:
            raise ValueError("models, temperatures and systems take turns among n > 1 candidates")
        if (self.n > 1) + (self.turns > 1) + self.regenerate > 1:
            raise ValueError("n, turns and regenerate are three things: use a stage for each")
        if self.grounded and (self.n > 1 or self.turns > 1 or self.regenerate):
            raise ValueError(
                "grounded gives one answer to a row that has none: without n, turns and regenerate"
            )
        return self

    @property
    def answers_again(self) -> bool:
        return self.regenerate
