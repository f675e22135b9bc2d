"""Train or test: one split for whatever was made from one text, and no near-copy in both.

- With a holdout, the held-out rows are `test` and nothing else is.
- Without one, `test` is cut from the drafts: a draft's split is a hash of the text it was made from (itself,
  or the ancestors that its lineage leads to; few-shot examples do not count). So a row keeps its split
  whatever else is added. What people gave, and what was made from it, stays in train.
- A row made from texts of both splits, or a near-copy of a row in test, would join the two: train gives way.

Stages, labels and languages each have their share in test up to chance, as the hash does not know them; how
it came out is counted (`ExportCounts.strata`). To cut each of them exactly would cost the promise that no row
moves. Let any m rows of a label have one in test, and no row leave test when others are added. Then of any n
rows at most m - 1 are not in test: if m were not, these m by themselves had one in test, which has left it
since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from synth.row import Lineage, Row
from synth.stable import fraction
from synth.text.similarity.embedding_index import EmbeddingIndex
from synth.text.similarity.near_duplicates import NearDuplicateIndex

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")


class Origins:
    """Which texts a row was made from in the end, and in which split they put it.

    Reads the lineage of all rows, dropped ones included: two kept rows may share a dropped parent.
    """

    def __init__(self, lineages: Iterable[tuple[str, Lineage]], test_share: float) -> None:
        self._test_share = test_share
        self._parents: dict[str, Sequence[str]] = {}
        self._given: set[str] = set()
        self._held_out: set[str] = set()
        for row_id, lineage in lineages:
            if lineage.given:
                (self._held_out if lineage.origin == "holdout" else self._given).add(row_id)
            if lineage.parents:
                self._parents[row_id] = lineage.parents

    @property
    def held_out(self) -> int:
        """How many rows were set aside."""
        return len(self._held_out)

    def roots(self, row_id: str) -> set[str]:
        """The ids of what the row was made from, back to what was made from nothing here."""
        if row_id not in self._parents:
            return {row_id}
        roots: set[str] = set()
        seen: set[str] = set()
        waiting = [row_id]
        while waiting:
            current = waiting.pop()
            if current in seen:
                continue
            seen.add(current)
            parents = self._parents.get(current)
            if parents:
                waiting.extend(parents)
            else:
                roots.add(current)
        return roots

    def split(self, row_id: str) -> Split | None:
        """The split of a row; None where its texts are in both, or were held out."""
        if row_id in self._held_out:
            return "test"
        roots = self.roots(row_id)
        if roots & self._held_out:
            return None
        splits = {self._split_of_root(root) for root in roots}
        return splits.pop() if len(splits) == 1 else None

    def _split_of_root(self, root: str) -> Split:
        if self._held_out or root in self._given:
            return "train"
        return "test" if fraction("split", root) < self._test_share else "train"


class TestSplitGuard:
    """The rows of `test`, asked whether a row of `train` comes too close to one."""

    __test__ = False  # not for pytest

    def __init__(self, meaning: float | None = None) -> None:
        self._prompts = NearDuplicateIndex()
        self._clusters: set[str] = set()
        self._meanings = EmbeddingIndex(meaning) if meaning is not None else None

    def add(self, row: Row) -> None:
        """Takes a row of `test` in."""
        if text := row.conversation.prompt_text:
            self._prompts.add(text)
            if self._meanings:
                self._meanings.add(text)
        self._clusters.add(row.cluster or row.id)

    def touches(self, row: Row) -> bool:
        """Whether a row is of the same cluster as one of `test`, or its prompt a near-copy of one's, or says
        the same."""
        if (row.cluster or row.id) in self._clusters:
            return True
        text = row.conversation.prompt_text
        if not text:
            return False
        return self._prompts.seen(text) is not None or bool(self._meanings and self._meanings.near(text))
