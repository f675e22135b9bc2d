"""A draw picks the rows with the lowest hashes, in order, without sorting the whole pool."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.stages.generate.few_shot import _lowest


@given(values=st.lists(st.integers(0, 9), min_size=1, max_size=40), count=st.integers(1, 45))
@pytest.mark.parametrize("kind", [np.uint64, np.float64])
def test_the_lowest_are_those_that_a_stable_sort_puts_first(
    kind: type[np.uint64 | np.float64], values: list[int], count: int
) -> None:
    order = np.array(values, dtype=kind)
    assert _lowest(order, count).tolist() == order.argsort(kind="stable")[:count].tolist()
