from __future__ import annotations

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from statsmodels.nonparametric.smoothers_lowess import lowess
from statsmodels.stats.proportion import proportion_confint

from bedside.measures import Curve, calibration_curve, calibration_intercept, calibration_slope, ici

SEEDS = st.integers(0, 10_000)


def patients(seed: int, n: int = 150, shift: float = 0.4, slope: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(-0.5, 1.3, size=n)
    return (rng.uniform(size=n) < expit(shift + slope * x)).astype(np.int64), expit(x)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from([0.9, 0.95]))
def test_calibration_intercept_is_the_glm_with_offset(seed: int, level: float) -> None:
    y, p = patients(seed)
    fit = sm.GLM(y, np.ones((len(y), 1)), family=sm.families.Binomial(), offset=logit(p)).fit(tol=1e-12)
    found = calibration_intercept(y, p, level)
    assert found.value == pytest.approx(fit.params[0], abs=1e-7)
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int(1 - level)[0]), abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from([0.9, 0.95]))
def test_calibration_slope_is_the_logit_of_statsmodels(seed: int, level: float) -> None:
    y, p = patients(seed)
    fit = sm.Logit(y, sm.add_constant(logit(p))).fit(disp=0, tol=1e-12)
    found = calibration_slope(y, p, level)
    assert found.value == pytest.approx(fit.params[1], abs=1e-7)
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int(1 - level)[1]), abs=1e-6)


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_recalibrated_predictions_have_intercept_0_and_slope_1(seed: int) -> None:
    y, p = patients(seed)
    fit = sm.Logit(y, sm.add_constant(logit(p))).fit(disp=0, tol=1e-12)
    mended = np.asarray(fit.predict())
    assert calibration_slope(y, mended).value == pytest.approx(1.0, abs=1e-6)
    assert calibration_intercept(y, mended).value == pytest.approx(0.0, abs=1e-6)
    assert mended.mean() == pytest.approx(y.mean())


def test_calibration_stands_extreme_predictions() -> None:
    y, p = patients(2, n=400)
    y[:4], p[:4] = [0, 1, 1, 0], [0.0, 1.0, 1.0, 1e-300]
    fit = sm.Logit(y, sm.add_constant(logit(np.clip(p, 1e-8, 1 - 1e-8)))).fit(disp=0, tol=1e-12)
    assert calibration_slope(y, p).value == pytest.approx(fit.params[1], abs=1e-6)
    assert calibration_intercept(np.array([0, 1]), np.array([1e-7, 2e-7])).defined
    certain = calibration_intercept(np.array([0, 1, 1, 0]), np.array([0.0, 0.0, 0.0, 1.0]))
    assert certain.defined


def test_calibration_without_a_finite_answer_is_undefined() -> None:
    p = np.array([0.1, 0.2, 0.3, 0.8, 0.9])
    y = np.array([0, 0, 0, 1, 1])
    touching = np.array([0.1, 0.3, 0.3, 0.3, 0.9])
    assert not calibration_slope(y, p).defined
    assert not calibration_slope(1 - y, p).defined
    assert not calibration_slope(y, touching).defined
    assert not calibration_slope(y, np.full(5, 0.4)).defined
    assert calibration_intercept(y, p).defined
    for one_class in (np.zeros(5, dtype=np.int64), np.ones(5, dtype=np.int64)):
        for measure in (calibration_intercept, calibration_slope, ici):
            found = measure(one_class, p)
            assert (found.defined, found.low, found.high) == (False, None, None)
        assert np.isnan(calibration_curve(one_class, p).value).all()
    nobody = np.array([], dtype=np.int64)
    assert not ici(nobody, np.array([])).defined
    assert not calibration_slope(nobody, np.array([])).defined


def test_wald_intervals_cover_the_truth() -> None:
    hits = np.zeros(2)
    for seed in range(250):
        y, p = patients(seed + 50_000, slope=0.8)
        slope, large = calibration_slope(y, p), calibration_intercept(*patients(seed + 60_000, shift=0.5, slope=1.0))
        hits += [slope.low <= 0.8 <= slope.high, large.low <= 0.5 <= large.high]
    assert (hits / 250 >= 0.92).all() and (hits / 250 <= 0.985).all()


@settings(max_examples=8, deadline=None)
@given(SEEDS, st.booleans())
def test_calibration_curve_is_lowess_without_robust_steps(seed: int, ties: bool) -> None:
    y, p = patients(seed, n=120)
    if ties:
        p = np.clip(np.round(p, 2), 0.01, 0.99)
    grid = np.linspace(p.min(), p.max(), 17)
    expected = np.clip(lowess(y.astype(float), p, frac=0.75, it=0, xvals=grid), 0, 1)
    np.testing.assert_allclose(calibration_curve(y, p, grid).value, expected, atol=1e-6)


def test_calibration_band_is_wilson_at_the_effective_number_of_patients() -> None:
    y, p = patients(9, n=60)
    at = np.array([0.2, 0.4, 0.7])
    # The smoothing weights of each patient, one at a time, from the oracle's smoother.
    weights = np.array([lowess(row, p, frac=0.75, it=0, xvals=at) for row in np.eye(60)])
    effective = 1 / np.sum(weights**2, axis=0)
    curve = calibration_curve(y, p, at, 0.9)
    for k in range(3):
        value = float(np.clip(weights[:, k] @ y, 0, 1))
        expected = proportion_confint(value * effective[k], effective[k], 0.1, "wilson")
        assert (curve.low[k], curve.high[k]) == pytest.approx(expected, abs=1e-6)


def test_calibration_band_covers_a_straight_truth_at_each_point() -> None:
    rng = np.random.default_rng(5)
    at = np.array([0.15, 0.5, 0.85])
    hits = np.zeros(3)
    for _ in range(400):
        p = rng.uniform(size=200)
        curve = calibration_curve((rng.uniform(size=200) < 0.1 + 0.7 * p).astype(np.int64), p, at)
        hits += (curve.low <= 0.1 + 0.7 * at) & (0.1 + 0.7 * at <= curve.high)
    assert (hits / 400 >= 0.925).all() and (hits / 400 <= 0.985).all()


def test_calibration_curve_ends_where_the_data_do() -> None:
    y, p = patients(1, n=3000)
    p = 0.2 + p / 2
    curve = calibration_curve(y, p)
    assert isinstance(curve, Curve)
    inside = (curve.x >= p.min()) & (curve.x <= p.max())
    np.testing.assert_array_equal(np.isfinite(curve.value), inside)
    assert (curve.low[inside] <= curve.value[inside]).all() and (curve.value[inside] <= curve.high[inside]).all()
    expected = np.clip(lowess(y.astype(float), p, frac=0.75, it=0, xvals=curve.x[inside]), 0, 1)
    np.testing.assert_allclose(curve.value[inside], expected, atol=2e-4)  # 2000 cells of neighbours


@settings(max_examples=8, deadline=None)
@given(SEEDS, st.sampled_from([60, 200, 900]))
def test_ici_is_the_mean_distance_from_lowess(seed: int, n: int) -> None:
    y, p = patients(seed, n=n)
    smooth = np.clip(lowess(y.astype(float), p, frac=0.75, it=0, return_sorted=False), 0, 1)
    found = ici(y, p, repeats=50)
    # Up to 400 distinct predictions the two are the same thing; beyond, ours puts neighbours into cells.
    assert found.value == pytest.approx(np.mean(np.abs(smooth - p)), abs=1e-6 if n <= 400 else 5e-4)
    assert found.low <= found.value <= found.high


def test_ici_interval_against_a_plain_bootstrap_of_lowess() -> None:
    y, p = patients(3, n=150, shift=1.0)
    rng = np.random.default_rng(4)
    drawn = []
    for _ in range(400):
        one = rng.integers(150, size=150)
        smooth = np.clip(lowess(y[one].astype(float), p[one], frac=0.75, it=0, return_sorted=False), 0, 1)
        drawn.append(np.mean(np.abs(smooth - p[one])))
    found = ici(y, p, seed=5)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.012)
    assert found == ici(y, p, seed=5)


def test_ici_interval_covers_the_truth_and_zero() -> None:
    rng = np.random.default_rng(6)
    hits = np.zeros(2)
    for _ in range(120):
        p = rng.uniform(0.05, 0.75, size=120)
        for k, gap in enumerate((0.0, 0.15)):
            found = ici(
                (rng.uniform(size=120) < p + gap).astype(np.int64), p, repeats=120, seed=int(rng.integers(9999))
            )
            hits[k] += found.low <= gap <= found.high
    assert (hits / 120 >= 0.9).all()


def test_few_distinct_predictions_leave_no_slope_to_estimate() -> None:
    y = np.array([0, 0, 1, 1, 0, 1, 1, 1])
    p = np.repeat([0.2, 0.7], 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        curve = calibration_curve(y, p, np.array([0.2, 0.7]))
    np.testing.assert_allclose(curve.value, [0.5, 0.75])
    assert ici(y, p).value == pytest.approx((0.3 + 0.05) / 2)
