"""Few-shot draws by rendezvous hashing: adding a row to the pool changes only the draws that it wins.

Each request gives each row of the pool a hash of its own; the lowest hashes win. With 60 rows and 8
shots, a 61st row takes part in 8 of 61 draws and leaves all others as they were (Thaler and
Ravishankar, 1998). A row of weight 2 wins twice as often: its hash, as a number from 0 to 1, becomes an
exponential waiting time that is half as long (Schindelhauer and Schomaker, 2005).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from synth import stable_hash
from synth.row import Row
from synth.stages.source_items import Seed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_GOLDEN = 0x9E3779B97F4A7C15


class ExamplePool:
    """Rows to draw from, each with the request index from which on it may be seen."""

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
        """The `count` rows that win draw `index`, in an order that the draw decides, too.

        What may be seen is that of draw `at`, where `index` counts something else than the draws.
        """
        visible = bisect_right(self._since, index if at is None else at)
        if self._keys is None or visible == 0 or count == 0:
            return []
        hashes = _mixed(self._keys[:visible], stable_hash.number(salt, index))
        order = _waiting(hashes, self._weights[:visible]) if self._weighted else hashes
        return [self.rows[i] for i in _lowest(order, count)]


# A leaf of which nothing is kept is asked for so many times as often as one that fills, at the most.
_TRIES = 4


class EvenDraws:
    """Which leaf each draw is for, so that all of them fill evenly with rows that are kept.

    The next draw goes to the leaf that has the fewest rows kept or on their way. What is known is what was
    settled `window` draws before, so the choice does not depend on who was quick. A draw's number is its
    leaf's own: with another leaf, the draws of all others stay what they were, only fewer of each are made.
    """

    def __init__(self, salt: str, window: int) -> None:
        self._salt = salt
        self._window = window
        self._drawn: list[str] = []
        self._asked: Counter[str] = Counter()
        self._settled: Counter[str] = Counter()
        self._known = 0
        self._good: Counter[str] = Counter()
        self._kept: deque[int] = deque()
        self._ties: dict[str, bytes] = {}

    def draw(self, index: int, leaves: Sequence[str]) -> tuple[str, int]:
        """The leaf of draw `index`, and which of the leaf's draws this is. Indexes come in order."""
        self._learn(index - self._window)
        leaf = min(leaves, key=lambda leaf: (self._load(leaf), self._tie(leaf)))
        number = self._asked[leaf]
        self._asked[leaf] += 1
        self._drawn.append(leaf)
        return leaf, number

    def kept(self, index: int) -> None:
        """A row of draw `index` passed the maker's filters. Indexes come in order."""
        self._kept.append(index)

    def _learn(self, latest: int) -> None:
        """Takes note of what became of the draws up to `latest`."""
        while self._known <= latest:
            self._settled[self._drawn[self._known]] += 1
            self._known += 1
        while self._kept and self._kept[0] <= latest:
            self._good[self._drawn[self._kept.popleft()]] += 1

    def _load(self, leaf: str) -> int:
        """Rows that are kept or may be, in quarters."""
        asked = self._asked[leaf]
        return max(_TRIES * (self._good[leaf] + asked - self._settled[leaf]), asked)

    def _tie(self, leaf: str) -> bytes:
        """The order of leaves that are level: each has its place, whatever others there are."""
        if leaf not in self._ties:
            self._ties[leaf] = stable_hash.rank(self._salt, leaf)
        return self._ties[leaf]


def _lowest(order: NDArray[np.uint64] | NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Where the `count` lowest values are, lowest first; of equal ones, the first. Sorts only those."""
    import numpy as np

    if count < len(order):
        near = np.flatnonzero(order <= np.partition(order, count - 1)[count - 1])
    else:
        near = np.arange(len(order))
    return near[order[near].argsort(kind="stable")[:count]]


def _waiting(hashes: NDArray[np.uint64], weights: list[float]) -> NDArray[np.float64]:
    """Exponential waiting times of these hashes: the lowest wins, and keeps the order of equal weights."""
    import numpy as np

    uniform = (hashes.astype(np.float64) + 0.5) / 2.0**64
    times: NDArray[np.float64] = -np.log1p(-np.minimum(uniform, 1 - 2.0**-53)) / np.asarray(weights)
    return times


def _mixed(keys: NDArray[np.uint64], draw: int) -> NDArray[np.uint64]:
    """SplitMix64's finaliser over every key, started differently by every draw."""
    import numpy as np

    with np.errstate(over="ignore"):
        z = keys ^ np.uint64(draw)
        z = z + np.uint64(_GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))
