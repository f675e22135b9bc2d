"""Draws are those of sorting every hash, though only a few are sorted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from synth.stages.draws import _AT_ONCE, _lowest, _mixed

HASHES = arrays.arrays(
    np.uint64,
    st.integers(1, 400),
    # Equal hashes, and hashes that are all low or all high, whatever chance makes of them.
    elements=st.one_of(st.integers(0, 3), st.integers(2**64 - 3, 2**64 - 1), st.integers(0, 2**64 - 1)),
)


@given(HASHES, st.integers(1, 12))
def test_the_lowest_are_those_of_a_stable_sort(hashes: np.ndarray, count: int) -> None:
    assert _lowest(hashes, count).tolist() == hashes.argsort(kind="stable")[:count].tolist()


@pytest.mark.parametrize("rows", [1, 100, 30_000])
def test_of_uniform_hashes_the_lowest_are_found_without_sorting_all(rows: int) -> None:
    hashes = _mixed(np.arange(rows, dtype=np.uint64), 7)
    assert _lowest(hashes, 8).tolist() == hashes.argsort(kind="stable")[:8].tolist()


def test_a_key_is_mixed_the_same_wherever_it_stands() -> None:
    keys = np.arange(3 * _AT_ONCE + 5, dtype=np.uint64)
    alone = [int(_mixed(keys[i : i + 1], 99)[0]) for i in (0, _AT_ONCE - 1, _AT_ONCE, len(keys) - 1)]
    whole = _mixed(keys, 99)
    assert [int(whole[i]) for i in (0, _AT_ONCE - 1, _AT_ONCE, len(keys) - 1)] == alone
    assert len(set(whole.tolist())) == len(keys)
