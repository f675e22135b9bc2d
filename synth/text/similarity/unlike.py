"""Measures whether two texts are alike, in every script: by vectors where they mean something, and by common
runs of characters where they do not.
"""

from __future__ import annotations

from typing import Final

from synth.text.languages import language_of
from synth.text.paraphrase_checks.numerals import in_digits
from synth.text.retrieval import terms
from synth.text.similarity.embedding import comparable, similarity

# In English, texts with a smaller cosine ask different things: 98% of unlike requests and no rewording.
_LEAST_ENGLISH: Final = 0.25
# In other languages in Latin letters, some rewordings have a cosine of 0.15, so the letters must differ, too.
_LEAST_LATIN: Final = 0.15
_LEAST_COMMON: Final = 0.05


def likeness(one: str, other: str) -> float:
    """How alike two texts are: their cosine, or the share of their common runs of characters."""
    if comparable(one, other):
        return similarity(one, other)
    return common_runs(one, other)


def common_runs(one: str, other: str) -> float:
    """The share of runs of characters that two texts have in common, 0 to 1 (Dice's coefficient)."""
    ours, theirs = set(terms(one)), set(terms(other))
    return 2 * len(ours & theirs) / (len(ours) + len(theirs)) if ours or theirs else 0.0


def calibrated(one: str, other: str) -> bool:
    """Whether bounds on cosines hold that were measured on English requests."""
    return language_of(one) == language_of(other) == "en"


def asks_something_else(before: str, after: str) -> str | None:
    """Why two texts in one language surely ask different things, or None."""
    language = language_of(before)
    if not comparable(before, after):
        old, new = (in_digits(text, language)[0] for text in (before, after))
        return "no two characters in common" if common_runs(old, new) == 0 else None
    near = similarity(before, after)
    if language == "en":
        return f"similarity {near:.2f}, wanted {_LEAST_ENGLISH} or more" if near < _LEAST_ENGLISH else None
    if near < _LEAST_LATIN and common_runs(before, after) < _LEAST_COMMON:
        return f"similarity {near:.2f}, wanted {_LEAST_LATIN} or more, and hardly a common word"
    return None
