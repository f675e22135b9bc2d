"""Whether a rewording says the same: what can be checked without a model."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CODE = re.compile(r"`[^`\n]+`|\"[^\"\n]+\"|'(?=\w)[^'\n]*\w'(?!\w)")
_NEGATION = re.compile(r"\b(?:not|no|never|none|without|cannot)\b|n't\b", re.IGNORECASE)


def changed_meaning(before: str, after: str) -> tuple[str, str] | None:
    """Code and words for a change of meaning from `before` to `after`; None where none is found."""
    lost = sorted(set(_NUMBER.findall(before)) ^ set(_NUMBER.findall(after)))
    if lost:
        return "number", f"{lost[0]!r} stands in one of the two only"
    for quoted in _CODE.findall(before):
        if quoted[1:-1] not in after:
            return "quoted", f"{quoted} is gone"
    if bool(_NEGATION.search(before)) != bool(_NEGATION.search(after)):
        return "negation", "one of the two is negated"
    return None
