"""How answers are scored, and how sure a score is. Plain Python: nothing here needs torch."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the bounds between which the true one lies with 95% confidence."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def wilson(right: int, total: int, z: float = 1.96) -> Interval:
    """Wilson's interval of a share (J. Am. Stat. Assoc. 22, 1927): sound for few rows and near 0 and 1."""
    if not 0 <= right <= total or total == 0:
        raise ValueError(f"{right} of {total} is no share")
    share = right / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def difference(
    before: Sequence[float], after: Sequence[float], draws: int = 10_000, seed: int = 0
) -> Interval:
    """How many more are right after than before, as a share, with a bootstrap over rows.

    Both hold the same rows in the same order, so the pairs are drawn: that is far narrower than two intervals
    held against each other.
    """
    if len(before) != len(after) or not before:
        raise ValueError(f"{len(before)} and {len(after)} rows are no pairs")
    gains = [b - a for a, b in zip(before, after, strict=True)]
    chance = random.Random(seed)
    means = sorted(sum(chance.choices(gains, k=len(gains))) / len(gains) for _ in range(draws))
    return Interval(
        sum(gains) / len(gains), means[int(0.025 * draws)], means[min(int(0.975 * draws), draws - 1)]
    )


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return _WORD.findall(text.lower())


def is_exact(answer: str, expected: str) -> bool:
    """Whether a program that reads the expected form would read this answer: the same characters."""
    return answer.strip() == expected.strip()


def is_meant(answer: str, expected: str, vocabulary: set[str]) -> bool:
    """Whether the labels are right whatever their form: of the labels' words, the first line has these alone.

    Models that were never shown the form are to be judged on what they say. `vocabulary` holds all words of
    all labels, so that an answer that lists every label is not right by chance.
    """
    lines = answer.strip().splitlines()
    said = [word for word in words_of(lines[0] if lines else "") if word in vocabulary]
    return sorted(set(said)) == sorted(set(words_of(expected)))


def vocabulary_of(expected: Sequence[str]) -> set[str]:
    """All words of the expected answers."""
    return {word for text in expected for word in words_of(text)}


def is_accepted(answer: str, accept: Sequence[str]) -> bool:
    """Whether one of the accepted words stands in the answer, as a word of its own."""
    return bool(set(words_of(answer)) & {word.lower() for word in accept})
