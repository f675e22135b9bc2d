"""Options that several stages share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from synth.user_code import FUNCTION_PATTERN, split_name

# The assistant's answer if the passages do not contain one.
NOT_IN_CONTEXT = "The answer is not in the context."


def _names_a_function(value: str) -> str:
    split_name(value)
    return value


# `FILE.py:FUNCTION`, a user's function.
FunctionName = Annotated[
    str, AfterValidator(_names_a_function), Field(json_schema_extra={"pattern": FUNCTION_PATTERN})
]
