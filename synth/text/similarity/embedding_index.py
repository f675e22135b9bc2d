"""An index of texts by their vectors, which answers whether a text is similar to any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.text.similarity.embedding import embed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BATCH = 1024


class EmbeddingIndex:
    """Texts that can be searched for one with a cosine of at least `threshold` to another text.

    Every search compares with all texts, at 1 KB of memory and 256 multiplications each. Static vectors
    distinguish subjects, not statements about them: texts from one template ("cancel it on Monday", "... on
    Friday") are similar.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._waiting: list[str] = []
        self._known: list[NDArray[np.float32]] = []

    def add(self, text: str) -> None:
        """Adds a text."""
        self._waiting.append(text)
        if len(self._waiting) == _BATCH:
            self._embed_waiting()

    def near(self, text: str) -> bool:
        """Whether the cosine of any of the texts with `text` reaches the threshold."""
        self._embed_waiting()
        vector = embed([text])[0]
        return any(bool((block @ vector >= self._threshold).any()) for block in self._known)

    def _embed_waiting(self) -> None:
        if self._waiting:
            self._known.append(embed(self._waiting))
            self._waiting = []
