from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from econml.validate.utils import calculate_dr_outcomes
from followed import followed
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time
from trial import trial

from bedside.errors import DataError
from bedside.measures import average_effect, dr_scores, restricted_mean_outcome


@pytest.mark.parametrize("arms", [2, 3])
def test_differences_of_scores_are_those_of_econml(arms: int) -> None:
    one = trial(1, arms=arms, observed=True)
    expected = one.expected + np.random.default_rng(2).normal(size=one.expected.shape)
    propensity = one.propensity.clip(0.02)  # econml clips at 0.01
    found = dr_scores(one.y, one.arm, expected, propensity)
    theirs = calculate_dr_outcomes(one.arm, one.y, expected, propensity)
    np.testing.assert_allclose(found[:, 1:] - found[:, :1], theirs, atol=1e-12)


def test_scores_by_hand() -> None:
    y, arm = np.array([3.0, 1.0, np.nan]), np.array([0, 1, 1])
    expected = np.array([[1.0, 2.0], [1.0, 2.0], [5.0, 6.0]])
    propensity = np.array([[0.5, 0.5], [0.8, 0.2], [0.5, 0.5]])
    found = dr_scores(y, arm, expected, propensity, np.array([1.0, 1.5, 0.0]))
    # 1 + 2 / 0.5; 2 - 1.5 * 1 / 0.2; nothing known.
    np.testing.assert_allclose(found, [[5.0, 2.0], [1.0, -5.5], [5.0, 6.0]])


def test_the_mean_is_right_where_one_of_the_two_models_is() -> None:
    one = trial(3, n=200_000, observed=True)
    wrong_outcome, wrong_propensity = np.zeros_like(one.expected), np.full_like(one.propensity, 0.5)
    truth = one.expected.mean(axis=0)
    for expected, propensity in ((wrong_outcome, one.propensity), (one.expected, wrong_propensity)):
        np.testing.assert_allclose(dr_scores(one.y, one.arm, expected, propensity).mean(axis=0), truth, atol=0.02)
    both = dr_scores(one.y, one.arm, wrong_outcome, wrong_propensity).mean(axis=0)
    assert np.abs(both - truth).max() > 0.2


@pytest.mark.parametrize("unit", [0.0, 0.5])
@pytest.mark.parametrize("until", [1.0, 4.0, 7.5])
def test_the_weighted_mean_is_the_area_under_kaplan_meier(unit: float, until: float) -> None:
    one = followed(4, 300, unit=unit, competing=0.05)
    arm = np.random.default_rng(5).integers(2, size=300)
    y, weight = restricted_mean_outcome(one.time, one.event, until, arm)
    for a in (0, 1):
        rows = arm == a
        fit = KaplanMeierFitter().fit(one.time[rows], one.event[rows] > 0)
        theirs = restricted_mean_survival_time(fit, until)
        assert np.mean(weight[rows] * y[rows]) == pytest.approx(theirs, rel=1e-12)
        assert weight[rows].sum() == pytest.approx(rows.sum(), rel=1e-12)
    lost = (one.event == 0) & (one.time < until)
    assert (weight[lost] == 0).all() and (weight[~lost] > 1 - 1e-9).all()
    everybody, _ = restricted_mean_outcome(one.time, one.event, until)
    np.testing.assert_array_equal(everybody, np.minimum(one.time, until))


def test_a_time_that_nobody_was_followed_to_is_refused() -> None:
    time, arm = np.array([1.0, 2.0, 3.0, 1.0, 2.0, 5.0]), np.array([0, 0, 0, 1, 1, 1])
    with pytest.raises(DataError, match="arm 0 was followed to 4: the last time is 3"):
        restricted_mean_outcome(time, np.array([1, 1, 0, 1, 0, 0]), 4.0, arm)
    # The last one had an event: all is known of the arm.
    y, weight = restricted_mean_outcome(time, np.array([1, 0, 1, 1, 0, 0]), 4.0, arm)
    np.testing.assert_allclose(weight, [1, 0, 2, 1, 0, 2])
    assert y.tolist() == [1, 2, 3, 1, 2, 4]
    # An event and an end of follow-up at the same time: the event came first, and S is not 0.
    with pytest.raises(DataError, match="followed to 4"):
        restricted_mean_outcome(np.array([3.0, 3.0]), np.array([1, 0]), 4.0)


def test_the_interval_of_an_effect_is_that_of_least_squares() -> None:
    one = trial(6, n=200, arms=3)
    scores = dr_scores(*one.parts)
    found = average_effect(scores, 2, 0)
    theirs = sm.OLS(scores[:, 2] - scores[:, 0], np.ones(200)).fit()
    assert (found.value, found.low, found.high) == pytest.approx((theirs.params[0], *theirs.conf_int()[0]), rel=1e-9)
    whose = np.random.default_rng(7).integers(40, size=200)
    by_patient = average_effect(scores, 2, 0, groups=whose)
    theirs = sm.OLS(scores[:, 2] - scores[:, 0], np.ones(200)).fit(
        cov_type="cluster", cov_kwds={"groups": whose}, use_t=True
    )
    assert (by_patient.low, by_patient.high) == pytest.approx(tuple(theirs.conf_int()[0]), rel=1e-9)
    assert average_effect(scores, 0, 2).value == pytest.approx(-found.value)


@pytest.mark.usefixtures("unchecked")
def test_the_interval_of_an_effect_covers_the_truth() -> None:
    """Arms that go with a covariate, an outcome model that is half wrong; a restricted mean with a third lost."""
    runs, hits = 400, np.zeros(2)
    x, weight = np.polynomial.hermite_e.hermegauss(40)
    truth = sum(s * np.sum(weight * (1 - np.exp(-h * 3)) / h) for s, h in ((1, 0.1 * np.exp(x)), (-1, 0.3 * np.exp(x))))
    truth /= weight.sum()
    for seed in range(runs):
        one = trial(1000 + seed, n=300, observed=True)
        found = average_effect(dr_scores(one.y, one.arm, one.expected / 2, one.propensity), 1, 0)
        hits[0] += found.low <= 0.2 <= found.high
        rng = np.random.default_rng(5000 + seed)
        arm, x0 = rng.integers(2, size=300), rng.normal(size=300)
        at = rng.exponential(1 / (np.where(arm == 1, 0.1, 0.3) * np.exp(x0)))
        end = rng.uniform(0.5, 8.0, size=300)
        y, known = restricted_mean_outcome(np.minimum(at, end), (at <= end).astype(np.int64), 3.0, arm)
        guess = np.column_stack([2.0 - 0.4 * x0, 2.5 - 0.3 * x0])
        found = average_effect(dr_scores(y, arm, guess, np.full((300, 2), 0.5), known), 1, 0)
        hits[1] += found.low <= truth <= found.high
    assert (hits / runs > 0.92).all() and (hits / runs < 0.985).all(), hits / runs


def test_actg_175_as_regression_and_kaplan_meier_see_it(data_dir: Path) -> None:
    """Four arms, drawn evenly: the CD4 count at 20 weeks by analysis of covariance, 1,000 days by Kaplan-Meier."""
    table = pd.read_csv(data_dir / "treatment" / "actg175.csv")
    arm, names = table["arms"].to_numpy(), ["age", "wtkg", "karnof", "cd40", "cd80", "gender", "str2", "symptom"]
    X = sm.add_constant(table[names].to_numpy(dtype=np.float64))
    known = np.ones(len(arm))
    days, weight = restricted_mean_outcome(table["days"].to_numpy(float), table["cens"].to_numpy(), 1000.0, arm)
    quarter, fold = np.full((len(arm), 4), 0.25), np.random.default_rng(9).integers(5, size=len(arm))
    for y, w in ((table["cd420"].to_numpy(float), known), (days, weight)):
        expected = np.empty((len(arm), 4))
        for f, a in np.ndindex(5, 4):
            rows = (fold != f) & (arm == a)
            expected[fold == f, a] = X[fold == f] @ sm.WLS(y[rows], X[rows], w[rows]).fit().params
        scores = dr_scores(y, arm, expected, quarter, w)
        for a in (1, 2, 3):
            found = average_effect(scores, a, 0)
            assert found.low > 0  # zidovudine alone was the worst: Hammer et al., N Engl J Med 1996;335:1081-1090
            if w is known:
                rows = (arm == a) | (arm == 0)
                fit = sm.OLS(y[rows], np.column_stack([X, arm == a])[rows]).fit(cov_type="HC3")
                assert found.value == pytest.approx(fit.params[-1], abs=0.3 * fit.bse[-1])
                assert (found.high - found.low) / 3.92 == pytest.approx(fit.bse[-1], rel=0.06)
            else:
                curves = [KaplanMeierFitter().fit(table["days"][arm == b], table["cens"][arm == b]) for b in (a, 0)]
                one, two = (restricted_mean_survival_time(curve, 1000.0) for curve in curves)
                assert found.value == pytest.approx(one - two, abs=0.5 * (found.high - found.low) / 3.92)


def test_what_is_not_there_is_undefined() -> None:
    assert not average_effect(np.zeros((0, 2)), 1, 0).defined
    assert average_effect(np.array([[1.0, 3.0]]), 1, 0).as_dict() == {"value": 2.0, "low": None, "high": None}
    assert average_effect(np.full((9, 2), 0.1) + np.arange(9)[:, None], 1, 0).low is None
    assert average_effect(np.arange(8.0).reshape(4, 2) ** 2, 1, 0, groups=np.zeros(4, dtype=np.int64)).low is None


def test_bad_input_is_refused_by_row() -> None:
    one = trial(8, n=20)
    y, arm, expected, propensity = one.parts
    at = np.arange(20) == 3
    for changed in (
        {"y": np.where(at, np.nan, y)},
        {"arm": np.where(at, 2, arm)},
        {"expected": np.where(at[:, None], np.inf, expected)},
        {"propensity": np.where(at[:, None], 0.0, propensity)},
        {"propensity": np.where(at[:, None], np.nan, propensity)},
        {"weight": np.where(at, -1.0, 1.0)},
        {"weight": np.where(at, np.nan, 1.0)},
    ):
        with pytest.raises(DataError, match=f"{next(iter(changed))}, row 3"):
            dr_scores(**{"y": y, "arm": arm, "expected": expected, "propensity": propensity, **changed})
    with pytest.raises(DataError, match="arms"):
        average_effect(np.ones((3, 1)), 0, 0)
    with pytest.raises(DataError, match="2 is not an arm"):
        average_effect(np.ones((3, 2)), 2, 0)
