"""An index of texts, which answers whether a text is similar in meaning to any of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from synth.text.retrieval import terms
from synth.text.similarity.embedding import comparable, embed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BATCH = 1024


class EmbeddingIndex:
    """Texts that can be searched for one with a likeness of at least `threshold` (`unlike.likeness`).

    Every search compares with all texts, at 1 KB of memory and 256 multiplications each. Static vectors
    distinguish subjects, not statements about them: texts from one template ("cancel it on Monday", "... on
    Friday") are similar. In scripts for which the vectors mean nothing, common runs of characters count.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._waiting: list[str] = []
        self._known: list[NDArray[np.float32]] = []
        self._sizes: list[int] = []
        self._postings: dict[str, list[int]] = {}

    def add(self, text: str) -> None:
        """Adds a text."""
        if not comparable(text):
            self._add_runs(text)
            return
        self._waiting.append(text)
        if len(self._waiting) == _BATCH:
            self._embed_waiting()

    def near(self, text: str) -> bool:
        """Whether the likeness of any of the texts to `text` reaches the threshold."""
        if not comparable(text):
            return self._shares_runs(text)
        self._embed_waiting()
        vector = embed([text])[0]
        return any(bool((block @ vector >= self._threshold).any()) for block in self._known)

    def _add_runs(self, text: str) -> None:
        runs = set(terms(text))
        for run in runs:
            self._postings.setdefault(run, []).append(len(self._sizes))
        self._sizes.append(len(runs))

    def _shares_runs(self, text: str) -> bool:
        runs = set(terms(text))
        common = Counter(row for run in runs for row in self._postings.get(run, ()))
        return any(
            2 * count >= self._threshold * (len(runs) + self._sizes[row]) for row, count in common.items()
        )

    def _embed_waiting(self) -> None:
        if self._waiting:
            self._known.append(embed(self._waiting))
            self._waiting = []
