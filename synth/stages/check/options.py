"""The recipe's options of `check`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from synth.checks.reasons import CheckReason
from synth.isolated.reasons import LimitReason
from synth.recipe.base import StageOptions
from synth.stages.shared_options import FunctionName


class CheckOptions(StageOptions):
    """Runs each answer: exactly one of `json`, `sql` and `function` is needed."""

    reasons = (*CheckReason, *LimitReason)

    schema_: str | None = Field(
        default=None, alias="json", description="A file with a JSON schema that the answer must match."
    )
    sql: str | None = Field(
        default=None,
        description="A SQLite or DuckDB file. The answer must be a query that runs on it, read-only.",
    )
    function: FunctionName | None = Field(
        default=None,
        description="`FILE.py:FUNCTION`, your own check. It runs only in `synth run`.",
    )
    seconds: Annotated[float, Field(gt=0, le=600)] = Field(
        default=5.0, description="Maximum seconds of a query."
    )
    empty: bool = Field(default=True, description="Whether the result of a query may have no rows.")

    @model_validator(mode="after")
    def _one_of_them(self) -> CheckOptions:
        named = [value for value in (self.schema_, self.sql, self.function) if value is not None]
        if len(named) != 1:
            raise ValueError("needs one of `json`, `sql` and `function`")
        return self

    @property
    def user_code(self) -> str | None:
        return self.function
