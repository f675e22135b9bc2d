"""Samples few-shot examples by rendezvous hashing: a new row in the pool changes only the draws that it wins.

Each request assigns a new hash to each row of the pool, and the lowest hashes win. With 60 rows and 8 shots,
a 61st row takes part in 8 of 61 draws and does not change the others (Thaler and Ravishankar, 1998). A row of
weight 2 wins twice as often: its hash, as a number from 0 to 1, becomes an exponential waiting time that is
half as long (Schindelhauer and Schomaker, 2005).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from synth import stable_hash
from synth.row import Row
from synth.stages.generate.filters import request_of
from synth.stages.source_items import Seed
from synth.text.retrieval import Retriever

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_GOLDEN = 0x9E3779B97F4A7C15


class ExamplePool:
    """The rows to draw from, each with the first request index that may use it."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._since: list[int] = []
        self._weights: list[float] = []
        self._weighted = False
        self._keys: NDArray[np.uint64] | None = None

    def add(self, seed: Seed, since: int) -> None:
        """Adds a row, for draws of index `since` and later; `since` never falls."""
        import numpy as np

        if self._keys is None:
            self._keys = np.zeros(64, dtype=np.uint64)
        if len(self.rows) == len(self._keys):
            self._keys = np.concatenate([self._keys, np.zeros_like(self._keys)])
        self._keys[len(self.rows)] = int(seed.row.id, 16)
        self.rows.append(seed.row)
        self._weights.append(seed.weight)
        self._weighted |= seed.weight != 1.0
        self._since.append(since)

    def draw(self, salt: str, index: int, count: int, *, at: int | None = None) -> list[Row]:
        """The `count` rows that win draw `index`, in an order that also depends on the draw.

        `at` is the draw whose visible rows are used, if `index` does not count draws.
        """
        visible = bisect_right(self._since, index if at is None else at)
        if self._keys is None or visible == 0 or count == 0:
            return []
        hashes = _mixed(self._keys[:visible], stable_hash.number(salt, index))
        order = _waiting(hashes, self._weights[:visible]) if self._weighted else hashes
        return [self.rows[i] for i in _lowest(order, count)]


class NearPools:
    """For each subject, a pool of the seeds whose requests are nearest to it, twice as many as are drawn."""

    def __init__(self, seeds: Sequence[Seed], count: int) -> None:
        self._seeds = sorted(seeds, key=lambda seed: seed.row.id)
        self._count = count
        self._retriever: Retriever | None = None
        self._pools: dict[str, ExamplePool] = {}

    def of(self, subject: str) -> ExamplePool:
        """The pool of the subject."""
        if subject not in self._pools:
            pool = self._pools[subject] = ExamplePool()
            for seed in self._nearest(subject):
                pool.add(seed, since=0)
        return self._pools[subject]

    def _nearest(self, subject: str) -> list[Seed]:
        if self._retriever is None:
            self._retriever = Retriever([request_of(seed.row.conversation) for seed in self._seeds])
        return [self._seeds[position] for position in self._retriever.nearest(subject, self._count)]


# A leaf without kept rows gets at most this many times as many requests as one that fills.
_TRIES = 4


class EvenDraws:
    """Assigns draws to the leaves of a taxonomy, so that all fill evenly with kept rows, or by their weights.

    The next draw goes to the leaf with the fewest rows kept or in flight, divided by its weight. `each` is
    the usual number of rows of a draw. Only results of at least `window` draws before are used, so the choice
    does not depend on the speed of replies. Draws are numbered per leaf: a new leaf does not change the draws
    of other leaves, but reduces their number.
    """

    def __init__(self, salt: str, window: int, each: int = 1) -> None:
        self._salt = salt
        self._window = window
        self._each = each
        self._drawn: list[str] = []
        self._asked: Counter[str] = Counter()
        self._settled: Counter[str] = Counter()
        self._known = 0
        self._good: Counter[str] = Counter()
        self._kept: deque[int] = deque()
        self._ties: dict[str, bytes] = {}

    def draw(
        self, index: int, leaves: Sequence[str], weights: Mapping[str, float] | None = None
    ) -> tuple[str, int]:
        """The leaf of draw `index`, and the draw's number within the leaf. Call it with indexes in order.

        A leaf of weight 2 gets twice as many rows as one of weight 1, the weight of leaves without one.
        """
        self._learn(index - self._window)
        of = weights or {}
        leaf = min(leaves, key=lambda leaf: (self._load(leaf) / of.get(leaf, 1), self._tie(leaf)))
        number = self._asked[leaf]
        self._asked[leaf] += 1
        self._drawn.append(leaf)
        return leaf, number

    def kept(self, index: int) -> None:
        """Records that a row of draw `index` passed the maker's filters. Call it with indexes in order."""
        self._kept.append(index)

    def _learn(self, latest: int) -> None:
        """Uses the results of the draws up to `latest`."""
        while self._known <= latest:
            self._settled[self._drawn[self._known]] += 1
            self._known += 1
        while self._kept and self._kept[0] <= latest:
            self._good[self._drawn[self._kept.popleft()]] += 1

    def _load(self, leaf: str) -> int:
        """The load of a leaf in quarters of a row: rows that are kept or may be kept."""
        asked = self._asked[leaf]
        in_flight = self._each * (asked - self._settled[leaf])
        return max(_TRIES * (self._good[leaf] + in_flight), self._each * asked)

    def _tie(self, leaf: str) -> bytes:
        """The order of leaves with equal load. A leaf's position does not depend on the other leaves."""
        if leaf not in self._ties:
            self._ties[leaf] = stable_hash.rank(self._salt, leaf)
        return self._ties[leaf]


def _lowest(order: NDArray[np.uint64] | NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """The indexes of the `count` lowest values, lowest first; ties in order. Sorts only these."""
    import numpy as np

    if count < len(order):
        near = np.flatnonzero(order <= np.partition(order, count - 1)[count - 1])
    else:
        near = np.arange(len(order))
    return near[order[near].argsort(kind="stable")[:count]]


def _waiting(hashes: NDArray[np.uint64], weights: list[float]) -> NDArray[np.float64]:
    """The exponential waiting times of these hashes. The lowest wins; equal weights keep the order of the
    hashes.
    """
    import numpy as np

    uniform = (hashes.astype(np.float64) + 0.5) / 2.0**64
    times: NDArray[np.float64] = -np.log1p(-np.minimum(uniform, 1 - 2.0**-53)) / np.asarray(weights)
    return times


def _mixed(keys: NDArray[np.uint64], draw: int) -> NDArray[np.uint64]:
    """SplitMix64's finaliser over every key, with a different start per draw."""
    import numpy as np

    with np.errstate(over="ignore"):
        z = keys ^ np.uint64(draw)
        z = z + np.uint64(_GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))
