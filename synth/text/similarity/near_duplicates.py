"""Finds near-duplicates in a stream of texts; the first one is kept. MinHash finds candidates, Jaccard
decides.

Two texts are near-duplicates if the Jaccard similarity of their shingle sets is at least `threshold`. They
are compared in their normal form (`tokens.normal_form`). The shingles depend on the length:

- **Short texts** (fewer than 125 words at the default threshold): runs of 4 bytes of UTF-8. The ends are
  padded, so that each byte is in 4 runs. One changed word of w letters in a text of n letters changes w + 3
  shingles. At 0.8 the texts are near-duplicates if n >= 9 (w + 3): a typo in a prompt of six words, another
  word in a prompt of fourteen. Numbers count three times, because in a short text the number is the task:
  "What is 2+2?" and "What is 2+3?" are two tasks, and so are sums that differ in two digits, up to about 18
  words. In a longer text a number is a detail: a complaint of 30 words about order 1234 is a near-duplicate
  of the same complaint about order 5678.
- **Long texts** (100 words and more): runs of 5 words and 14 bands of 8 rows, as in FineWeb
  (arXiv:2406.17557).
- Texts of 100 to 125 words (100 / threshold) are compared in both ways, and the higher similarity counts. So
  any two texts are compared unless their lengths differ more than those of near-duplicates can.

Runs of bytes need no notion of a word, so short texts of any script are compared alike. A Chinese character
has three bytes, an Arabic one two: each weighs about as much as it says.

There are no false positives, because every candidate is checked exactly. Recall is that of the bands: two
texts of similarity s become candidates with a probability of 1 - (1 - s^r)^b. At s = 0.8 that is 0.92 for
long texts (b = 14, r = 8) and 0.996 for short ones (b = 18, r = 6). Recall is lower only where many texts
come from one template, because the size of a bucket and the number of candidates are limited. All hashes are
fixed: the outcome depends on nothing but the order of the texts.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

from rensa import RMinHash

from synth.text.tokens import normal_form, words

_LONG_FROM = 100  # words
_WORD_RUN = 5
_BYTE_RUN = 4
_SHORT_BANDS = 18
_SEED = 1
_BUCKET = 32  # maximum rows per bucket
_MOST_CHECKED = 64  # maximum candidates per text; those that share the most bands come first

_NUMBER = re.compile(rb"\d+")


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The earlier text that a text duplicates: its position, the similarity (0 to 1), and whether
    both have the same normal form."""

    position: int
    similarity: float
    exact: bool


@dataclass(frozen=True, slots=True)
class _Sketch:
    """The shingles of one text. A kind of shingles that its length does not use is None."""

    form: bytes
    byte_runs: array[int] | None
    word_runs: array[int] | None


class Buckets:
    """Rows by integer key, in their order of arrival, at most 32 per key.

    Without the limit, a corpus from one template would take time and memory that grow with its square.
    """

    def __init__(self) -> None:
        # Nearly every key has one row, and an integer takes a third of the memory of a list with one integer.
        self._filed: dict[int, int | list[int]] = {}

    def rows(self, keys: Iterable[int]) -> list[int]:
        """The rows of all these keys. A row is listed once per shared key."""
        found: list[int] = []
        for key in keys:
            filed = self._filed.get(key)
            if isinstance(filed, list):
                found += filed
            elif filed is not None:
                found.append(filed)
        return found

    def add(self, keys: Iterable[int], row: int) -> None:
        """Adds a row to the bucket of each key, unless it is full."""
        for key in keys:
            filed = self._filed.get(key)
            if filed is None:
                self._filed[key] = row
            elif isinstance(filed, int):
                self._filed[key] = [filed, row]
            elif len(filed) < _BUCKET:
                filed.append(row)


class NearDuplicateIndex:
    """Texts in their order of arrival, which can be searched for the one that a text duplicates.

    A million prompts of 8 to 25 words take about 1.4 GB at the peak, and 50,000 take 90 MB.
    Raises `ValueError` for a threshold outside (0, 1] or bands that do not fit the permutations.
    """

    def __init__(self, threshold: float = 0.8, permutations: int = 112, bands: int = 14) -> None:
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold must be above 0 and at most 1, not {threshold}")
        if not 0 < bands <= permutations or permutations < _SHORT_BANDS:
            raise ValueError(f"{permutations} permutations cannot make {bands} and {_SHORT_BANDS} bands")
        self.threshold = threshold
        self._permutations = permutations
        self._bands = bands
        self._forms = bytearray()  # every normal form in UTF-8, one after another
        self._ends = array("Q", [0])  # form i is _forms[_ends[i] : _ends[i + 1]]
        self._buckets = Buckets()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def admit(self, text: str, *, always: bool = False) -> Duplicate | None:
        """Compare a text and add it, unless it is a duplicate; with `always` (for seeds) even then.

        Returns the earlier text, or None. A text that was added has the position `len(self) - 1`.
        """
        form = _encoded(text)
        copy = self._exact(form)
        if copy is None:
            sketch = self._sketch(form)
            keys = self._keys(sketch)
            copy = self._nearest(sketch, keys)
            if copy is None or always:
                # The checksum of the whole text is one more key. It finds exact copies without a sketch.
                self._store(form, [crc32(form), *keys])
        elif always:
            self._store(form, [])  # the first text with this normal form represents it
        return copy

    def add(self, text: str) -> int:
        """Adds a text even if it is a duplicate, and returns its position."""
        self.admit(text, always=True)
        return len(self) - 1

    def seen(self, text: str) -> Duplicate | None:
        """The most similar text from the threshold on (of several, the first added), or None."""
        form = _encoded(text)
        if copy := self._exact(form):
            return copy
        sketch = self._sketch(form)
        return self._nearest(sketch, self._keys(sketch))

    def _exact(self, form: bytes) -> Duplicate | None:
        same = (row for row in self._buckets.rows([crc32(form)]) if self._form(row) == form)
        position = min(same, default=None)
        return None if position is None else Duplicate(position, 1.0, exact=True)

    def _nearest(self, sketch: _Sketch, keys: list[int]) -> Duplicate | None:
        shared = Counter(self._buckets.rows(keys))
        best: Duplicate | None = None
        # The position breaks ties, so that the outcome depends only on the order of the texts.
        for position in sorted(shared, key=lambda row: (-shared[row], row))[:_MOST_CHECKED]:
            # Computed again for each candidate: the stored sketch of a short text would take four times its
            # text.
            similarity = _similarity(sketch, self._sketch(self._form(position)))
            rank = (similarity, -position)
            if similarity >= self.threshold and (best is None or rank > (best.similarity, -best.position)):
                best = Duplicate(position, similarity, exact=False)
        return best

    def _store(self, form: bytes, keys: list[int]) -> None:
        self._buckets.add(keys, len(self))
        self._forms += form
        self._ends.append(len(self._forms))

    def _form(self, position: int) -> bytes:
        return bytes(self._forms[self._ends[position] : self._ends[position + 1]])

    def _sketch(self, form: bytes) -> _Sketch:
        split = words(form.decode("utf-8", "surrogatepass"))
        return _Sketch(
            form,
            _byte_runs(form) if len(split) * self.threshold < _LONG_FROM else None,
            _word_runs(split) if len(split) >= _LONG_FROM else None,
        )

    def _keys(self, sketch: _Sketch) -> list[int]:
        keys = []
        if sketch.byte_runs is not None:
            keys += self._band_keys(sketch.byte_runs, _SHORT_BANDS, kind=1)
        if sketch.word_runs is not None:
            keys += self._band_keys(sketch.word_runs, self._bands, kind=2)
        return keys

    def _band_keys(self, shingles: array[int], bands: int, kind: int) -> list[int]:
        """One 32-bit key per band of the MinHash signature. Bands of different kinds never share a key."""
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            shingles, array("Q", [0, len(shingles)]), self._permutations, _SEED
        )
        signature = array("I", matrix.to_rows()[0]).tobytes()
        width = 4 * (self._permutations // bands)
        return [
            crc32(signature[band * width : (band + 1) * width], kind << 16 | band) for band in range(bands)
        ]


def _encoded(text: str) -> bytes:
    return normal_form(text).encode("utf-8", "surrogatepass")


def _byte_runs(form: bytes) -> array[int]:
    """Every run of 4 bytes as an integer, in no particular order, with repeats."""
    # Different separators, because equal runs count only once in a set.
    weighted = _NUMBER.sub(lambda number: b"%b\x01%b\x02%b" % (number[0], number[0], number[0]), form)
    # Without padding, a byte at the end would be in one run only, and a change there would weigh less.
    padded = b"\0\0\0" + weighted + b"\0\0\0"
    runs = array("I")
    for start in range(_BYTE_RUN):  # reads from four offsets, which finds every run without a Python loop
        runs.frombytes(padded[start : start + (len(padded) - start) // _BYTE_RUN * _BYTE_RUN])
    return runs


def _word_runs(split: list[str]) -> array[int]:
    """Every run of 5 words, as 64 bits of its SHA-1."""
    runs = zip(*(split[start:] for start in range(_WORD_RUN)), strict=False)
    return array(
        "Q",
        (
            int.from_bytes(
                hashlib.sha1(" ".join(run).encode("utf-8", "surrogatepass")).digest()[:8], "little"
            )
            for run in runs
        ),
    )


def _similarity(one: _Sketch, other: _Sketch) -> float:
    """The Jaccard similarity of two texts, by each kind of shingles that both have; the highest counts."""
    return max(_jaccard(one.byte_runs, other.byte_runs), _jaccard(one.word_runs, other.word_runs))


def _jaccard(one: array[int] | None, other: array[int] | None) -> float:
    if one is None or other is None:
        return 0.0
    first, second = set(one), set(other)
    common = len(first & second)
    return common / (len(first) + len(second) - common)
