"""Measures agreement between annotators: percent, Cohen's and Fleiss' kappa, Krippendorff's alpha with an
interval.

- Cohen, J. (1960), doi:10.1177/001316446002000104; weighted by squared distance for ratings.
- Fleiss, J. L. (1971), doi:10.1037/h0031619: every row needs the same number of readers.
- Krippendorff, K. (2011), Computing Krippendorff's Alpha-Reliability: any number of readers per row.

Rule of thumb for alpha: at least .80 is reliable, at least .667 is tentative; below that, improve the
guidelines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

Level = Literal["nominal", "ordinal", "interval"]
Table = Sequence[Sequence[Hashable]]

_DRAWS = 1000
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Alpha:
    """Krippendorff's alpha with its 95% bootstrap interval.

    None if all values are equal, since agreement by chance cannot be estimated then.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


def percent(units: Table) -> float | None:
    """The share of pairs of readers who agree, over all rows. None if no row has two readers.

    `units` has the readers' values for each row.
    """
    same = pairs = 0
    for values in units:
        for a, b in combinations(values, 2):
            pairs += 1
            same += a == b
    return same / pairs if pairs else None


def cohen(pairs: Sequence[tuple[Hashable, Hashable]], level: Level = "nominal") -> float | None:
    """Cohen's kappa of two readers. For ratings, a disagreement is weighted by its squared distance.

    None if the agreement expected by chance is 1.
    """
    if not pairs:
        return None
    values = _ordered({value for pair in pairs for value in pair}, level)
    place = {value: index for index, value in enumerate(values)}
    seen = np.zeros((len(values), len(values)))
    for a, b in pairs:
        seen[place[a], place[b]] += 1
    steps = np.arange(len(values))
    distance = (steps[:, None] - steps[None, :]) ** 2.0 if level != "nominal" else 1.0 - np.eye(len(values))
    expected = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / len(pairs)
    by_chance = float((expected * distance).sum())
    return 1.0 - float((seen * distance).sum()) / by_chance if by_chance else None


def fleiss(units: Table) -> float | None:
    """Fleiss' kappa. Rows with an unusual number of readers are left out."""
    usual = Counter(len(values) for values in units if len(values) > 1).most_common(1)
    if not usual:
        return None
    readers = usual[0][0]
    counts = _counts([values for values in units if len(values) == readers], "nominal")
    agreed = ((counts**2).sum(axis=1) - readers) / (readers * (readers - 1))
    chance = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return float(agreed.mean() - chance) / (1.0 - chance) if chance < 1.0 else None


def krippendorff(units: Table, level: Level = "nominal", *, draws: int = _DRAWS, seed: int = 0) -> Alpha:
    """Krippendorff's alpha. The interval comes from `draws` bootstrap samples of rows."""
    shared = [values for values in units if len(values) > 1]
    if not shared:
        return Alpha(None)
    counts = _counts(shared, level)
    numbers = _numbers(shared, level)
    each = _coincidences(counts)
    value = _alpha(each.sum(axis=0), level, numbers)
    if value is None or draws == 0:
        return Alpha(value)
    rng = np.random.default_rng(seed)
    samples = []
    for _ in range(draws):
        weights = np.bincount(rng.integers(len(shared), size=len(shared)), minlength=len(shared))
        sample = _alpha(np.tensordot(weights, each, axes=1), level, numbers)
        # A sample with a single value contains no disagreement.
        samples.append(1.0 if sample is None else sample)
    low, high = np.percentile(samples, _INTERVAL)
    return Alpha(value, float(low), float(high))


def pairs_of(
    ratings: Mapping[str, Mapping[str, Hashable]],
) -> dict[tuple[str, str], list[tuple[Hashable, Hashable]]]:
    """The values of each pair of readers on the rows that both read. `ratings` is by row, then by reader."""
    found: dict[tuple[str, str], list[tuple[Hashable, Hashable]]] = {}
    for by in ratings.values():
        for a, b in combinations(sorted(by), 2):
            found.setdefault((a, b), []).append((by[a], by[b]))
    return found


def _ordered(values: set[Hashable], level: Level) -> list[Any]:
    """Sorted values. Nominal values have no order of their own, so any fixed order will do."""
    return sorted(values, key=str) if level == "nominal" else sorted(cast(set[int], values))


def _counts(units: Table, level: Level) -> NDArray[np.float64]:
    """A matrix of rows by values: the number of readers who gave each value."""
    values = _ordered({value for unit in units for value in unit}, level)
    place = {value: index for index, value in enumerate(values)}
    counts = np.zeros((len(units), len(values)))
    for row, unit in enumerate(units):
        for value in unit:
            counts[row, place[value]] += 1
    return counts


def _numbers(units: Table, level: Level) -> NDArray[np.float64]:
    """The values as numbers. Nominal values have none."""
    if level == "nominal":
        return np.zeros(0)
    return np.array(_ordered({value for unit in units for value in unit}, level), dtype=float)


def _coincidences(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The coincidence matrix (values by values): pairs of values within a row, weighted so that each reading
    counts once.
    """
    pairs = counts[:, :, None] * counts[:, None, :]
    diagonal = np.arange(counts.shape[1])
    pairs[:, diagonal, diagonal] -= counts
    weighted: NDArray[np.float64] = pairs / (counts.sum(axis=1) - 1)[:, None, None]
    return weighted


def _alpha(coincidences: NDArray[np.float64], level: Level, numbers: NDArray[np.float64]) -> float | None:
    totals = coincidences.sum(axis=1)
    distance = _distances(totals, level, numbers)
    expected = float((np.outer(totals, totals) * distance).sum())
    if expected == 0:
        return None
    return 1.0 - float((totals.sum() - 1) * (coincidences * distance).sum()) / expected


def _distances(
    totals: NDArray[np.float64], level: Level, numbers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The matrix of squared differences between values, for this level of measurement."""
    if level == "nominal":
        return 1.0 - np.eye(len(totals))
    if level == "interval":
        squared: NDArray[np.float64] = (numbers[:, None] - numbers[None, :]) ** 2
        return squared
    # Ordinal: the number of readings between the two values, plus half of those at either end.
    ranks = np.cumsum(totals) - totals / 2
    between: NDArray[np.float64] = (ranks[:, None] - ranks[None, :]) ** 2
    return between
