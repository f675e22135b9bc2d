"""The recipe's options of `apply`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from synth.recipe.base import StageOptions
from synth.stages.apply.reasons import ApplyAction, ApplyReason
from synth.stages.shared_options import FunctionName


class ApplyOptions(StageOptions):
    """Changes or drops rows with your own Python function."""

    reasons = tuple(ApplyReason)
    actions = tuple(ApplyAction)

    function: FunctionName = Field(description="`FILE.py:FUNCTION`. The file must be in the recipe's folder.")
    options: dict[str, Any] = Field(default_factory=dict, description="Keyword arguments of the function.")

    @property
    def user_code(self) -> str | None:
        return self.function
