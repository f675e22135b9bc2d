"""The options of the recipe's `standardise: {...}`, separate from their implementation.

Every command checks the recipe, so the options must be fast to import; the implementation is not.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

# The case of SQL keywords.
KeywordCase = Literal["keep", "upper", "lower"]


def _yaml_off(value: object) -> object:
    return "off" if value is False else value  # YAML 1.1 reads a bare `off` as false


class Options(BaseModel):
    """The recipe's `standardise: {...}` block. Each rule can be turned off by its name."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)

    line_ends: bool = Field(default=True, description="Make all line ends `\\n`.")
    unicode: bool = Field(
        default=True, description="Compose characters (NFC); remove zero-width and non-breaking spaces."
    )
    smart_quotes: Literal["keep", "straight"] = Field(
        default="keep", description="Whether typographic quotes become straight ones."
    )
    preamble: bool = Field(
        default=True, description='Remove preambles from answers, such as "Sure, here is the text:".'
    )
    fence: bool = Field(default=True, description="Remove a code fence around a whole answer.")
    quotes: bool = Field(default=True, description="Remove quotation marks around a whole answer.")
    closer: bool = Field(
        default=False, description='Remove closing phrases from answers, such as "I hope this helps!".'
    )
    # `json` would hide a method of BaseModel.
    json_spacing: Annotated[Literal["off", "compact", "indent"], BeforeValidator(_yaml_off)] = Field(
        default="off", alias="json", description="The spacing of answers that are JSON."
    )
    sql: Annotated[Literal["off", "oneline"], BeforeValidator(_yaml_off)] = Field(
        default="off", description="Whether answers that are SQL go on one line."
    )
    sql_keywords: KeywordCase = Field(default="keep", description="The case of SQL keywords.")
    whitespace: bool = Field(
        default=True, description="Join repeated spaces and empty lines; remove spaces at line ends."
    )
    prefix: str | None = Field(default=None, description="A text that every answer begins with.")

    @field_validator("prefix")
    @classmethod
    def _prefix_says_something(cls, prefix: str | None) -> str | None:
        if prefix is not None and not prefix.strip():
            raise ValueError("a prefix needs at least one character that is not white space")
        return prefix
