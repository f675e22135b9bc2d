"""The recipe's options of `score`. This module is fast to import."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from synth.reasons import SharedAction
from synth.recipe.base import JUDGING, AskingOptions, GivenScore
from synth.stages.reply_reasons import JudgeReason
from synth.stages.score.reasons import ScoreAction, ScoreReason

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}
_COMPARISON = re.compile(r"(>=|<=|>|<)\s*(-?\d{1,6}(?:\.\d{1,6})?)")


# The default rubrics: for one answer at a time, and for all answers of a row in one prompt.
RUBRIC, RUBRIC_TOGETHER = "quality", "quality_together"


class ScoreOptions(AskingOptions):
    """Scores answers with a judge on a rubric."""

    usual_sampling = JUDGING
    reasons = (*ScoreReason, *JudgeReason)
    actions = (*ScoreAction, SharedAction.FAILED)

    rubric: str = Field(
        default=RUBRIC,
        description="The rubric: a name in `prompts/score/`, or a `.md` file in the recipe's folder. Default "
        "with `listwise`: `quality_together`.",
    )
    keep: str | None = Field(
        default=None, description="The scores to keep, for example `>= 4`. Without it, a score drops nothing."
    )
    seeds: bool = Field(
        default=True, description="Also score seeds. Their scores show how the judge scores good rows."
    )
    candidates: bool = Field(
        default=True, description="Also score candidates. The best one becomes the answer of a draft."
    )
    listwise: bool = Field(default=False, description="Show all answers of a row in one prompt.")
    swap: bool = Field(
        default=False,
        description="With `listwise`: ask in both orders. An answer beats another only if it wins in both.",
    )
    score_from: Literal["auto", "logprobs", "text"] = Field(
        default="auto",
        description="How scores are read: the expectation over token probabilities, or the number as "
        "written. `auto` finds out with one request.",
    )

    @model_validator(mode="before")
    @classmethod
    def _rubric_of_its_kind(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("listwise") and value.get("rubric") is None:
            return {**value, "rubric": RUBRIC_TOGETHER}
        return value

    @model_validator(mode="after")
    def _fits(self) -> ScoreOptions:
        if self.swap and not self.listwise:
            raise ValueError("swap goes with `listwise: true`")
        if self.listwise and self.score_from == "logprobs":
            raise ValueError("several scores in one answer are read as they are written, not from logprobs")
        return self

    @field_validator("keep", mode="before")
    @classmethod
    def _comparison(cls, value: object) -> object:
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = f">= {value:g}"
        if not isinstance(value, str) or not _COMPARISON.fullmatch(value.strip()):
            raise ValueError("must be a comparison such as '>= 4'")
        return value.strip()

    @property
    def key(self) -> str:
        """The key of this score in a row's `scores`."""
        return self.as_ or (self.prompt or self.rubric).removesuffix(".md").rsplit("/", 1)[-1]

    @property
    def given_score(self) -> GivenScore:
        """Its key, its rubric, and the number in `keep`."""
        match = _COMPARISON.fullmatch(self.keep) if self.keep else None
        return GivenScore(self.key, self.prompt or self.rubric, float(match[2]) if match else None)

    def keeps(self, score: float) -> bool:
        """Whether a row with this score is kept."""
        if self.keep is None:
            return True
        match = _COMPARISON.fullmatch(self.keep)
        assert match is not None, "checked when the recipe was read"
        return _COMPARISONS[match[1]](score, float(match[2]))
