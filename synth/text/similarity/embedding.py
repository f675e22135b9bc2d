"""How near two texts are in meaning, by static word vectors (WordLlama): no server, no download, 19 MB."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from wordllama.inference import WordLlamaInference


@cache
def _model() -> WordLlamaInference:
    """The vectors in WordLlama's own wheel; its loader would look for them on the network."""
    import wordllama

    return wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """One vector of length 1 a text (rows), of 256 numbers; an empty text gives zeros."""
    import numpy as np

    if not texts:
        return np.zeros((0, 256), dtype=np.float32)
    vectors: NDArray[np.float32] = np.asarray(_model().embed(list(texts)), dtype=np.float32)
    lengths: NDArray[np.float32] = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.maximum(lengths, 1e-12)
    return vectors


def similarity(one: str, other: str) -> float:
    """The cosine of two texts, -1 to 1. Rewordings lie around 0.7, other subjects around 0."""
    a, b = embed([one, other])
    return float(a @ b)
