"""What the standard form of a text is: the recipe's `standardise: {...}`, apart from what makes it so.

A recipe is checked before any text is: what it may say is light to import, what does it is not.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

# How SQL keywords are to be written.
KeywordCase = Literal["keep", "upper", "lower"]


def _yaml_off(value: object) -> object:
    return "off" if value is False else value  # YAML 1.1 reads a bare `off` as false


class Options(BaseModel):
    """The recipe's `standardise: {...}` block. Each rule can be turned off by its name."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)

    line_ends: bool = True
    unicode: bool = True
    smart_quotes: Literal["keep", "straight"] = "keep"
    preamble: bool = True
    fence: bool = True
    quotes: bool = True
    closer: bool = False
    # `json` would hide a method of BaseModel.
    json_spacing: Annotated[Literal["off", "compact", "indent"], BeforeValidator(_yaml_off)] = Field(
        default="off", alias="json"
    )
    sql: Annotated[Literal["off", "oneline"], BeforeValidator(_yaml_off)] = "off"
    sql_keywords: KeywordCase = "keep"
    whitespace: bool = True
    prefix: str | None = None

    @field_validator("prefix")
    @classmethod
    def _prefix_says_something(cls, prefix: str | None) -> str | None:
        if prefix is not None and not prefix.strip():
            raise ValueError("a prefix needs at least one character that is not white space")
        return prefix
