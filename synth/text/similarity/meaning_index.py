"""Finds an earlier request that asks the same in other words: by static vectors, and by rules against their
errors.

Vectors of this kind distinguish subjects. They cannot tell "cancel it on Monday" from "on Friday", or the
highest price from the lowest. So a close pair counts only if no rule of `paraphrase_checks` finds a changed
number, name, negation, opposite, role or condition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.text.paraphrase_checks.meaning import changed_meaning
from synth.text.paraphrase_checks.reasons import MeaningReason
from synth.text.similarity.embedding import comparable, embed
from synth.text.similarity.near_duplicates import Duplicate, NearDuplicateIndex

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Close pairs that the rules check. Texts from one template have many.
_MOST_CHECKED = 20
_FIRST_SIZE = 64


class MeaningIndex:
    """Texts that can be searched for one with the same meaning: a cosine of at least `threshold`.

    Copies, and texts in scripts whose vectors mean nothing, are found by their shingles.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._shingles = NearDuplicateIndex()
        self._texts: list[str] = []
        self._vectors: NDArray[np.float32] | None = None

    def admit(self, text: str, *, always: bool = False) -> Duplicate | None:
        """Compares a text and adds it, unless it is a duplicate; with `always` (for seeds) even then.

        Returns the earlier text, or None. A text that was added has the position `len(self) - 1`.
        """
        vector = embed([text])[0]
        copy = self._shingles.seen(text)
        if copy is not None and not copy.exact and comparable(text):
            copy = None
        copy = copy or (self._nearest(text, vector) if comparable(text) else None)
        if copy is None or always:
            self._add(text, vector)
        return copy

    def __len__(self) -> int:
        return len(self._texts)

    def _nearest(self, text: str, vector: NDArray[np.float32]) -> Duplicate | None:
        """The earlier text with the highest cosine, of those that no rule tells apart. The search is
        exact.
        """
        import numpy as np

        if self._vectors is None:
            return None
        # Rounded, because the last digits differ between processors.
        cosines = (self._vectors[: len(self)] @ vector).round(4)
        close = np.flatnonzero(cosines >= self._threshold)
        for position in close[np.argsort(-cosines[close], kind="stable")][:_MOST_CHECKED].tolist():
            if comparable(self._texts[position]) and not _differs(self._texts[position], text):
                return Duplicate(position, float(cosines[position]), exact=False)
        return None

    def _add(self, text: str, vector: NDArray[np.float32]) -> None:
        import numpy as np

        if self._vectors is None:
            self._vectors = np.zeros((_FIRST_SIZE, len(vector)), dtype=np.float32)
        if len(self) == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
        self._vectors[len(self)] = vector
        self._texts.append(text)
        self._shingles.add(text)


def _differs(before: str, after: str) -> bool:
    """Whether a rule finds another meaning, in either direction: a condition can be lost or added."""
    found = changed_meaning(before, after) or changed_meaning(after, before)
    return found is not None and found[0] is not MeaningReason.COPY
