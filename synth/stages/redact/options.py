"""What a recipe may write under `redact`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from synth.recipe.base import StageOptions
from synth.redaction.kinds import DataKind


class RedactOptions(StageOptions):
    """Stand-ins for people's data in all sources, as they are read. Stands first."""

    redacts = True
    actions = tuple(DataKind)

    emails: bool = Field(default=True, description="E-mail addresses.")
    phones: bool = Field(default=True, description="Telephone numbers that are valid in their country.")
    cards: bool = Field(default=True, description="Card numbers with the right last digit.")
    accounts: bool = Field(default=True, description="IBANs, bank routing numbers, account numbers.")
    names: str | None = Field(default=None, description="A file with one name a line.")
    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = Field(
        default=None, description="The country of telephone numbers that are written without one, such as DE."
    )
