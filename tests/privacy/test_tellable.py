"""Running counts that are told never tell of a few patients, alone or by their differences."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bedside.privacy import tellable


def test_a_small_step_is_left_out_and_the_important_moment_is_kept():
    at_risk = np.array([[100], [80], [75], [60], [5], [0]])
    assert tellable(at_risk).tolist() == [True, True, False, True, False, True]
    assert tellable(at_risk, first=[2]).tolist() == [True, False, True, True, False, True]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 15)), min_size=1, max_size=12), st.integers(0, 11))
def test_no_told_count_or_step_is_small(steps, first):
    left = 300 - np.cumsum([one for one, _ in steps])
    counts = np.column_stack([left, np.cumsum([event for _, event in steps])])
    told = counts[tellable(counts, [min(first, len(steps) - 1)])]
    between = np.abs(np.diff(told, axis=0))
    assert np.all((told == 0) | (told >= 10))
    assert np.all((between == 0) | (between >= 10))
