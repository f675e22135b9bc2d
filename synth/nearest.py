"""What a mistyped word was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean ...?`, or nothing where nothing is near."""
    match = difflib.get_close_matches(word, [str(k) for k in known], n=1, cutoff=0.5)
    return f" Did you mean {match[0]!r}?" if match else ""
