"""What a judge sees beside the answer: its evidence, a right answer, and good answers to near requests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from synth.llm.base import Json
from synth.row import Row
from synth.stages.context import Context
from synth.stages.evidence import LONGEST, SHORTEST
from synth.stages.transcript import transcript
from synth.text.retrieval import Retriever

# The inputs that a rubric can use. One that declares fewer gets fewer.
SHOWN = ("conversation", "response", "evidence", "expected", "examples")
SHOWN_TOGETHER = ("conversation", "responses", "evidence", "expected", "examples")

# Seeds that are shown, nearest first. Longer ones would cost more than they say.
_EXAMPLES = 2
_LONGEST_EXAMPLE = 2000

# The keys under which stages note the texts that an answer was written from. Others name passages as its
# parents, or as examples.
_NOTED = ("source", "quote")


class Shown:
    """The inputs of a rubric for each row. Held-out rows are in none of them."""

    def __init__(self, context: Context) -> None:
        self._seeds = [
            seed.row
            for seed in context.seeds
            if seed.row.conversation.has_answer and len(_example(seed.row)) <= _LONGEST_EXAMPLE
        ]
        self._passages: dict[str, str] = {}
        if context.recipe.sources.documents is not None:
            self._passages = {p.id: p.text for p in context.passages(SHORTEST, LONGEST)}
        self._expected = {f.id: f.expected for f in context.failures if f.expected is not None}

    def values(self, row: Row, answers: Sequence[str]) -> Json:
        """The values of all inputs but the answer, which is one of `answers`."""
        return {
            "conversation": transcript(row.conversation.prompt),
            "evidence": self._evidence(row, answers),
            "expected": self._right_answer(row, answers),
            "examples": self._examples(row, answers),
        }

    def _right_answer(self, row: Row, answers: Sequence[str]) -> str:
        """An answer by people, if the row has one and it is not the answer to judge."""
        of_failure = (self._expected[each] for each in row.lineage.parents if each in self._expected)
        right = (row.conversation.answer or "") if row.given else next(of_failure, "")
        return "" if right in answers else right

    def _examples(self, row: Row, answers: Sequence[str]) -> list[str]:
        """The nearest seeds. A seed with one of the answers would say what to score."""
        if not self._seeds:
            return []
        # More than are shown, because the nearest ones of a seed or a rewording are the row itself.
        near = self._index.nearest(row.conversation.prompt_text, _EXAMPLES + 10)
        others = [
            seed
            for place in near
            if (seed := self._seeds[place]).id != row.id
            and seed.conversation.answer not in answers
            and seed.id not in row.lineage.parents
        ]
        return [_example(seed) for seed in others[:_EXAMPLES]]

    def _evidence(self, row: Row, answers: Sequence[str]) -> list[str]:
        """The texts that the answer was written from, without those that the prompt or the answer has."""
        noted = [event.details.get(key) for event in row.history for key in _NOTED]
        noted += [text for event in row.history for text in event.details.get("evidence", ())]
        named = [self._passages.get(id_) for id_ in (*row.lineage.parents, *row.lineage.shots)]
        texts = dict.fromkeys(text for text in (*noted, *named) if isinstance(text, str) and text.strip())
        seen = [row.conversation.prompt_text, *answers]
        evidence: list[str] = []
        # Longest first, so that a quote is left out whose passage is shown.
        for text in sorted(texts, key=len, reverse=True):
            if not any(text in other for other in seen):
                evidence.append(text)
                seen.append(text)
        return evidence

    @cached_property
    def _index(self) -> Retriever:
        return Retriever([seed.conversation.prompt_text for seed in self._seeds])


def _example(seed: Row) -> str:
    turns = [message for message in seed.conversation.messages if message["role"] != "system"]
    return transcript(turns)
