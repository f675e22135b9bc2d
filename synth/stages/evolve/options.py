"""What a recipe may write under `evolve`."""

from __future__ import annotations

from pydantic import Field, field_validator

from synth.recipe.base import AskingOptions, Positive, Sampling
from synth.stages.evolve.reasons import EvolveAction, EvolveReason
from synth.stages.reply_reasons import OBJECT_REPLY

# Evol-Instruct, https://arxiv.org/abs/2304.12244: four ways into depth and one into breadth.
EVOL_DEPTH = {
    "constraints": "add one more constraint or requirement",
    "deepening": "where it asks about certain issues, ask deeper and more broadly about them",
    "concretizing": "replace general ideas by more specific ones",
    "reasoning": "where a few simple steps of thought solve it, ask expressly for several steps of reasoning",
}
EVOL_BREADTH = "breadth"
EVOL_SORRY_WORDS = 80


class EvolveOptions(AskingOptions):
    """Harder and rarer requests out of those that are there (Evol-Instruct)."""

    reasons = (*EvolveReason, *OBJECT_REPLY)
    actions = tuple(EvolveAction)

    from_: tuple[str, ...] | None = Field(
        default=None, alias="from", description="Sources and earlier makers to draw on; all by default."
    )
    variants: Positive = Field(default=1, description="Evolved requests of each row.")
    count: Positive | None = Field(default=None, description="Evolved rows that are to pass in all.")
    operations: tuple[str, ...] = Field(
        default=(*EVOL_DEPTH, EVOL_BREADTH), description="Taken in turn, so that each comes equally often."
    )
    judge: str | None = Field(default=None, description="One of `models`, in the place of `judge`.")
    sampling_of_judge: Sampling = Sampling(temperature=0.0)
    ask_judge: bool = Field(default=True, description="Let the judge say whether anything was gained.")
    sampling: Sampling = Sampling(temperature=1.0, top_p=0.9)

    @field_validator("operations")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = (*EVOL_DEPTH, EVOL_BREADTH)
        if not value or set(value) - set(known):
            raise ValueError(f"must be some of {', '.join(known)}")
        return value
