"""Vectors for "find similar": static embeddings that come inside a package, without a download."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from synth.errors import InputError

# More letters say little more about what a text means, and cost time.
_LETTERS = 4000
_DIGITS = 5


def embed(texts: Sequence[str]) -> list[list[float]]:
    """A vector for each text, of length 1; none for a text without a word. Raises `InputError` where the
    package is missing."""
    vectors = _model().embed([text[:_LETTERS] for text in texts])
    lengths = (vectors**2).sum(axis=1) ** 0.5
    return [
        [round(float(value) / float(length), _DIGITS) for value in vector] if length else []
        for vector, length in zip(vectors, lengths, strict=True)
    ]


@cache
def _model() -> Any:
    try:
        import wordllama
    except ImportError as error:
        raise InputError(
            "vectors need the package wordllama.",
            hint="pip install 'synth[argilla]', or take `vectors` out of the review task.",
        ) from error
    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
