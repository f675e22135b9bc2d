"""An index of texts by their vectors: is any of them as similar as a threshold to another text?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.text.similarity.embedding import embed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BATCH = 1024


class EmbeddingIndex:
    """Texts, asked whether one of them has a cosine of `threshold` or more with another text.

    Compares with every one of them, at 1 KB and 256 multiplications each. Static vectors tell subjects apart,
    not what is said about them: rows of one template ("cancel it on Monday", "... on Friday") come near.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._waiting: list[str] = []
        self._known: list[NDArray[np.float32]] = []

    def add(self, text: str) -> None:
        """Takes a text in."""
        self._waiting.append(text)
        if len(self._waiting) == _BATCH:
            self._embed_waiting()

    def near(self, text: str) -> bool:
        """Whether one of the texts is that near to `text`."""
        self._embed_waiting()
        vector = embed([text])[0]
        return any(bool((block @ vector >= self._threshold).any()) for block in self._known)

    def _embed_waiting(self) -> None:
        if self._waiting:
            self._known.append(embed(self._waiting))
            self._waiting = []
