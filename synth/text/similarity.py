"""How alike texts are in meaning, from static embeddings that come with a package: no model is fetched.

WordLlama's vectors (256 numbers a text) put English rewordings near 0.8 and unrelated sentences near 0.
They know little of other languages.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Texts compared with each other at a time: 1,000 rows of similarities of 10,000 texts take 40 MB.
_BATCH = 1000


def similarity(first: str, second: str) -> float:
    """The cosine of two texts' vectors, from -1 to 1."""
    vectors = _vectors([first, second])
    return float(vectors[0] @ vectors[1])


def mean_nearest(texts: Sequence[str]) -> float | None:
    """The mean over texts of the similarity with the nearest other one: the lower, the more diverse.

    None for fewer than two texts. Time grows with the square of their number.
    """
    import numpy as np

    if len(texts) < 2:
        return None
    vectors = _vectors(texts)
    total = 0.0
    for start in range(0, len(texts), _BATCH):
        block = vectors[start : start + _BATCH] @ vectors.T
        block[np.arange(len(block)), np.arange(start, start + len(block))] = -1.0
        total += float(block.max(axis=1).sum())
    return total / len(texts)


def distinct(texts: Sequence[str], n: int) -> float | None:
    """Distinct-n (Li et al., https://arxiv.org/abs/1510.03055): different runs of n words over all runs."""
    from synth.text.tokens import rouge_tokens

    runs: set[tuple[str, ...]] = set()
    count = 0
    for text in texts:
        tokens = rouge_tokens(text)
        for start in range(len(tokens) - n + 1):
            runs.add(tuple(tokens[start : start + n]))
            count += 1
    return len(runs) / count if count else None


def _vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors, one a row; a text without any known word has the zero vector."""
    import numpy as np

    vectors: NDArray[np.float32] = np.asarray(_model().embed(list(texts), norm=False), dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)


@cache
def _model() -> Any:
    import wordllama

    # Its own look for the tokenizer misses the one beside its weights.
    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
