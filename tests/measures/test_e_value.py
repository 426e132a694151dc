from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import t
from trial import trial

from bedside.errors import DataError
from bedside.measures import EValue, Measure, dr_scores, e_value, ratio_from_difference, risk_ratio


@pytest.mark.parametrize(
    ("ratio", "point", "limit"),
    [
        (Measure(3.9, 1.8, 8.7), 7.26, 3.00),  # VanderWeele and Ding 2017: breastfeeding and respiratory infection
        (Measure(0.8, 0.71, 0.91), 1.81, 1.43),  # the same: breastfeeding and leukaemia
    ],
)
def test_published_examples(ratio: Measure, point: float, limit: float) -> None:
    found = e_value(ratio)
    assert (round(found.point, 2), round(found.limit, 2)) == (point, limit)


@pytest.mark.parametrize("ratio", [0.2, 0.7, 1.3, 5.0])
def test_the_bounding_factor_at_the_e_value_is_the_ratio(ratio: float) -> None:
    """Ding and VanderWeele 2016: with both risk ratios g, confounding makes at most a ratio of g^2 / (2 g - 1)."""
    above = max(ratio, 1 / ratio)
    root = brentq(lambda g: g * g / (2 * g - 1) - above, 1.0, 100.0, xtol=1e-12)
    assert e_value(Measure(ratio)).point == pytest.approx(root)


def test_of_a_difference_it_is_that_of_the_r_package() -> None:
    """EValue: evalues.MD(0.5, se = 0.2), evalues.OLS(1.2, se = 0.4, sd = 3); its 1.78 is 0.91 times 1.96."""
    for value, error, spread, point, limit in (
        (0.5, 0.2, 1.0, 2.52914198186127, 1.44302956344269),
        (1.2, 0.4, 3.0, 2.23397067263333, 1.52654088731104),
    ):
        difference = Measure(value, value - 1.959964 * error, value + 1.959964 * error)
        found = e_value(ratio_from_difference(difference, spread))
        assert found.point == pytest.approx(point, rel=1e-9)
        assert found.limit == pytest.approx(limit, rel=0.003)
        turned = Measure(-value, -value - 1.959964 * error, -value + 1.959964 * error)
        assert e_value(ratio_from_difference(turned, spread)).limit == pytest.approx(found.limit)


def test_where_there_is_nothing_to_explain() -> None:
    assert e_value(Measure(1.0, 0.8, 1.2)) == EValue(1.0, 1.0)
    crossing = e_value(Measure(1.5, 0.9, 2.5))
    assert crossing.point > 2 and crossing.limit == 1.0
    without = e_value(Measure(2.0))
    assert without.point == pytest.approx(2 + math.sqrt(2)) and math.isnan(without.limit)
    nothing = e_value(Measure(math.nan))
    assert math.isnan(nothing.point) and math.isnan(nothing.limit)
    assert not ratio_from_difference(Measure(math.nan), 1.0).defined
    assert not ratio_from_difference(Measure(1e12, 1.0, 1e13), 1.0).defined


def binary(seed: int, n: int = 300) -> np.ndarray:
    """Scores of a trial in which arm 1 halves a risk of 0.3."""
    rng = np.random.default_rng(seed)
    arm = rng.integers(2, size=n)
    y = (rng.uniform(size=n) < np.array([0.3, 0.15])[arm]).astype(float)
    return dr_scores(y, arm, np.full((n, 2), 0.2), np.full((n, 2), 0.5))


def test_risk_ratio_by_numerical_derivatives() -> None:
    scores = binary(1)
    found = risk_ratio(scores, 1, 0)
    means = scores.mean(axis=0)
    assert found.value == pytest.approx(means[1] / means[0])

    def log(m: np.ndarray) -> float:
        return math.log(m[1] / m[0])

    steps = 1e-6 * np.eye(2)
    slope = np.array([(log(means + step) - log(means - step)) / 2e-6 for step in steps])
    error = math.sqrt(slope @ np.cov(scores.T) @ slope / 300)
    half = t.ppf(0.975, 299) * error
    expected = found.value * np.exp([-half, half])
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=1e-6)
    turned = risk_ratio(scores, 0, 1)
    assert (turned.low, turned.high) == pytest.approx((1 / found.high, 1 / found.low))


@pytest.mark.usefixtures("unchecked")
def test_the_interval_of_a_risk_ratio_covers_the_truth() -> None:
    found = [risk_ratio(binary(100 + seed), 1, 0) for seed in range(400)]
    assert 0.92 < np.mean([one.low <= 0.5 <= one.high for one in found]) < 0.985


def test_means_near_0_have_no_ratio() -> None:
    assert not risk_ratio(np.zeros((0, 2)), 1, 0).defined
    assert not risk_ratio(np.array([[0.2, -0.1], [0.1, 0.05]]), 1, 0).defined
    scores = np.column_stack([np.full(50, 0.3) + 0.01 * np.arange(50), np.where(np.arange(50) == 0, 1.0, 0.0)])
    near = risk_ratio(scores, 1, 0)
    assert near.defined and near.low is None


@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_refused() -> None:
    for wrong in (Measure(0.0), Measure(-1.0), Measure(0.5, 0.0, 1.0)):
        with pytest.raises(DataError, match="ratio above 0"):
            e_value(wrong)
    for spread in (0.0, math.nan, -1.0):
        with pytest.raises(DataError, match="spread"):
            ratio_from_difference(Measure(1.0), spread)
    with pytest.raises(DataError, match="arm"):
        risk_ratio(dr_scores(*trial(2, n=10).parts), 2, 0)
