"""Scores are read from log-probabilities and from text."""

from __future__ import annotations

import math

import pytest

from synth.llm.base import Reply, TokenChoice
from synth.stages.asking import Unusable
from synth.stages.judging import expected_score, written_score


def token(text: str, **shares: float) -> TokenChoice:
    top = {level.strip("_"): math.log(share) for level, share in shares.items()}
    return TokenChoice(text, top.get(text, math.log(0.5)), top)


def test_the_expectation_over_the_levels() -> None:
    score, mass = expected_score([token("4", _3=0.2, _4=0.5, _5=0.1, _x=0.2)], range(1, 6))
    assert mass == pytest.approx(0.8)
    assert score == pytest.approx((3 * 0.2 + 4 * 0.5 + 5 * 0.1) / 0.8)


def test_the_last_score_token_counts() -> None:
    tokens = [token("2", _2=0.9, _3=0.1), token("so", _so=0.9, _x=0.1), token("5", _5=0.9, _4=0.1)]
    assert expected_score(tokens, range(1, 6))[0] == pytest.approx(4.9)


def test_too_little_mass_is_no_score() -> None:
    with pytest.raises(Unusable):
        expected_score([token("4", _4=0.3, _x=0.7)], range(1, 6))


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ('{"reasoning": "Of 10 points, 3.", "score": 4}', 4),
        ("It answers 2 of 3 questions well.\nScore: 4", 4),
        ("score = 5", 5),
        ("4", 4),
        ("I would say 3.5", 3.5),
    ],
)
def test_the_number_as_written(text: str, score: float) -> None:
    assert written_score(Reply(text), range(1, 6), None) == score


@pytest.mark.parametrize("text", ["good", "7", "between 3 and 4", "Score: 9"])
def test_no_number_is_no_score(text: str) -> None:
    with pytest.raises(Unusable):
        written_score(Reply(text), range(1, 6), None)
