"""The course of the development patients that travels with a release: right, and about nobody in particular."""

from __future__ import annotations

import foretold
import numpy as np
import pytest
from lifelines import AalenJohansenFitter

from bedside.cohort import marginal_course

EDGES = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.9)


def test_the_course_is_that_of_aalen_and_johansen():
    made = foretold.followed(3, 500, competing=0.05)
    found = marginal_course(foretold.cohort(made), ("death", "transplant"), EDGES, (5.0, 2.0))
    assert found["time"][0] == 0.0
    assert {2.0, 5.0} <= set(found["time"])
    for code, name in enumerate(("death", "transplant"), 1):
        curve = (
            AalenJohansenFitter(calculate_variance=False, seed=0).fit(made.time, made.event, code).cumulative_density_
        )
        for moment, share in zip(found["time"], found["incidence"][name], strict=True):
            assert share == pytest.approx(float(curve[curve.index <= moment].iloc[-1, 0]), abs=1e-9)
    assert found["at_risk"] == [int(np.sum(made.time >= moment)) for moment in found["time"]]


def test_no_time_tells_of_a_few_patients():
    made = foretold.followed(4, 90)
    found = marginal_course(foretold.cohort(made), ("death",), EDGES, (5.0, 2.0))
    assert len(found["time"]) < len(EDGES)
    for before, after in zip(found["time"], found["time"][1:], strict=False):
        left = np.sum((made.time >= before) & (made.time < after))
        had = np.sum((made.event == 1) & (made.time > before) & (made.time <= after))
        assert left == 0 or left >= 10
        assert had == 0 or had >= 10
    assert min(found["at_risk"]) >= 10
