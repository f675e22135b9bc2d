"""The recipe's options of `redact`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from synth.recipe.base import StageOptions
from synth.redaction.kinds import DataKind


class RedactOptions(StageOptions):
    """Replaces personal data by stand-ins while the sources are read. It must be the first stage."""

    redacts = True
    actions = tuple(DataKind)

    emails: bool = Field(
        default=True,
        description="Replace e-mail addresses, except those of reserved domains (`example.com`, `.test`, "
        "`.invalid`).",
    )
    phones: bool = Field(
        default=True,
        description="Replace telephone numbers that are valid in their country. Without `region`, only "
        "numbers with a country code such as `+49`.",
    )
    cards: bool = Field(
        default=True,
        description="Replace card numbers: 13 to 19 digits of a known scheme with a valid last digit (Luhn).",
    )
    accounts: bool = Field(
        default=True,
        description="Replace IBANs with a valid checksum and length, US routing numbers (with checksum) "
        "after `routing`, and numbers of 7 or more digits after `account`, `Konto`, `compte` and similar "
        "words (no checksum).",
    )
    names: str | None = Field(
        default=None, description="A file with one name per line. These names are replaced."
    )
    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = Field(
        default=None, description="The country of telephone numbers without a country code, for example DE."
    )
