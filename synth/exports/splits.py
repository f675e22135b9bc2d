"""Assigns rows to train or test: rows from one text share a split, and no near-copy is in both.

- With a holdout, only the held-out rows are `test`.
- Without one, `test` is cut from the drafts: a draft's split is a hash of the text it was made from (itself,
  or the ancestors that its lineage leads to; few-shot examples do not count). So a row keeps its split when
  rows are added. Seeds, and rows made from them, stay in train.
- A row made from texts of both splits, or a near-copy of a row in test, would leak between them. Such a row
  is left out of train.

The hash does not know stages, labels and languages, so their shares in test vary by chance. The actual shares
are counted (`ExportCounts.strata`). Exact shares would break the promise that no row changes its split. This
is the proof: suppose that of any m rows of a label at least one is in test, and that no row leaves test when
other rows are added. If m of n rows were not in test, take these m as a dataset. One of them is in test
there, and left test when the others were added, which is a contradiction. So at most m - 1 rows of a label
are not in test, however many rows there are: test would have nearly all rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from synth.row import Lineage, Row
from synth.stable_hash import fraction
from synth.text.similarity.embedding_index import EmbeddingIndex
from synth.text.similarity.near_duplicates import NearDuplicateIndex

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")


class Origins:
    """The original texts of each row, and the split that follows from them.

    Reads the lineage of all rows, including dropped ones: two kept rows may share a dropped parent.
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
        """The number of held-out rows."""
        return len(self._held_out)

    def roots(self, row_id: str) -> set[str]:
        """The ids of the row's earliest ancestors, which have no parents in this run."""
        if row_id not in self._parents:
            return {row_id}
        roots: set[str] = set()
        seen: set[str] = set()
        waiting = [row_id]
        # Parents can share ancestors, so each ancestor is visited once.
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
        """The split of a row. None if its texts are in both splits, or were held out."""
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
        # A higher share moves rows from train to test, but none from test to train.
        return "test" if fraction("split", root) < self._test_share else "train"


class TestSplitGuard:
    """Knows the rows of `test`, and finds rows of `train` that are too similar to one of them."""

    __test__ = False  # not for pytest

    def __init__(self, meaning: float | None = None) -> None:
        self._prompts = NearDuplicateIndex()
        self._clusters: set[str] = set()
        self._meanings = EmbeddingIndex(meaning) if meaning is not None else None

    def add(self, row: Row) -> None:
        """Adds a row of `test`."""
        # A row without prompt text (only a system prompt) is not compared: all such rows would be equal.
        if text := row.conversation.prompt_text:
            self._prompts.add(text)
            if self._meanings:
                self._meanings.add(text)
        self._clusters.add(row.cluster or row.id)

    def touches(self, row: Row) -> bool:
        """Whether a row shares its cluster, its prompt or a near-copy of its prompt with a row of `test`."""
        if (row.cluster or row.id) in self._clusters:
            return True
        text = row.conversation.prompt_text
        if not text:
            return False
        return self._prompts.seen(text) is not None or bool(self._meanings and self._meanings.near(text))
