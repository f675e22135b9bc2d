"""The codes that rows carry: why a row was dropped or withheld, and what a stage did to it.

Each code has one sentence for people. A stage lists its codes in classes of its own below `Reason` and
`Action`, and names them in its options (`reasons`, `actions`). `docs/write_reference.py` writes them into its
page.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Code(StrEnum):
    """A short fixed code and its sentence. In JSON, only the code is stored."""

    sentence: str

    def __new__(cls, code: str, sentence: str = "") -> Self:
        """Makes a member: `NEAR_COPY = "near_copy", "..."`. The default allows `Reason(code)`, a look-up."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.sentence = sentence
        return member


class Reason(Code):
    """Why a row was dropped, or is not in an export."""

    @property
    def is_copy(self) -> bool:
        """Whether the row repeats another one. People cannot restore such a row, because it stays a copy."""
        return False


class Action(Code):
    """What a stage did to a row that it passed on: a code in the row's history."""


class SharedAction(Action):
    """Actions of every stage that asks a model."""

    FAILED = "failed", "the request failed; the row comes from people, so it stays"
