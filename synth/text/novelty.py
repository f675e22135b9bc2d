"""Self-Instruct's novelty rule without comparing every pair: is any earlier text closer than ROUGE-L 0.7?

Wang et al. 2023 (arXiv:2212.10560) drop an instruction whose ROUGE-L F1 with any seed or kept instruction is
above 0.7. For texts of m and n words with a longest common subsequence of L words, F1 = 2L / (m + n). L is at
most the number of words that both share (each as often as both have it), and at most min(m, n), so F1 > t
asks for more than t·m / (2 - t) shared words. Set the rarest words of the query aside until fewer than that
are left: a text that shares enough must share one of those set aside. Only the rows listed under these rare
words are looked at, and nothing is lost: the answer is that of comparing with every row.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass

from rapidfuzz.distance import LCSseq

from synth.text.tokens import rouge_tokens

# A bound may be off by rounding, so that it prunes only what is clearly below; the score itself decides.
_SLACK = 1e-9

# Words beyond the rare ones are counted too while their lists are together at most this share of the rows:
# it is cheaper than computing the score of the rows that they rule out.
_EXTRA_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Match:
    """The closest earlier text: its position in the index, and its ROUGE-L F1 (0 to 1)."""

    position: int
    score: float


class NoveltyIndex:
    """Texts in the order in which they were added, asked for the closest one above a threshold.

    Scores equal those of `rouge-score` (`rougeL`, no stemmer) on ASCII text to the last bit. Memory is about
    ten bytes a word. Raises `ValueError` for a threshold outside [0, 1).
    """

    def __init__(self, threshold: float = 0.7) -> None:
        if not 0 <= threshold < 1:
            raise ValueError(f"threshold must be at least 0 and below 1, not {threshold}")
        self.threshold = threshold
        self._token_ids: dict[str, int] = {}
        self._tokens = array("I")  # every row's token ids, one row after another
        self._ends = array("Q", [0])  # row i is _tokens[_ends[i] : _ends[i + 1]]
        self._lengths = array("I")
        self._rows_with: dict[tuple[int, int], array[int]] = {}  # (token id, its n-th time in a row) -> rows

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, text: str) -> int:
        """Add a text and return its position."""
        position = len(self)
        ids = [self._token_ids.setdefault(token, len(self._token_ids)) for token in rouge_tokens(text)]
        for element in _elements(ids):
            rows = self._rows_with.get(element)
            if rows is None:
                rows = self._rows_with[element] = array("I")
            rows.append(position)
        self._tokens.extend(ids)
        self._ends.append(len(self._tokens))
        self._lengths.append(len(ids))
        return position

    def nearest(self, text: str) -> Match | None:
        """The text with the highest ROUGE-L F1 above the threshold (of several, the first added), or None."""
        unknown = len(self._token_ids)  # stands for every new word: it occurs in no row
        query = array("I", [self._token_ids.get(token, unknown) for token in rouge_tokens(text)])
        best: Match | None = None
        for position, bound in self._candidates(query):
            if best and bound < best.score - _SLACK:
                break
            row = self._tokens[self._ends[position] : self._ends[position + 1]]
            score = _f_measure(LCSseq.similarity(query, row), len(query), len(row))
            beats = not best or score > best.score or (score == best.score and position < best.position)
            if score > self.threshold and beats:
                best = Match(position, score)
        return best

    def _candidates(self, query: array[int]) -> list[tuple[int, float]]:
        """Positions that could score above the threshold with an upper bound of their score, best first."""
        import numpy as np

        length = len(query)
        least_shared = int(self.threshold * length / (2 - self.threshold) - _SLACK) + 1
        listed = [rows for element in _elements(query) if (rows := self._rows_with.get(element))]
        listed.sort(key=len)
        if len(listed) < least_shared:
            return []
        counted = self._worth_counting(listed, least_shared)
        # A row stands at most once in one list. One count over all lists is faster than one for each.
        looked_at = [np.frombuffer(rows, dtype=np.uint32) for rows in listed[:counted]]
        shared = np.bincount(np.concatenate(looked_at), minlength=len(self))
        uncounted = len(listed) - counted
        found = np.flatnonzero(shared >= least_shared - uncounted)
        lengths = np.frombuffer(self._lengths, dtype=np.uint32)[found].astype(np.int64)
        most_shared = np.minimum(shared[found] + uncounted, lengths)
        bounds = 2.0 * most_shared / (length + lengths)
        possible = np.flatnonzero(bounds > self.threshold - _SLACK)
        possible = possible[np.argsort(-bounds[possible], kind="stable")]
        return list(zip(found[possible].tolist(), bounds[possible].tolist(), strict=True))

    def _worth_counting(self, listed: list[array[int]], least_shared: int) -> int:
        """How many of the lists, shortest first, to count: those needed to miss nothing, and cheap ones."""
        counted = len(listed) - least_shared + 1
        left = _EXTRA_SHARE * len(self)
        for rows in listed[counted:]:
            left -= len(rows)
            if left < 0:
                break
            counted += 1
        return counted


def _elements(ids: array[int] | list[int]) -> list[tuple[int, int]]:
    """Number equal tokens, so that a set of the results is the multiset of the tokens."""
    times: Counter[int] = Counter()
    elements = []
    for token in ids:
        elements.append((token, times[token]))
        times[token] += 1
    return elements


def _f_measure(common: int, length: int, other: int) -> float:
    """ROUGE-L F1, computed in `rouge-score`'s order of operations to round as it does."""
    if not common:
        return 0.0
    precision, recall = common / other, common / length
    return 2 * precision * recall / (precision + recall)
