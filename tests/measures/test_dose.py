from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW, ttost_paired

from bedside.errors import DataError
from bedside.measures import (
    Measure,
    interval_coverage,
    mae,
    mae_difference,
    mean_error,
    r_squared,
    within_tolerance,
)


def doses(seed: int, n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Weekly doses in mg as they are in practice, skewed; and predictions of their logarithm's mean."""
    rng = np.random.default_rng(seed)
    known = 3.4 + 0.4 * rng.normal(size=n)
    return np.exp(known + 0.3 * rng.normal(size=n)), np.exp(known)


def limits(one: Measure) -> tuple[float, float, float]:
    assert one.low is not None and one.high is not None
    return one.value, one.low, one.high


def test_errors_are_those_of_sklearn_with_the_interval_of_a_mean() -> None:
    y, p = doses(1)
    found = mae(y, p)
    assert found.value == pytest.approx(mean_absolute_error(y, p))
    assert limits(found)[1:] == pytest.approx(DescrStatsW(np.abs(y - p)).tconfint_mean())
    bias = mean_error(y, p + 1)
    assert bias.value == pytest.approx(p.mean() + 1 - y.mean())
    assert limits(bias)[1:] == pytest.approx(DescrStatsW(p + 1 - y).tconfint_mean())


def test_the_difference_of_errors_is_paired() -> None:
    y, p = doses(2)
    flat = np.full(len(y), 35.0)
    found = mae_difference(y, p, flat)
    assert found.value == pytest.approx(mean_absolute_error(y, p) - mean_absolute_error(y, flat)) and found.value < 0
    # A paired test of equivalence whose margins are our limits is on the edge on both sides, at half of 5 %.
    edge, low, high = ttost_paired(np.abs(y - p), np.abs(y - flat), found.low, found.high)
    assert edge == pytest.approx(0.025) and low[1] == pytest.approx(0.025) and high[1] == pytest.approx(0.025)


def test_within_tolerance_by_counting() -> None:
    y = np.array([35.0, 30.0, 50.0, 50.0, 21.0, 10.0])
    p = np.array([42.0, 24.0, 60.01, 39.99, 21.0, 8.0])  # on both limits, just beyond both, right, on the limit
    found = within_tolerance(y, p)
    assert limits(found) == pytest.approx((4 / 6, *proportion_confint(4, 6, method="wilson")))
    assert within_tolerance(y, p, 0.1).value == pytest.approx(1 / 6)
    tenths = np.arange(1, 400) / 10  # 20 % more, however it is rounded
    assert within_tolerance(tenths, tenths * 1.2).value == within_tolerance(tenths, tenths * 0.8).value == 1.0


def test_r_squared_is_sklearns() -> None:
    y, p = doses(3)
    found = r_squared(y, p)
    assert found.value == pytest.approx(r2_score(y, p))
    without = [np.log(1 - r2_score(np.delete(y, i), np.delete(p, i))) for i in range(120)]
    error = np.sqrt(119 / 120 * np.sum((without - np.mean(without)) ** 2))
    half = error * 1.980100  # t with 119 degrees of freedom
    expected = 1 - (1 - found.value) * np.exp([half, -half])
    assert limits(found)[1:] == pytest.approx(tuple(expected), rel=1e-5)
    assert r_squared(y, np.full(120, 10.0)).value < 0


def test_interval_coverage_by_counting() -> None:
    y = np.array([1.0, 2.0, 3.0, 4.0])
    found = interval_coverage(y, np.array([1.0, 2.1, -np.inf, 0.0]), np.array([5.0, 9.0, 3.0, 3.9]))
    assert limits(found) == pytest.approx((0.5, *proportion_confint(2, 4, method="wilson")))


@pytest.mark.usefixtures("unchecked")
def test_intervals_cover_the_truth() -> None:
    y, p = doses(4, n=2_000_000)
    flat = np.full(len(y), 35.0)
    aims = [f(y, p).value for f in (mae, mean_error, r_squared)] + [mae_difference(y, p, flat).value]
    aims.append(within_tolerance(y, p).value)
    runs, hits = 400, np.zeros(5)
    for seed in range(runs):
        y, p = doses(100 + seed, n=200)
        found = [f(y, p) for f in (mae, mean_error, r_squared)] + [mae_difference(y, p, flat[:200])]
        found.append(within_tolerance(y, p))
        hits += [m.low <= aim <= m.high for m, aim in zip(found, aims, strict=True)]
    assert (hits / runs > 0.9).all() and (hits / runs < 0.99).all(), hits / runs


def test_rows_of_a_patient_hang_together() -> None:
    y, p = doses(5)
    whose = np.random.default_rng(6).permutation(360) // 3
    for measure in (mae, mean_error, r_squared):
        once, thrice = measure(y, p), measure(y[whose], p[whose], groups=whose)
        assert limits(thrice) == pytest.approx(limits(once), rel=0.01, abs=0.02)


def test_what_is_not_there_is_undefined() -> None:
    none, one = np.zeros(0), np.array([2.0])
    for measure in (mae, mean_error, r_squared, within_tolerance):
        assert not measure(none, none).defined
    assert not interval_coverage(none, none, none).defined and not mae_difference(none, none, none).defined
    assert mae(one, one).value == 0 and mae(one, one).low is None
    assert not r_squared(np.full(3, 2.0), np.arange(3.0)).defined
    y = np.array([1.0, 2.0, 3.0])
    assert r_squared(y, y).value == 1 and r_squared(y, y).low is None
    assert r_squared(y, np.array([1.0, 2.0, 4.0])).low is None


@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_refused_by_row() -> None:
    y, p = doses(7, n=5)
    wrong = np.where(np.arange(5) == 3, np.nan, y)
    for measure in (mae, mean_error, r_squared, within_tolerance):
        with pytest.raises(DataError, match="y, row 3"):
            measure(wrong, p)
        with pytest.raises(DataError, match="p, row 3"):
            measure(p, wrong)
        with pytest.raises(DataError, match="5 patients but 4"):
            measure(y, p[1:])
    with pytest.raises(DataError, match="q, row 3"):
        mae_difference(y, p, wrong)
    with pytest.raises(DataError, match="y, row 2"):
        within_tolerance(np.where(np.arange(5) == 2, 0.0, y), p)
    with pytest.raises(DataError, match="tolerance"):
        within_tolerance(y, p, 0.0)
    with pytest.raises(DataError, match="low, row 3"):
        interval_coverage(y, wrong - 1, y + 1)
    with pytest.raises(DataError, match="low, row 0"):
        interval_coverage(y, y + 1, y)
    with pytest.raises(DataError, match="limits of shape"):
        interval_coverage(y, y[1:], y)
