"""Suggests the known word that a mistyped one probably means."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Minimum similarity of two words: "dedup" and "dedupe" have 0.91, "nope" and "openai" 0.6.
_NEAR = 0.65


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean ...?`, or an empty text if no known word is similar."""
    match = difflib.get_close_matches(word, [str(k) for k in known], n=1, cutoff=_NEAR)
    return f" Did you mean {match[0]!r}?" if match else ""
