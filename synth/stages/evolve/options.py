"""The recipe's options of `evolve`."""

from __future__ import annotations

from pydantic import Field, field_validator

from synth.recipe.base import (
    JUDGE,
    JUDGE_SAMPLING,
    PARENTS,
    Positive,
    Sampling,
)
from synth.stages.evidence import EvidenceOptions
from synth.stages.evolve.reasons import EvolveAction, EvolveReason
from synth.stages.reply_reasons import OBJECT_REPLY

# Evol-Instruct, https://arxiv.org/abs/2304.12244: four ways into depth and one into breadth.
EVOL_DEPTH = {
    "constraints": "add one constraint or requirement that changes the answer",
    "deepening": "ask more deeply or more broadly about the issue that it raises",
    "concretizing": "replace a general idea by a more specific one",
    "reasoning": "if it can be answered in one step, make it need several steps of reasoning",
}
EVOL_BREADTH = "breadth"
EVOL_SORRY_WORDS = 80


class EvolveOptions(EvidenceOptions):
    """Makes requests harder or rarer (Evol-Instruct)."""

    usual_sampling = Sampling(temperature=1.0, top_p=0.9)
    reasons = (*EvolveReason, *OBJECT_REPLY)
    actions = tuple(EvolveAction)

    from_: tuple[str, ...] | None = Field(default=None, alias="from", description=PARENTS)
    variants: Positive = Field(default=1, description="Number of evolved requests for each row.")
    count: Positive | None = Field(
        default=None, description="Maximum number of evolved rows to keep. Default: no maximum."
    )
    operations: tuple[str, ...] = Field(
        default=(*EVOL_DEPTH, EVOL_BREADTH), description="Operations to use, in turn."
    )
    answers_: bool = Field(
        default=True,
        alias="answers",
        description="Answer each evolved request. `false`: write requests alone, for a later `respond`.",
    )
    judge: str | None = Field(default=None, description=JUDGE)
    judge_sampling: Sampling = Field(default_factory=Sampling, description=JUDGE_SAMPLING)
    ask_judge: bool = Field(default=True, description="Ask the judge whether the new request differs enough.")

    @field_validator("operations")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = (*EVOL_DEPTH, EVOL_BREADTH)
        if not value or set(value) - set(known):
            raise ValueError(f"must be some of {', '.join(known)}")
        return value
