"""Vectors for "find similar", as Argilla takes them."""

from __future__ import annotations

from collections.abc import Sequence

from synth.text.similarity import embedding

# More letters say little more about what a text means, and cost time.
_LETTERS = 4000
_DIGITS = 5


def embed(texts: Sequence[str]) -> list[list[float]]:
    """A vector for each text, of length 1; none for a text without a word."""
    vectors = embedding.embed([text[:_LETTERS] for text in texts])
    return [[round(float(value), _DIGITS) for value in vector] if vector.any() else [] for vector in vectors]
