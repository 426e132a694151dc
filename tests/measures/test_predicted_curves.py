from __future__ import annotations

import math

import numpy as np
import pytest
from followed import followed
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time
from scipy.integrate import quad
from scipy.optimize import brentq

from bedside.errors import DataError
from bedside.measures import kaplan_meier, median_of, restricted_mean

GRID = np.array([0.5, 1.0, 2.5, 4.0])
CURVES = np.array([[0.1, 0.4, 0.6, 0.9], [0.0, 0.0, 0.3, 0.49], [0.5, 0.5, 0.5, 0.8], [0.2, 0.2, 0.5, 0.5]])


def survival(row: np.ndarray, t: float) -> float:
    return float(1 - np.interp(t, np.append(0, GRID), np.append(0, row)))


@pytest.mark.parametrize("tau", [0.3, 1.0, 2.0, 4.0])
def test_restricted_mean_is_the_area_under_survival(tau: float) -> None:
    expected = [quad(lambda t, r=row: survival(r, t), 0, tau, points=GRID[tau > GRID])[0] for row in CURVES]
    np.testing.assert_allclose(restricted_mean(CURVES, GRID, tau), expected, rtol=1e-9)


def test_median_is_where_survival_is_one_half() -> None:
    found = median_of(CURVES, GRID)
    for row, median in zip(CURVES[[0, 2, 3]], found[[0, 2, 3]], strict=True):
        reached = brentq(lambda t, r=row: survival(r, t) - 0.5 - 1e-9, 0, 4)
        assert median == pytest.approx(reached, abs=1e-6)
    assert math.isnan(found[1])
    np.testing.assert_array_equal(median_of(CURVES, GRID, steps=True), [2.5, math.nan, 0.5, 2.5])
    from_start = median_of(np.array([[0.6, 0.7], [0.2, 0.8]]), np.array([0.0, 2.0]))
    np.testing.assert_allclose(from_start, [0.0, 1.0])


@pytest.mark.parametrize("unit", [0.0, 0.5])
def test_of_a_kaplan_meier_curve_they_are_those_of_lifelines(unit: float) -> None:
    one = followed(1, n=300, unit=unit)
    theirs = KaplanMeierFitter().fit(one.time, one.event)
    found = kaplan_meier(*one.parts)
    grid = np.append(found.time[found.time < 7.5], 7.5)
    risk = 1 - found.at(grid)[None, :]
    for tau in (1.0, 3.3, 7.5):
        area = restricted_mean_survival_time(theirs, t=tau)
        assert restricted_mean(risk, grid, tau, steps=True)[0] == pytest.approx(area, rel=1e-9)
    assert median_of(risk, grid, steps=True)[0] == pytest.approx(theirs.median_survival_time_)


def test_nothing_is_extrapolated() -> None:
    for tau in (4.1, -1.0, math.nan):
        with pytest.raises(DataError, match="where the curves end"):
            restricted_mean(CURVES, GRID, tau)
    with pytest.raises(DataError, match="1 minus survival"):
        median_of(1 - CURVES, GRID)
