from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from followed import Followed, average_risk, followed, inverse_weights
from lifelines import AalenJohansenFitter, KaplanMeierFitter
from statsmodels.nonparametric.smoothers_lowess import lowess

from bedside.errors import DataError
from bedside.measures import (
    calibration_curve_at,
    calibration_slope_at,
    d_calibration,
    ici_at,
    observed_over_expected_at,
)

POINT = {"repeats": 0}
T = 3.0


def happened(one: Followed) -> np.ndarray:
    return (one.event == 1) & (one.time <= T)


def sharpened(risk: np.ndarray, slope: float = 0.7, shift: float = 0.0) -> np.ndarray:
    """Risks of a model whose true calibration slope is ``slope``."""
    return -np.expm1(-np.exp((np.log(-np.log1p(-risk)) - shift) / slope))


@pytest.mark.parametrize("competing", [0.0, 0.15])
def test_observed_over_expected_is_that_of_lifelines(competing: float) -> None:
    one = followed(1, competing=competing)
    risk = one.risk(T) * 0.8
    if competing:
        fit = AalenJohansenFitter(calculate_variance=False).fit(one.time, one.event, 1)
        observed = float(fit.cumulative_density_.loc[:T].iloc[-1, 0])
    else:
        observed = 1 - float(KaplanMeierFitter().fit(one.time, one.event).predict(T))
    found = observed_over_expected_at(*one.parts, risk, T, **POINT).value
    assert found == pytest.approx(observed / risk.mean(), rel=1e-9)


@pytest.mark.parametrize(("competing", "unit"), [(0.0, 0.0), (0.15, 0.0), (0.15, 0.5)])
def test_calibration_slope_at_is_the_glm_of_statsmodels(competing: float, unit: float) -> None:
    one = followed(2, competing=competing, unit=unit)
    risk, w = sharpened(one.risk(T)), inverse_weights(one, T)
    known = w > 0
    X = sm.add_constant(np.log(-np.log1p(-risk)))
    link = sm.families.Binomial(sm.families.links.CLogLog())
    fit = sm.GLM(happened(one)[known] * 1.0, X[known], family=link, var_weights=200 * w[known]).fit(tol=1e-12)
    found = calibration_slope_at(*one.parts, risk, T, **POINT)
    assert found.value == pytest.approx(fit.params[1], abs=1e-6)


def local_lines(x: np.ndarray, y: np.ndarray, w: np.ndarray, at: np.ndarray) -> np.ndarray:
    """At each point a weighted line through the nearest 75 %, by statsmodels; ``w`` are weights besides distance."""
    found = []
    for point in at:
        distance = np.abs(x - point)
        width = np.sort(distance)[math.floor(0.75 * len(x)) - 1]
        tricube = np.clip(1 - (distance / width) ** 3, 0, None) ** 3
        line = sm.WLS(y, np.column_stack([np.ones(len(x)), x - point]), weights=tricube * w).fit()
        found.append(line.params[0])
    return np.clip(found, 0, 1)


@pytest.mark.parametrize(("competing", "unit"), [(0.0, 0.0), (0.15, 0.5)])
def test_calibration_curve_at_is_local_lines_with_inverse_weights(competing: float, unit: float) -> None:
    one = followed(3, competing=competing, unit=unit)
    risk, w, y = sharpened(one.risk(T)), inverse_weights(one, T), happened(one) * 1.0
    at = np.linspace(risk[w > 0].min(), risk[w > 0].max(), 9)
    curve = calibration_curve_at(*one.parts, risk, T, at)
    np.testing.assert_allclose(curve.value, local_lines(risk, y, w, at), atol=1e-8)
    assert (curve.low <= curve.value).all() and (curve.value <= curve.high).all()
    gaps = np.abs(local_lines(risk, y, w, risk) - risk)
    assert ici_at(*one.parts, risk, T, **POINT).value == pytest.approx(float(w @ gaps), abs=1e-8)


def test_without_censoring_the_curve_is_lowess() -> None:
    one = followed(4, competing=0.1, censored=1e9)
    risk, y = sharpened(one.risk(T)), happened(one) * 1.0
    at = np.linspace(risk.min(), risk.max(), 9)
    expected = np.clip(lowess(y, risk, frac=0.75, it=0, xvals=at), 0, 1)
    np.testing.assert_allclose(calibration_curve_at(*one.parts, risk, T, at).value, expected, atol=1e-8)
    smooth = np.clip(lowess(y, risk, frac=0.75, it=0, return_sorted=False), 0, 1)
    found = ici_at(*one.parts, risk, T, **POINT).value
    assert found == pytest.approx(np.mean(np.abs(smooth - risk)), abs=1e-8)
    assert observed_over_expected_at(*one.parts, risk, T, **POINT).value == pytest.approx(y.mean() / risk.mean())


def test_late_entry_is_weighted_against() -> None:
    one = followed(5, n=20_000, competing=0.15, late=2.5)
    risk = sharpened(one.risk(T), 0.7)
    truth = average_risk(T, 0.15)
    whole = followed(6, n=60_000, competing=0.15, censored=1e9)
    expected = truth / sharpened(whole.risk(T), 0.7).mean()
    found = observed_over_expected_at(*one.parts, risk, T, one.entry, **POINT).value
    assert found == pytest.approx(expected, abs=0.04)
    assert calibration_slope_at(*one.parts, risk, T, one.entry, **POINT).value == pytest.approx(0.7, abs=0.04)
    at = np.array([0.1, 0.3])
    curve = calibration_curve_at(*one.parts, one.risk(T), T, at, one.entry)
    np.testing.assert_allclose(curve.value, at, atol=0.03)
    assert ici_at(*one.parts, one.risk(T), T, one.entry, **POINT).value < 0.03


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("patients", "runs", "least", "most"), [(90, 400, 1.04, 1.14), (800, 100, 0.975, 1.025)])
def test_true_risks_have_a_slope_of_one_on_average(patients: int, runs: int, least: float, most: float) -> None:
    """Of few patients, with some 20 events, a little more: the estimate is skewed."""
    drawn = [followed(seed, n=patients, competing=0.15) for seed in range(3000, 3000 + runs)]
    slope = [calibration_slope_at(*one.parts, one.risk(T), T, **POINT).value for one in drawn]
    assert least < np.mean(slope) < most


@pytest.mark.usefixtures("unchecked")
def test_intervals_cover_the_truth() -> None:
    runs, hits = 100, np.zeros(4)
    truth = average_risk(T, 0.15) / sharpened(followed(9, 60_000, competing=0.15).risk(T)).mean()
    for seed in range(1000, 1000 + runs):
        one = followed(seed, n=150, competing=0.15)
        wrong = sharpened(one.risk(T))
        ratio = observed_over_expected_at(*one.parts, wrong, T, repeats=60)
        slope = calibration_slope_at(*one.parts, wrong, T, repeats=60)
        hits[0] += ratio.low <= truth <= ratio.high
        hits[1] += slope.low <= 0.7 <= slope.high
        hits[2] += ici_at(*one.parts, one.risk(T), T, repeats=60).low == 0.0
        off = ici_at(*one.parts, np.clip(one.risk(T) - 0.15, 0.0, 1.0), T, repeats=60)
        hits[3] += off.low <= np.abs(np.minimum(one.risk(T), 0.15)).mean() <= off.high
    assert (hits / runs > 0.87).all(), hits
    assert (hits[:2] / runs < 0.99).all(), hits


def test_the_band_of_the_curve_covers_the_truth() -> None:
    at = np.array([0.1, 0.2, 0.4])
    hits = np.zeros(3)
    for seed in range(300):
        one = followed(seed, n=200, competing=0.1)
        curve = calibration_curve_at(*one.parts, one.risk(T), T, at)
        hits += (curve.low <= at) & (at <= curve.high)
    assert (hits / 300 > 0.92).all() and (hits / 300 < 0.99).all(), hits


def test_too_little_is_undefined() -> None:
    one = followed(7, n=40)
    risk, none = one.risk(T), np.array([], dtype=np.int64)
    all_of_it = (observed_over_expected_at, calibration_slope_at, ici_at)
    for measure in all_of_it:
        for t in (float(one.time.max()) + 0.1, float(one.time[one.event == 1].min()) - 1e-6):
            found = measure(*one.parts, risk, t)
            assert not found.defined and found.low is None
            assert np.isnan(calibration_curve_at(*one.parts, risk, t).value).all()
        assert not measure(np.array([]), none, np.array([]), T).defined
    for measure in all_of_it[1:]:
        assert not measure(*one.parts, np.full(40, 0.3), T).defined
    assert not observed_over_expected_at(*one.parts, np.zeros(40), T).defined
    assert not calibration_slope_at(*one.parts, np.where(happened(one), 0.9, 0.1), T).defined
    assert np.isnan(calibration_curve_at(*one.parts, risk, T, np.array([0.0, 1.0])).value).all()


def test_bad_input_is_refused() -> None:
    one = followed(8, n=20)
    risk = one.risk(T)
    for measure in (observed_over_expected_at, calibration_slope_at, ici_at, calibration_curve_at):
        with pytest.raises(DataError, match="risk, row 3"):
            measure(*one.parts, np.where(np.arange(20) == 3, 1.1, risk), T)
        with pytest.raises(DataError, match="time, row 0"):
            measure(-one.time, one.event, risk, T)
        with pytest.raises(DataError, match="horizon"):
            measure(*one.parts, risk, 0.0)
        with pytest.raises(DataError, match="level"):
            measure(*one.parts, risk, T, level=2.0)
    with pytest.raises(DataError, match="grid, row 1"):
        calibration_curve_at(*one.parts, risk, T, np.array([0.1, 1.1]))


GRID = np.linspace(0.25, 8.0, 60)


def fine(one: Followed) -> np.ndarray:
    return one.risk(GRID)


def test_d_calibration_is_that_of_survival_eval() -> None:
    # Recorded from SurvivalEVAL 0.9.0 (GPL-3), which pins a newer setuptools than we lock:
    # d_calibration(left, event, num_bins=5)
    left = np.array([0.22, 0.5, 0.7, 0.95, 0.31, 0.0, 1.0, 1.0])
    event = np.array([1, 0, 1, 0, 1, 0, 1, 0])
    found = d_calibration(np.ones(8), event, 1 - left[:, None], np.array([1.0]), bins=5)
    patients = [1.35789474, 1.41052632, 0.61052632, 2.81052632, 1.81052632]
    statistic, p = 1.6145429362880888, 0.8061759690549287
    np.testing.assert_allclose(found.patients, patients, atol=1e-8)
    assert (found.statistic, found.p) == pytest.approx((statistic, p), abs=1e-12)
    assert [edge for pair in found.survival for edge in pair] == pytest.approx(
        [0.8, 1.0, 0.6, 0.8, 0.4, 0.6, 0.2, 0.4, 0.0, 0.2]
    )


@pytest.mark.parametrize("late", [0.0, 3.0])
def test_d_calibration_refuses_right_curves_no_oftener_than_it_says(late: float) -> None:
    found = [
        d_calibration(one.time, one.event, fine(one), GRID, one.entry).p
        for one in (followed(seed, n=300, censored=40.0, late=late) for seed in range(200))
    ]
    assert 0.0 < np.mean(np.array(found) < 0.2) < 0.27
    one = followed(1, n=600, late=late)
    assert d_calibration(one.time, one.event, np.clip(fine(one) * 1.5, 0, 1), GRID, one.entry).p < 0.01


def test_d_calibration_ends_with_the_curves() -> None:
    one = followed(2)
    short = d_calibration(*one.parts, one.risk(GRID[:8]), GRID[:8])
    end = GRID[7]
    cut = np.minimum(one.time, end), np.where(one.time <= end, one.event, 0)
    np.testing.assert_allclose(short.patients, d_calibration(*cut, fine(one), GRID).patients, atol=1e-9)
    assert short.patients.sum() == pytest.approx(200)


def test_d_calibration_is_undefined_where_it_says_nothing() -> None:
    one = followed(3, competing=0.2)
    for event in (one.event, np.zeros(200, dtype=np.int64)):
        found = d_calibration(one.time, event, fine(one), GRID)
        assert math.isnan(found.p) and np.isnan(found.patients).all()
    with pytest.raises(DataError, match="bins"):
        d_calibration(one.time, one.event, fine(one), GRID, bins=1)
    with pytest.raises(DataError, match="1 minus survival"):
        d_calibration(one.time, one.event, 1 - fine(one), GRID)
