from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW
from trial import trial

from bedside.errors import DataError
from bedside.measures import effective_sample_sizes, poor_overlap, standardised_differences


def test_poor_overlap_by_counting() -> None:
    propensity = np.array([[0.5, 0.5], [0.96, 0.04], [0.05, 0.95], [0.01, 0.99], [0.3, 0.7]])
    found = poor_overlap(propensity)
    low, high = proportion_confint(2, 5, method="wilson")
    assert (found.value, found.low, found.high) == pytest.approx((0.4, low, high))
    assert poor_overlap(propensity, 0.06).value == pytest.approx(0.6)
    three = np.array([[0.9, 0.06, 0.04], [0.4, 0.3, 0.3]])
    assert poor_overlap(three).value == 0.5
    assert not poor_overlap(np.zeros((0, 2))).defined


def test_effective_sample_sizes_by_hand_and_by_the_variance_of_a_mean() -> None:
    arm = np.array([0, 0, 0, 1, 1])
    propensity = np.array([[0.5, 0.5], [0.5, 0.5], [0.25, 0.75], [0.5, 0.5], [0.9, 0.1]])
    # Weights 2, 2, 4: 64 / 24; 2, 10: 144 / 104.
    found = effective_sample_sizes(arm, propensity)
    np.testing.assert_allclose(found, [64 / 24, 144 / 104])
    np.testing.assert_allclose(effective_sample_sizes(arm, propensity, np.array([0, 1, 1, 0, 1.0])), [36 / 20, 1])
    weight = np.array([2.0, 2.0, 4.0])
    means = np.random.default_rng(1).normal(size=(200_000, 3)) @ weight / weight.sum()
    assert 1 / means.var() == pytest.approx(found[0], rel=0.01)
    np.testing.assert_array_equal(effective_sample_sizes(np.zeros(5, dtype=np.int64), np.full((5, 2), 0.5)), [5, 0])


def test_standardised_differences_are_those_of_statsmodels() -> None:
    one = trial(2, n=400, observed=True)
    order = np.argsort(one.arm, kind="stable")
    few = min(np.sum(one.arm == 0), np.sum(one.arm == 1))
    rows = np.concatenate([order[:few], order[-few:]])  # as many in each arm: the pooled variance is the mean variance
    X, arm = one.X[rows], one.arm[rows]
    found = standardised_differences(X, arm, 1, 0)
    for j in range(3):
        first, second = (DescrStatsW(X[arm == a, j]) for a in (1, 0))
        # Its pooled error of the difference is the pooled deviation times the root of 2 / n.
        pooled = CompareMeans(first, second).std_meandiff_pooledvar * np.sqrt(few / 2)
        assert found[j] == pytest.approx((first.mean - second.mean) / pooled)


def test_weights_balance_what_drives_the_arm() -> None:
    one = trial(3, n=20_000, arms=3, observed=True)
    raw = standardised_differences(one.X, one.arm, 2, 0)
    weighted = standardised_differences(one.X, one.arm, 2, 0, one.propensity)
    assert raw[1] > 0.5 and np.abs(weighted).max() < 0.1
    first, second = (DescrStatsW(one.X[one.arm == a, 1], 1 / one.propensity[one.arm == a, a]) for a in (2, 0))
    spread = np.sqrt(sum(one.X[one.arm == a, 1].var(ddof=1) for a in (2, 0)) / 2)
    assert weighted[1] == pytest.approx((first.mean - second.mean) / spread)


def test_an_arm_is_compared_with_all_patients() -> None:
    one = trial(4, n=20_000, arms=3, observed=True)
    everybody, had = DescrStatsW(one.X[:, 1]), one.arm == 2
    for propensity, weight in ((None, None), (one.propensity, 1 / one.propensity[had, 2])):
        expected = (DescrStatsW(one.X[had, 1], weight).mean - everybody.mean) / everybody.std_ddof(1)
        found = standardised_differences(one.X, one.arm, 2, None, propensity)
        assert found[1] == pytest.approx(expected)
        assert (abs(expected) > 0.3) == (propensity is None)


def test_unknown_values_are_left_out() -> None:
    X = np.array([[1.0, 1.0, 2.0], [3.0, 1.0, np.nan], [np.nan, 1.0, 3.0], [2.0, 1.0, 4.0], [6.0, 1.0, 5.0]])
    found = standardised_differences(X, np.array([0, 0, 0, 1, 1]), 1, 0)
    assert found[0] == pytest.approx((4 - 2) / np.sqrt((2 + 8) / 2))
    assert np.isnan(found[1])
    assert found[2] == pytest.approx((4.5 - 2.5) / np.sqrt(0.5))
    assert np.isnan(standardised_differences(X, np.array([0, 0, 0, 0, 1]), 1, 0)).all()
    assert standardised_differences(X, np.array([0, 0, 0, 1, 1]), 1)[0] == pytest.approx((4 - 3) / np.sqrt(14 / 3))


@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_refused() -> None:
    half = np.full((4, 2), 0.5)
    with pytest.raises(DataError, match="limit"):
        poor_overlap(half, 0.0)
    with pytest.raises(DataError, match="propensity, row 1"):
        poor_overlap(np.array([[0.5, 0.5], [0.0, 1.0]]))
    with pytest.raises(DataError, match="4 patients but 3"):
        effective_sample_sizes(np.zeros(3), half)
    with pytest.raises(DataError, match="weight, row 0"):
        effective_sample_sizes(np.zeros(4), half, np.array([np.nan, 1, 1, 1]))
    with pytest.raises(DataError, match="X, row 2"):
        standardised_differences(np.array([[1.0], [2.0], [np.inf], [3.0]]), np.array([0, 0, 1, 1]), 1, 0)
    with pytest.raises(DataError, match="arm, row 0"):
        standardised_differences(np.zeros((4, 1)), np.array([0, 0, 1, 1]), 2, 0, half)
