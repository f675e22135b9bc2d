"""Whether a request can be understood without the text that it was drafted from."""

from __future__ import annotations

import re

_LEANS = re.compile(
    r"\b(?:the|this|that|above|following|given|provided|preceding)\s+"
    r"(?:text|passage|document|article|excerpt|paragraph|section|context|snippet)\b"
    r"|\baccording to (?:the|this) (?:text|passage|document|article|author)\b"
    r"|\b(?:mentioned|described|stated|listed|shown) (?:above|below|here)\b",
    re.IGNORECASE,
)


def leans_on_source(instruction: str) -> str | None:
    """The words with which `instruction` refers to a text that its reader does not have, or None."""
    match = _LEANS.search(instruction)
    return match[0] if match else None
