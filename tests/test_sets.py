"""Sets of numbers as arrays: what numpy's own functions say. How long they take is in
benchmarks/sets.py.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dr_sim.record.sets import among, each_once

NUMBERS = st.lists(st.integers(-3, 9)).map(lambda values: np.array(values, np.int64))


@given(st.lists(NUMBERS, min_size=1, max_size=4))
def test_each_value_stands_once_and_in_order(arrays: list[np.ndarray]) -> None:
    assert each_once(*arrays).tolist() == np.unique(np.concatenate(arrays)).tolist()


@given(NUMBERS, NUMBERS)
def test_a_value_is_among_the_known_ones(values: np.ndarray, known: np.ndarray) -> None:
    assert among(values, known).tolist() == np.isin(values, known).tolist()
