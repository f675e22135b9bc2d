"""Mixes in general instruction data, so that a model does not forget its other abilities.

A hash of its content selects a row: every export takes the same rows, and mostly the same rows when the
number changes. A near-copy of an own row in either split, or of a row mixed in before, is skipped. So no
general row is in both splits.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from synth.exports.exported_row import ExportedRow
from synth.exports.splits import Split
from synth.recipe.model import MixSource
from synth.row import Row
from synth.sources import read_rows
from synth.stable_hash import fraction
from synth.text.similarity.near_duplicates import NearDuplicateIndex

# The size of a row in the source's unit: 1 for rows, or its number of tokens.
Size = Callable[[Row], int]


@dataclass(frozen=True)
class MixShare:
    """The rows chosen from one source. `wanted` and `given` are in `unit` (rows or tokens)."""

    source: MixSource
    name: str
    wanted: int
    given: int
    ids: frozenset[str]

    @property
    def unit(self) -> str:
        """The unit of `wanted` and `given`."""
        return "tokens" if self.source.tokens is not None else "rows"


class Mixture:
    """The rows that `export.mix` adds to the splits.

    `ours` indexes the own prompts, which no general row may copy. Paths of sources are relative to `folder`.
    `tokens` counts the tokens of a row.
    """

    def __init__(
        self, sources: Sequence[MixSource], folder: Path, ours: NearDuplicateIndex, tokens: Size
    ) -> None:
        self._sources = sources
        self._folder = folder
        self._ours = ours
        self._tokens = tokens
        self.shares: list[MixShare] = []

    def rows(self, split: Split, own: int) -> Iterator[ExportedRow]:
        """The general rows to add to `own` rows of a split. Raises `SourceError`."""
        sources = [source for source in self._sources if source.split == split]
        taken = own
        for source in [source for source in sources if source.tokens is not None]:
            share = choose(source, source.tokens or 0, self._folder, self._ours, self._tokens)
            taken += len(share.ids)
            yield from self._take(share, split)
        counted = [source for source in sources if source.tokens is None]
        for source, rows in zip(counted, wanted_rows(counted, taken), strict=True):
            yield from self._take(choose(source, rows, self._folder, self._ours, lambda _: 1), split)

    def _take(self, share: MixShare, split: Split) -> Iterator[ExportedRow]:
        self.shares.append(share)
        for row in rows_of(share, self._folder):
            self._ours.add(row.conversation.prompt_text)
            yield ExportedRow(row, split, mixed=share.name)


def wanted_rows(sources: Sequence[MixSource], own: int) -> list[int]:
    """The number of rows per source to add to `own` rows, so that each weight is a share of the total."""
    fixed = sum(source.rows or 0 for source in sources)
    weights = sum(source.weight or 0.0 for source in sources)
    total = (own + fixed) / (1.0 - weights)
    return [source.rows or round((source.weight or 0.0) * total) for source in sources]


def choose(source: MixSource, wanted: int, folder: Path, ours: NearDuplicateIndex, size: Size) -> MixShare:
    """Chooses the rows with the lowest hashes that are not near-copies of own rows, until they reach
    `wanted`.

    Raises `SourceError`.
    """
    kept: list[tuple[float, str, int]] = []  # a heap with the highest hash first: hashes are negated
    seen: set[str] = set()
    given = 0
    for row in _read(source, folder) if wanted else ():
        place = fraction("split", row.id)
        if row.id in seen or (given >= wanted and place >= -kept[0][0]):
            continue
        if ours.seen(row.conversation.prompt_text) is not None:
            continue
        seen.add(row.id)
        amount = size(row)
        given += amount
        heapq.heappush(kept, (-place, row.id, amount))
        while given - kept[0][2] >= wanted:
            given -= heapq.heappop(kept)[2]
    name = source.source if source.source.startswith("hf:") else PurePath(source.source).name
    return MixShare(source, name, wanted, given, frozenset(row_id for _, row_id, _ in kept))


def rows_of(share: MixShare, folder: Path) -> Iterator[Row]:
    """The chosen rows, in the order of the source, each once."""
    left = set(share.ids)
    for row in _read(share.source, folder) if left else ():
        if row.id in left:
            left.remove(row.id)
            yield row


def _read(source: MixSource, folder: Path) -> Iterator[Row]:
    for row in read_rows(source.source, folder, "seed", answered=True):
        yield replace(row.kept(), lineage=replace(row.lineage, origin="mixed"))
