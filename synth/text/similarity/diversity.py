"""Measures the diversity of a set of texts, to compare it before and after rewording."""

from __future__ import annotations

from collections.abc import Sequence

from synth.text.similarity.embedding import embed
from synth.text.tokens import rouge_tokens

_BLOCK = 1024  # rows compared at a time: a block of 1,024 x n cosines of 4 bytes


def distinct_n(texts: Sequence[str], n: int) -> float:
    """Distinct n-grams divided by all n-grams (Li et al., 2016, arXiv:1510.03055): 0 to 1; 0 for no texts.

    It always falls as a set grows, so compare sets of equal size.
    """
    if n < 1:
        raise ValueError("n must be at least 1")
    runs = 0
    different: set[tuple[str, ...]] = set()
    for text in texts:
        words = rouge_tokens(text)
        grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        runs += len(grams)
        different.update(grams)
    return len(different) / runs if runs else 0.0


def mean_nearest_similarity(texts: Sequence[str]) -> float:
    """The mean cosine of each text with its nearest other text: 1 for copies, 0 for fewer than two texts."""
    if len(texts) < 2:
        return 0.0
    vectors = embed(texts)
    total = 0.0
    for start in range(0, len(vectors), _BLOCK):
        cosines = vectors[start : start + _BLOCK] @ vectors.T
        for row in range(len(cosines)):
            cosines[row, start + row] = -2.0  # excludes the text itself
        total += float(cosines.max(axis=1).sum())
    return total / len(texts)
