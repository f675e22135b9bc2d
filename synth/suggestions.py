"""What a mistyped word was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# How alike two words have to be: "dedup" and "dedupe" are 0.91, "nope" and "openai" 0.6.
_NEAR = 0.65


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean ...?`, or nothing where nothing is near."""
    match = difflib.get_close_matches(word, [str(k) for k in known], n=1, cutoff=_NEAR)
    return f" Did you mean {match[0]!r}?" if match else ""
