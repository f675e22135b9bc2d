"""The example's scores of answers, and their confidence intervals."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from statsmodels.stats.proportion import proportion_confint

EXAMPLE = Path(__file__).parents[2] / "examples" / "finetune"
sys.path.insert(0, str(EXAMPLE))

import scoring  # noqa: E402

LABELS = ["bike/today", "dock/later", "money/later"]
VOCABULARY = scoring.vocabulary_of(LABELS)


@pytest.mark.parametrize(("right", "total"), [(0, 20), (1, 20), (75, 150), (149, 150), (150, 150)])
def test_wilson_is_what_statsmodels_says(right: int, total: int) -> None:
    interval = scoring.wilson(right, total)
    low, high = proportion_confint(right, total, method="wilson")
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-4)
    assert interval.value == right / total


@pytest.mark.parametrize(("right", "total"), [(1, 0), (-1, 5), (6, 5)])
def test_what_is_no_share_has_no_interval(right: int, total: int) -> None:
    with pytest.raises(ValueError):
        scoring.wilson(right, total)


def test_a_difference_is_told_from_none_where_pairs_differ() -> None:
    chance = random.Random(3)
    before = [chance.random() < 0.5 for _ in range(150)]
    better = [hit or chance.random() < 0.4 for hit in before]
    gain = scoring.difference(before, better)
    assert gain.value == pytest.approx((sum(better) - sum(before)) / 150)
    assert 0 < gain.low < gain.value < gain.high
    shuffled = before[:]
    chance.shuffle(shuffled)
    none = scoring.difference(before, shuffled)
    assert none.low < 0 < none.high


def test_the_same_answers_differ_by_nothing_and_other_rows_are_refused() -> None:
    hits = [True, False, True]
    assert str(scoring.difference(hits, hits)) == "0.000 [0.000, 0.000]"
    with pytest.raises(ValueError):
        scoring.difference(hits, hits[:2])


@pytest.mark.parametrize(
    ("answer", "exact", "meant"),
    [
        ("bike/today", True, True),
        (" bike/today\n", True, True),
        ("Bike - Today", False, True),
        ("Desk: bike, time: today.", False, True),
        ("today/bike", False, True),
        ("bike/later", False, False),
        ("bike", False, False),
        ("bike, dock or money / today", False, False),
        ("I cannot say.\nbike/today", False, False),
        ("", False, False),
    ],
)
def test_a_form_is_forgiven_and_a_wrong_label_is_not(answer: str, exact: bool, meant: bool) -> None:
    assert scoring.is_exact(answer, "bike/today") is exact
    assert scoring.is_meant(answer, "bike/today", VOCABULARY) is meant


@pytest.mark.parametrize(
    ("answer", "right"), [("It is Paris.", True), ("PARIS!", True), ("Parisian food", False), ("", False)]
)
def test_a_general_answer_needs_the_word_itself(answer: str, right: bool) -> None:
    assert scoring.is_accepted(answer, ["paris"]) is right
