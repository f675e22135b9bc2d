"""Measures similarity of meaning with static word vectors (WordLlama): no server, no download, 19 MB."""

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
    """The vectors in WordLlama's wheel, loaded directly because WordLlama's loader would use the network."""
    import wordllama

    return wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """An array of shape (texts, 256). Each row has length 1; the row of an empty text is zeros."""
    import numpy as np

    if not texts:
        return np.zeros((0, 256), dtype=np.float32)
    vectors: NDArray[np.float32] = np.asarray(_model().embed(list(texts)), dtype=np.float32)
    lengths: NDArray[np.float32] = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.maximum(lengths, 1e-12)
    return vectors


def comparable(*texts: str) -> bool:
    """Whether the vectors of these texts can be compared: whether most letters of each are Latin.

    In every other script most tokens are single bytes, so the median cosine of unlike sentences is .5 to .9
    (Latin: 0 to .3). Vietnamese, whose vowels have two marks, has .5 as well.
    """
    return all(_mostly_latin(text) for text in texts)


def _mostly_latin(text: str) -> bool:
    if text.isascii():
        return True
    letters = [char for char in text if char.isalpha()]
    latin = sum(char < "\u0250" for char in letters)
    return 2 * latin >= len(letters) and not any("\u1ea0" <= char <= "\u1ef9" for char in letters)


def similarity(one: str, other: str) -> float:
    """The cosine of two texts, -1 to 1. About 0.7 for rewordings, about 0 for different subjects."""
    a, b = embed([one, other])
    return float(a @ b)
