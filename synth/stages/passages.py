"""Builds prompts with a question, its passages, and distracting passages.

RAFT (https://arxiv.org/abs/2403.10131) trains a model to pick the passage with the answer. Hashes that
include the row's id select and order the other passages, so that a new document changes few rows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from synth.llm.base import Json
from synth.prompts import Prompt
from synth.stable_hash import rank
from synth.stages.source_items import Passage
from synth.text.quotes import find_quote
from synth.text.similarity.embedding import embed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class PassageIndex:
    """The passages of a stage. `asking` is the prompt for a question with passages."""

    def __init__(self, passages: Sequence[Passage], asking: Prompt, salt: str) -> None:
        self.all = passages
        self._asking = asking
        self._salt = salt
        self._vectors: NDArray[np.float32] | None = None

    def nearest(self, question: str, count: int) -> list[Passage]:
        """The `count` passages most similar to the question in meaning, nearest first."""
        if self._vectors is None:
            self._vectors = embed([f"{p.heading or ''}\n{p.text}" for p in self.all])
        near = [round(float(cosine), 4) for cosine in self._vectors @ embed([question])[0]]
        best = sorted(range(len(near)), key=lambda i: (-near[i], self.all[i].id))
        return [self.all[i] for i in best[:count]]

    def others(self, row: str, count: int, *, than: Collection[str], without: str | None) -> list[Passage]:
        """A number of other passages, whose ids are not in `than` and that do not contain the quote
        `without`.
        """
        others = (p for p in sorted(self.all, key=lambda p: self._rank(row, p)) if p.id not in than)
        # Searches for the quote only in selected passages, because that is slow.
        fit = (p for p in others if without is None or not find_quote(without, p.text))
        return list(islice(fit, count))

    def mixed(self, row: str, passages: Sequence[Passage]) -> list[Passage]:
        """The passages in the order of the row's prompt."""
        return sorted(passages, key=lambda p: self._rank(row, p, "place"))

    def ask(self, passages: Sequence[Passage], question: str) -> list[Json]:
        """The messages that ask the question with its passages."""
        return self._asking.render({"passages": [p.text for p in passages], "question": question})

    def _rank(self, row: str, passage: Passage, what: str = "distractor") -> bytes:
        return rank(self._salt, what, row, passage.id)


def quoted_in(quote: str, passages: Sequence[Passage]) -> Passage | None:
    """The first passage that contains the quote."""
    return next((p for p in passages if find_quote(quote, p.text)), None)
