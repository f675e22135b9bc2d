"""Agreement equals that of reference libraries and of published examples."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import combinations

import krippendorff as reference
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from synth.review.agreement import Level, cohen, fleiss, krippendorff, pairs_of, percent

# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: four observers, twelve units.
GAP = None
RELIABILITY = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, GAP, GAP, GAP],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, GAP, 3],
    [GAP, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, GAP],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, GAP],
]
UNITS = [[v for v in unit if v is not GAP] for unit in zip(*RELIABILITY, strict=True)]

# Fleiss (1971), as the table of fourteen raters and ten subjects that is usually shown with it.
FOURTEEN = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_is_the_published_one(level: Level, published: float) -> None:
    ours = krippendorff(UNITS, level, draws=0).value
    assert ours == pytest.approx(published, abs=5e-4)
    data = np.array([[np.nan if v is GAP else v for v in line] for line in RELIABILITY], dtype=float)
    assert ours == pytest.approx(reference.alpha(reliability_data=data, level_of_measurement=level))


def test_fleiss_is_the_published_one() -> None:
    units = [[c for c, n in enumerate(line) for _ in range(n)] for line in FOURTEEN]
    assert fleiss(units) == pytest.approx(0.210, abs=5e-4)
    assert fleiss(units) == pytest.approx(fleiss_kappa(np.array(FOURTEEN)))


def test_cohen_is_the_published_one() -> None:
    # The fifty proposals of the usual example: 20 times both yes, 15 times both no, 5 and 10 apart.
    pairs: list[tuple[Hashable, Hashable]] = [("yes", "yes")] * 20 + [("yes", "no")] * 5
    pairs += [("no", "yes")] * 10 + [("no", "no")] * 15
    assert cohen(pairs) == pytest.approx(0.4)


RATINGS = st.lists(st.lists(st.integers(1, 5), min_size=3, max_size=3), min_size=3, max_size=30)


@given(RATINGS, st.sampled_from(["nominal", "ordinal", "interval"]))
def test_alpha_equals_the_library_on_anything(table: list[list[int]], level: Level) -> None:
    assume(len({v for row in table for v in row}) > 1)
    data = np.array(table, dtype=float).T
    ours = krippendorff(table, level, draws=0).value
    assert ours == pytest.approx(reference.alpha(reliability_data=data, level_of_measurement=level))


@given(RATINGS)
def test_kappas_equal_the_libraries_on_anything(table: list[list[int]]) -> None:
    assume(len({v for row in table for v in row}) > 1)
    counts, _ = aggregate_raters(np.array(table))
    assert fleiss(table) == pytest.approx(fleiss_kappa(counts))
    first, second = [row[0] for row in table], [row[1] for row in table]
    assume(len(set(first) | set(second)) > 1)
    pairs: list[tuple[Hashable, Hashable]] = list(zip(first, second, strict=True))
    ours = cohen(pairs)
    if ours is not None:
        assert ours == pytest.approx(cohen_kappa_score(first, second))
    weighted = cohen(pairs, "ordinal")
    known = sorted(set(first) | set(second))
    if weighted is not None:
        assert weighted == pytest.approx(cohen_kappa_score(first, second, weights="quadratic", labels=known))


def test_the_interval_holds_the_value_and_narrows_with_more_rows() -> None:
    few = krippendorff(UNITS[:8], "nominal")
    many = krippendorff(UNITS[:8] * 20, "nominal")
    for alpha in (few, many):
        assert alpha.low is not None
        assert alpha.high is not None
        assert alpha.value is not None
        assert alpha.low <= alpha.value <= alpha.high
    assert (many.high or 0) - (many.low or 0) < ((few.high or 0) - (few.low or 0)) / 2
    assert krippendorff(UNITS, "nominal") == krippendorff(UNITS, "nominal")


def test_nothing_to_compare_is_no_agreement_and_no_error() -> None:
    assert percent([["a"], []]) is None
    assert krippendorff([["a"], ["b"]]).value is None
    assert krippendorff([["a", "a"], ["a", "a"]]).value is None
    assert cohen([]) is None
    assert cohen([("a", "a")]) is None
    assert fleiss([["a"]]) is None


def test_percent_is_over_pairs() -> None:
    assert percent([["a", "a", "b"], ["c", "c"]]) == pytest.approx(2 / 4)


def test_pairs_are_of_rows_that_both_read() -> None:
    ratings = {"r1": {"ann": 1, "bob": 2}, "r2": {"bob": 3, "ann": 3, "eve": 1}}
    found = pairs_of(ratings)
    assert found[("ann", "bob")] == [(1, 2), (3, 3)]
    assert set(found) == set(combinations(("ann", "bob", "eve"), 2))
