"""General instruction data beside one's own, so that a model does not forget what it could do.

A source's rows are drawn by a hash of their content: the same ones each time, and mostly the same ones when
the number changes. One that is a near-copy of a row of ours, on either side of the split, is passed over.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from synth.exports.sides import unit_hash
from synth.llm.base import Json
from synth.recipe.model import MixSource
from synth.sources import read_rows
from synth.text.near import NearCopies


@dataclass(frozen=True)
class Share:
    """What one source gives: so many rows were wanted, and these are they."""

    source: MixSource
    name: str
    wanted: int
    ids: frozenset[str]


def wanted_rows(sources: Sequence[MixSource], own: int) -> list[int]:
    """How many rows of each source go beside `own` rows, so that each weight is its share of the whole."""
    fixed = sum(source.rows or 0 for source in sources)
    weights = sum(source.weight or 0.0 for source in sources)
    total = (own + fixed) / (1.0 - weights)
    return [source.rows or round((source.weight or 0.0) * total) for source in sources]


def choose(source: MixSource, wanted: int, folder: Path, ours: NearCopies) -> Share:
    """The ids of the `wanted` rows with the lowest hashes that are no near-copies of ours.

    Raises `SourceError`.
    """
    kept: list[tuple[float, str]] = []  # the highest hash first, as a negative number
    seen: set[str] = set()
    for row in read_rows(source.source, folder, "seed", answered=True):
        place = unit_hash(row.id)
        if row.id in seen or (len(kept) == wanted and place >= -kept[0][0]):
            continue
        if ours.seen(row.prompt_text) is not None:
            continue
        seen.add(row.id)
        heapq.heappush(kept, (-place, row.id))
        if len(kept) > wanted:
            heapq.heappop(kept)
    name = source.source if source.source.startswith("hf:") else PurePath(source.source).name
    return Share(source, name, wanted, frozenset(row_id for _, row_id in kept))


def receipts_of(share: Share, folder: Path) -> Iterator[Json]:
    """The chosen rows, in the order of the source, each once."""
    left = set(share.ids)
    for row in read_rows(share.source.source, folder, "seed", answered=True):
        if row.id in left:
            left.remove(row.id)
            receipt = row.receipt()
            receipt["lineage"]["origin"] = "mixed"
            yield {**receipt, "status": "kept", "mixed": share.name}
