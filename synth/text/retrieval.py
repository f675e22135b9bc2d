"""Finds the texts that answer a question: BM25 over runs of characters, joined with static vectors.

BM25 (Robertson and Zaragoza, 2009) finds codes, names and rare words; vectors find a text that uses other
words than the question. Reciprocal rank fusion (Cormack et al., 2009) joins the orders, so they need no
common scale. In scripts for which the vectors mean nothing, BM25 alone decides.

The terms of BM25 are runs of characters inside words. They match "cancel" with "cancelled" and a word with
its misspelling in every alphabet, without a stemmer for each language (McNamee and Mayfield, 2004). Scripts
without spaces need no word segmenter, and Korean particles no list.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from synth.text.lexicon import words_of
from synth.text.similarity.embedding import comparable, embed
from synth.text.tokens import is_unspaced, letter_runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# BM25's usual parameters: how fast repeats of a term saturate, and how much the length of a text counts.
_SATURATION: Final = 1.2
_LENGTH: Final = 0.75
_FUSION: Final = 60
_RUN: Final = 4
_DENSE_RUN: Final = 2  # a character of Chinese, Japanese or Korean says as much as two letters or more
_DENSE: Final = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
# "3명이" and "BW-102가" are two parts each.
_PARTS: Final = re.compile(rf"(?P<dense>[{_DENSE}]+)|[^{_DENSE}]+")
_HAN: Final = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
# A sentence ends at a line break, or at a full stop before a space ("99.9%" goes on).
_SENTENCE_END: Final = re.compile(r"\n+|(?<=[.!?…؟।])\s+|(?<=[。！？])")


def terms(text: str) -> Iterator[str]:
    """The runs of 4 characters of each word, padded so that its beginning and its end count more; runs of 2
    in Chinese, Japanese and Korean, where a single Han character is a term as well, because it is often a
    word's stem. Function words have none.
    """
    parts = (part for run in letter_runs(text) for part in _PARTS.finditer(run))
    for word, dense in ((part.group(), part["dense"]) for part in parts):
        if dense:
            yield from _runs(word, _DENSE_RUN)
            yield from _HAN.findall(word)
        elif is_unspaced(word):
            yield from _runs(word, _RUN)
        elif word not in _function_words():
            yield from _runs(f" {word} ", _RUN)


def _runs(word: str, size: int) -> Iterator[str]:
    return (word[start : start + size] for start in range(max(1, len(word) - size + 1)))


@cache
def _function_words() -> frozenset[str]:
    return words_of("function_words")


class Retriever:
    """Texts that can be searched for the nearest ones to a question."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._postings = _postings(texts)

    def nearest(self, query: str, count: int) -> list[int]:
        """The positions of the `count` texts nearest to the query, best first; ties in the texts' order."""
        import numpy as np

        orders = [self.by_words(query)]
        if self._texts and comparable(query):
            orders += self.by_vectors(query)
        fused = np.zeros(len(self._texts))
        for order in orders:
            fused[order] += 1 / (_FUSION + 1 + np.arange(len(order)))
        best: list[int] = np.argsort(-fused, kind="stable")[:count].tolist()
        return best

    def by_words(self, query: str) -> NDArray[np.int64]:
        """The texts that share a term with the query, by their BM25 score."""
        import numpy as np

        scores = np.zeros(len(self._texts))
        for term in sorted(set(terms(query))):
            if term in self._postings:
                rows, weights = self._postings[term]
                scores[rows] += weights
        order = np.argsort(-scores.round(9), kind="stable")
        return order[: int((scores > 0).sum())]

    def by_vectors(self, query: str) -> list[NDArray[np.int64]]:
        """All texts in two orders: by the cosine of the whole text, and by that of its nearest sentence."""
        import numpy as np

        vector = embed([query])[0]
        nearest_sentence = np.maximum.reduceat(self._sentences @ vector, self._starts)
        # Rounded, because the last digits differ between processors.
        return [
            np.argsort(-cosines.round(4), kind="stable")
            for cosines in (self._vectors @ vector, nearest_sentence)
        ]

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        return embed(self._texts)

    @cached_property
    def _split(self) -> list[list[str]]:
        return [
            [part for part in _SENTENCE_END.split(text) if part.strip()] or [text] for text in self._texts
        ]

    @cached_property
    def _sentences(self) -> NDArray[np.float32]:
        return embed([sentence for sentences in self._split for sentence in sentences])

    @cached_property
    def _starts(self) -> list[int]:
        """The position of each text's first sentence."""
        return [0, *accumulate(map(len, self._split[:-1]))]


def _postings(texts: Sequence[str]) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """For every term, the texts that have it and its BM25 weight in each."""
    import numpy as np

    found: dict[str, list[tuple[int, int]]] = {}
    lengths = np.zeros(len(texts))
    for row, text in enumerate(texts):
        counts = Counter(terms(text))
        lengths[row] = counts.total()
        for term, times in counts.items():
            found.setdefault(term, []).append((row, times))
    norms = _SATURATION * (1 - _LENGTH + _LENGTH * lengths / max(lengths.mean() if len(texts) else 0, 1))
    postings = {}
    for term, pairs in found.items():
        rows, times = np.array(pairs, dtype=np.int64).T
        rarity = np.log1p((len(texts) - len(rows) + 0.5) / (len(rows) + 0.5))
        postings[term] = rows, rarity * times * (_SATURATION + 1) / (times + norms[rows])
    return postings
