"""Embeds rows for Argilla's "find similar"."""

from __future__ import annotations

from collections.abc import Sequence

from synth.text.similarity import embedding

# In characters. Longer texts add little meaning, and cost time.
_LETTERS = 4000
_DIGITS = 5


def embed(texts: Sequence[str]) -> list[list[float]]:
    """One vector of length 1 per text; an empty list for a text without words."""
    vectors = embedding.embed([text[:_LETTERS] for text in texts])
    return [[round(float(value), _DIGITS) for value in vector] if vector.any() else [] for vector in vectors]
