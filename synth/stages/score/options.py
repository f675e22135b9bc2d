"""The recipe's options of `score`. This module is fast to import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from synth.reasons import SharedAction
from synth.recipe.base import JUDGING, AskingOptions, GivenScore
from synth.stages.bar import Bar
from synth.stages.reply_reasons import JudgeReason
from synth.stages.score.reasons import ScoreAction, ScoreReason

# The default rubrics: for one answer at a time, and for all answers of a row in one prompt.
RUBRIC, RUBRIC_TOGETHER = "quality", "quality_together"


class ScoreOptions(AskingOptions):
    """Scores answers with a judge on one or several rubrics."""

    usual_sampling = JUDGING
    reasons = (*ScoreReason, *JudgeReason)
    actions = (*ScoreAction, SharedAction.FAILED)

    rubric: str = Field(
        default=RUBRIC,
        description="The rubric: a name in `prompts/score/`, or a `.md` file in the recipe's folder. Default "
        "with `listwise`: `quality_together`.",
    )
    rubrics: Annotated[list[str], Field(min_length=1, max_length=20)] | None = Field(
        default=None,
        description="Several rubrics in one request, each with its own score: `correct`, `complete`, "
        "`grounded`, `tone`, or `.md` files that describe levels.",
    )
    keep: str | dict[str, str] | None = Field(
        default=None,
        description="The levels to keep, for example `>= 4`: a row stays if their probability is at least "
        "0.5. With `rubrics`, on each of them, or a mapping from rubric to levels. Without it, a score drops "
        "nothing.",
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
        if self.rubrics and self.listwise:
            raise ValueError("`listwise` compares answers on one rubric: give `rubric` instead of `rubrics`")
        if self.rubrics and self.rubric != RUBRIC:
            raise ValueError("give `rubric` or `rubrics`, not both")
        if len(set(self.keys)) < len(self.keys):
            raise ValueError("two of the rubrics have the same name")
        if isinstance(self.keep, dict) and (unknown := sorted(self.keep.keys() - set(self.names))):
            raise ValueError(
                f"keep has a bar for {unknown[0]!r}, and the rubrics are {', '.join(self.names)}"
            )
        return self

    @field_validator("keep", mode="before")
    @classmethod
    def _comparison(cls, value: object) -> object:
        if isinstance(value, Mapping):
            return {str(name): str(Bar.parse(bar)) for name, bar in value.items()}
        return None if value is None else str(Bar.parse(value))

    @property
    def names(self) -> Sequence[str]:
        """The names of the rubrics."""
        named = self.rubrics or [self.prompt or self.rubric]
        return [each.removesuffix(".md").rsplit("/", 1)[-1] for each in named]

    @property
    def keys(self) -> Sequence[str]:
        """The keys of the scores in a row's `scores`, in the order of `names`."""
        if self.as_ is None:
            return self.names
        return [f"{self.as_}.{name}" for name in self.names] if self.rubrics else [self.as_]

    @property
    def bars(self) -> Mapping[str, Bar]:
        """What each score must reach, by its key."""
        bars = self.keep if isinstance(self.keep, dict) else dict.fromkeys(self.names, self.keep)
        of_keys = [(key, bars.get(name)) for key, name in zip(self.keys, self.names, strict=True)]
        return {key: Bar.parse(bar) for key, bar in of_keys if bar is not None}

    @property
    def given_scores(self) -> Sequence[GivenScore]:
        """The key and the rubric of each score, and the number in `keep`."""
        rubrics = self.rubrics or [self.prompt or self.rubric]
        return [
            GivenScore(key, rubric, self.bars[key].bound if key in self.bars else None)
            for key, rubric in zip(self.keys, rubrics, strict=True)
        ]
