"""The options of every stage: what a recipe may write. Light to import; the stages themselves are not."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from synth.recipe.base import AskingOptions, Count, Positive, Sampling, Share, StageOptions
from synth.text.standard import Options as StandardiseRules

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

    count: Positive = Field(default=100, description="Drafts that are to pass the filters below.")
    shots: Positive = Field(default=8, description="Examples in each prompt.")
    machine_shots: Count = Field(
        default=2, description="So many of them from kept drafts, once there are any."
    )
    novelty: Share = Field(default=0.7, description="Highest ROUGE-L F1 with any seed or kept draft.")
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


class RespondOptions(AskingOptions):
    """An answer for each row that has none."""

    system: str | None = Field(default=None, description="A system prompt for rows without one.")


class StandardiseOptions(StandardiseRules, StageOptions):
    """One form for all texts."""


class DedupeOptions(StageOptions):
    """Joins near-copies: the first stays."""

    on: Literal["prompt", "answer", "both"] = "prompt"
    threshold: Share = Field(
        default=0.8, description="Jaccard similarity of shingles from which two are copies."
    )


class RedactOptions(StageOptions):
    """Stand-ins for people's data in all sources, as they are read. Stands first."""

    emails: bool = Field(default=True, description="E-mail addresses.")
    phones: bool = Field(default=True, description="Telephone numbers that are valid in their country.")
    cards: bool = Field(default=True, description="Card numbers with the right last digit.")
    accounts: bool = Field(default=True, description="IBANs, bank routing numbers, account numbers.")
    names: str | None = Field(default=None, description="A file with one name a line.")
    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = Field(
        default=None, description="The country of telephone numbers that are written without one, such as DE."
    )


class CheckOptions(StageOptions):
    """What can be executed about an answer: one of `json`, `sql` and `function`."""

    schema_: str | None = Field(
        default=None, alias="json", description="A JSON schema the answer agrees with."
    )
    sql: str | None = Field(
        default=None, description="A SQLite or DuckDB file the answer runs on, read-only."
    )
    function: str | None = Field(
        default=None, description="FILE.py:FUNCTION, code of your own: it runs, under `synth run` alone."
    )
    seconds: Annotated[float, Field(gt=0, le=600)] = Field(default=5.0, description="What a query may take.")
    empty: bool = Field(default=True, description="Keep queries whose result has no rows.")

    @model_validator(mode="after")
    def _one_of_them(self) -> CheckOptions:
        named = [value for value in (self.schema_, self.sql, self.function) if value is not None]
        if len(named) != 1:
            raise ValueError("needs one of `json`, `sql` and `function`")
        return self


_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}
_COMPARISON = re.compile(r"(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)")


class ScoreOptions(AskingOptions):
    """A judge's score on a rubric."""

    rubric: str = Field(default="quality", description="A prompt of prompts/score/, or a .md file.")
    keep: str | None = Field(default=None, description="For example '>= 4'; without it, scores only mark.")
    seeds: bool = Field(default=True, description="Score the seeds, too: what good rows get from this judge.")
    read: Literal["auto", "logprobs", "text"] = Field(
        default="auto", description="Expectation over the score tokens, or the number as written."
    )
    sampling: Sampling = Sampling(temperature=0.0)

    @field_validator("keep", mode="before")
    @classmethod
    def _comparison(cls, value: object) -> object:
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return f">= {value:g}"
        if not isinstance(value, str) or not _COMPARISON.fullmatch(value.strip()):
            raise ValueError("must be a comparison such as '>= 4'")
        return value.strip()

    @property
    def key(self) -> str:
        """The name under which a row's `scores` hold this one."""
        return self.as_ or (self.prompt or self.rubric).removesuffix(".md").rsplit("/", 1)[-1]

    @property
    def bar(self) -> float | None:
        """The score at which keeping turns into dropping."""
        match = _COMPARISON.fullmatch(self.keep) if self.keep else None
        return float(match[2]) if match else None

    def keeps(self, score: float) -> bool:
        """Whether a row with this score stays."""
        if self.keep is None:
            return True
        match = _COMPARISON.fullmatch(self.keep)
        assert match is not None, "checked when the recipe was read"
        return _COMPARISONS[match[1]](score, float(match[2]))
