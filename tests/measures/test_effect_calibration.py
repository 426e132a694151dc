from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from econml.validate import DRTester
from scipy.stats import norm
from statsmodels.stats.weightstats import DescrStatsW
from trial import trial

from bedside.errors import DataError
from bedside.measures import (
    Measure,
    dr_scores,
    effect_calibration_curve,
    effect_calibration_error,
    effect_calibration_intercept,
    effect_calibration_slope,
)


def limits(one: Measure) -> tuple[float, float, float]:
    assert one.low is not None and one.high is not None
    return one.value, one.low, one.high


def drawn(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Scores of effects, and predictions with a slope of 1 and an intercept of 0.2."""
    one = trial(seed, n=n, observed=True)
    scores = dr_scores(one.y, one.arm, one.expected / 2, one.propensity)
    noise = np.random.default_rng(10_000 + seed).normal(size=n)
    return scores[:, 1] - scores[:, 0], 0.64 * one.X[:, 0] + 0.48 * noise


def test_intercept_and_slope_are_those_of_statsmodels() -> None:
    effect, predicted = drawn(1)
    found = effect_calibration_intercept(effect, predicted)
    assert limits(found)[1:] == pytest.approx(DescrStatsW(effect - predicted).tconfint_mean())
    fit = sm.OLS(effect, sm.add_constant(predicted)).fit(cov_type="HC3", use_t=True)
    expected = (fit.params[1], *fit.conf_int()[1])
    assert limits(effect_calibration_slope(effect, predicted)) == pytest.approx(expected)
    assert limits(effect_calibration_slope(effect, predicted + 1000)) == pytest.approx(expected)
    whose = np.random.default_rng(2).integers(60, size=300)
    fit = sm.OLS(effect, sm.add_constant(predicted)).fit(cov_type="cluster", cov_kwds={"groups": whose}, use_t=True)
    found = effect_calibration_slope(effect, predicted, groups=whose)
    assert limits(found)[1:] == pytest.approx(tuple(fit.conf_int()[1]))


def econmls(effect: np.ndarray, predicted: np.ndarray) -> DRTester:
    """econml's, given our scores and predictions instead of fitting its own."""
    one = DRTester(model_regression=None, model_propensity=None, cate=None)
    one.n_treat, one.treatments = 1, np.array([0, 1])
    one.dr_val_ = one.dr_train_ = effect[:, None]
    one.ate_val = effect[:, None].mean(axis=0)
    one.cate_preds_val_ = one.cate_preds_train_ = predicted[:, None]
    return one


def test_slope_and_groups_are_those_of_econml() -> None:
    effect, predicted = drawn(3, n=252)
    theirs = econmls(effect, predicted)
    assert effect_calibration_slope(effect, predicted).value == pytest.approx(theirs.evaluate_blp().params[0])
    calibrated = theirs.evaluate_cal(n_groups=5)
    table = calibrated.plot_data_dict[1]
    found = effect_calibration_curve(effect, predicted, 5)
    # A patient on a cut is in both of its groups there; of 252 nobody is.
    np.testing.assert_allclose(found.predicted, table["g_cate"])
    np.testing.assert_allclose(found.observed, table["gate"])
    # Its R2 is 1 minus the error over that of one effect for all.
    error, flat = effect_calibration_error(effect, predicted).value, found.n @ np.abs(found.observed - effect.mean())
    assert 1 - error * 252 / flat == pytest.approx(calibrated.cal_r_squared[0])


def test_groups_are_those_of_pandas() -> None:
    effect, predicted = drawn(3, n=251)  # four patients are on a cut
    found = effect_calibration_curve(effect, predicted, 5)
    exact = pd.DataFrame({"e": effect, "p": predicted}).groupby(pd.qcut(predicted, 5), observed=True)
    np.testing.assert_allclose(found.observed, exact["e"].mean())
    np.testing.assert_allclose(found.predicted, exact["p"].mean())
    assert found.n.tolist() == exact.size().tolist()
    for k, (_, part) in enumerate(exact):
        assert (found.low[k], found.high[k]) == pytest.approx(DescrStatsW(part["e"]).tconfint_mean())


def test_equal_predictions_stay_together() -> None:
    predicted = np.array([1.0] * 7 + [2.0] * 2 + [5.0] * 3)
    found = effect_calibration_curve(np.arange(12.0), predicted, 5)
    assert found.n.tolist() == [7, 2, 3] and found.predicted.tolist() == [1.0, 2.0, 5.0]
    assert found.observed.tolist() == [3.0, 7.5, 10.0]
    assert effect_calibration_curve(np.arange(12.0), predicted, 1).n.tolist() == [12]


@pytest.mark.usefixtures("unchecked")
def test_intervals_cover_the_truth() -> None:
    cuts = norm.pdf(norm.ppf(np.arange(6) / 5))
    groups = 0.2 + 0.8 * 5 * (cuts[:-1] - cuts[1:])
    aims = np.array([0.2, 1.0, *groups])
    runs, hits = 400, np.zeros(7)
    for seed in range(runs):
        effect, predicted = drawn(1000 + seed, n=200)
        a, b = effect_calibration_intercept(effect, predicted), effect_calibration_slope(effect, predicted)
        c = effect_calibration_curve(effect, predicted)
        low, high = np.array([a.low, b.low, *c.low]), np.array([a.high, b.high, *c.high])
        hits += (low <= aims) & (aims <= high)
    assert (hits / runs > 0.91).all() and (hits / runs < 0.99).all(), hits / runs


def test_the_error_of_calibration_by_hand() -> None:
    effect, predicted = np.array([1.0, 3.0, 2.0, 6.0, 0.0, 1.0]), np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
    # Means 2 of 1, and 7/3 of 2; errors 1/sqrt(3) and sqrt(31/3)/sqrt(3), each with 2 degrees of freedom.
    found = effect_calibration_error(effect, predicted, 2, repeats=200_000)
    assert found.value == pytest.approx((1 + 1 / 3) / 2)
    rng = np.random.default_rng(1)
    error = np.array([1 / np.sqrt(3), np.sqrt(31) / 3])[:, None] * rng.standard_t(2, size=(2, 200_000))
    assert found.high == pytest.approx(
        np.quantile(np.abs(np.array([[1], [1 / 3]]) + error).mean(axis=0), 0.975), rel=0.03
    )
    assert found.low == 0
    far = effect_calibration_error(effect + 50, predicted, 2, repeats=200_000)
    assert far.value == pytest.approx(50 + 2 / 3) and far.low == pytest.approx(2 * far.value - far.high)
    thrice = np.random.default_rng(2).permutation(900) // 3
    effect, predicted = drawn(5)
    once, again = (
        effect_calibration_error(effect, predicted),
        effect_calibration_error(effect[thrice], predicted[thrice], groups=thrice),
    )
    assert limits(again) == pytest.approx(limits(once), rel=0.05)


def test_two_patients_leave_one_degree_of_freedom() -> None:
    effect, whose = np.array([11.0, 11.0, 12.0, 12.0]), np.array([7, 7, 9, 9])
    by_patient = effect_calibration_error(effect, np.zeros(4), 1, groups=whose, repeats=100_000)
    alone = effect_calibration_error(effect[::2], np.zeros(2), 1, repeats=100_000)
    assert limits(by_patient) == pytest.approx(limits(alone), rel=1e-9)


@pytest.mark.usefixtures("unchecked")
def test_the_error_of_calibration_is_covered() -> None:
    """Predictions that are right, that say nothing, and that are turned round."""
    cuts = norm.pdf(norm.ppf(np.arange(6) / 5))
    mean = 5 * (cuts[:-1] - cuts[1:])
    for slope in (1.0, 0.5, -1.0):
        aim = np.mean(np.abs(0.8 * mean - 0.8 * slope * mean))
        hits = 0
        for seed in range(200):
            effect, predicted = drawn(3000 + seed, n=200)
            found = effect_calibration_error(effect, 0.2 + slope * predicted, repeats=300)
            hits += found.low <= aim <= found.high
        assert hits / 200 > 0.91


def test_what_is_not_there_is_undefined() -> None:
    none, two = np.zeros(0), np.array([1.0, 2.0])
    assert not effect_calibration_intercept(none, none).defined
    assert not effect_calibration_slope(two, two).defined
    assert not effect_calibration_slope(np.arange(5.0), np.full(5, 0.1)).defined
    exact = effect_calibration_slope(np.arange(5.0), np.arange(5.0))
    assert exact.value == pytest.approx(1) and exact.low is None
    assert effect_calibration_slope(np.arange(5.0) ** 2, np.arange(5.0), groups=np.zeros(5, dtype=int)).low is None
    assert len(effect_calibration_curve(none, none).n) == 0
    assert not effect_calibration_error(none, none).defined
    assert effect_calibration_error(two, 1 + two, 2).as_dict() == {"value": 1.0, "low": None, "high": None}
    assert effect_calibration_error(*drawn(6), repeats=0).low is None
    alone = effect_calibration_curve(two, two, 2)
    assert alone.n.tolist() == [1, 1] and np.isnan(alone.low).all()


@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_refused() -> None:
    effect, predicted = drawn(4, n=20)
    for measure in (
        effect_calibration_intercept,
        effect_calibration_slope,
        effect_calibration_curve,
        effect_calibration_error,
    ):
        with pytest.raises(DataError, match="predicted, row 3"):
            measure(effect, np.where(np.arange(20) == 3, np.inf, predicted))
        with pytest.raises(DataError, match="20 patients but 19"):
            measure(effect, predicted[1:])
        with pytest.raises(DataError, match="groups"):
            measure(effect, predicted, groups=np.arange(19))
    with pytest.raises(DataError, match="parts"):
        effect_calibration_curve(effect, predicted, 0)
