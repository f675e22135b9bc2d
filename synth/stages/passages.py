"""Builds prompts with a question, its passages, and distracting passages.

RAFT (https://arxiv.org/abs/2403.10131) trains a model to pick the passage with the answer. The other passages
are those nearest to the question, because a retriever returns near misses, too. A hash that includes the
row's id orders them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice

from synth.llm.base import Json
from synth.prompts import Prompt
from synth.stable_hash import rank
from synth.stages.source_items import Passage
from synth.text.quotes import find_quote
from synth.text.retrieval import Retriever


class PassageIndex:
    """The passages of a stage. `asking` is the prompt for a question with passages."""

    def __init__(self, passages: Sequence[Passage], asking: Prompt, salt: str) -> None:
        self.all = passages
        self._asking = asking
        self._salt = salt
        self._retriever: Retriever | None = None

    def nearest(self, question: str, count: int) -> list[Passage]:
        """The `count` passages nearest to the question, nearest first."""
        if self._retriever is None:
            self._retriever = Retriever([f"{p.heading or ''}\n{p.text}" for p in self.all])
        return [self.all[position] for position in self._retriever.nearest(question, count)]

    def others(
        self, question: str, count: int, *, than: Collection[str], without: str | None
    ) -> list[Passage]:
        """The passages nearest to the question whose ids are not in `than` and that do not contain the quote
        `without`.
        """
        others = (p for p in self.nearest(question, len(self.all)) if p.id not in than)
        # Searches for the quote only in selected passages, because that is slow.
        fit = (p for p in others if without is None or not find_quote(without, p.text))
        return list(islice(fit, count))

    def mixed(self, row: str, passages: Sequence[Passage]) -> list[Passage]:
        """The passages in the order of the row's prompt."""
        return sorted(passages, key=lambda p: rank(self._salt, "place", row, p.id))

    def ask(self, passages: Sequence[Passage], question: str) -> list[Json]:
        """The messages that ask the question with its passages."""
        return self._asking.render({"passages": [p.text for p in passages], "question": question})


def quoted_in(quote: str, passages: Sequence[Passage]) -> Passage | None:
    """The first passage that contains the quote."""
    return next((p for p in passages if find_quote(quote, p.text)), None)
