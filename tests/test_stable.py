"""The hashes of orders and splits never change, so that runs of all versions agree."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.stable_hash import fraction, number, rank


def test_what_earlier_versions_computed() -> None:
    assert rank(7, "holdout", "abc").hex().startswith("9f8ad403e82e9d4d")
    assert number("7:generate", 3) == 6_066_378_798_072_311_906
    assert fraction("split", "passage-1") == 0.2745341488198736
    assert rank("a", "b") == hashlib.sha256(b"a:b").digest()


@given(st.lists(st.text()))
def test_a_fraction_of_any_text(parts: list[str]) -> None:
    assert 0 <= fraction(*parts) < 1
    assert fraction(*parts) == fraction(*parts)


def test_text_that_is_no_unicode() -> None:
    assert rank("\ud800") != rank("\ud801")


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_fractions_are_evenly_spread(share: float) -> None:
    below = sum(fraction("split", row) < share for row in range(2_000))
    assert below / 2_000 == pytest.approx(share, abs=0.03)
