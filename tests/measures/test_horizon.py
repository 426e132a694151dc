from __future__ import annotations

import math

import numpy as np
import pytest
from followed import followed, inverse_weights
from sklearn.metrics import brier_score_loss, roc_auc_score
from sksurv.metrics import brier_score, cumulative_dynamic_auc, integrated_brier_score
from sksurv.util import Surv

from bedside.errors import DataError
from bedside.measures import (
    aalen_johansen,
    auc_t,
    brier_at,
    calibration_curve_at,
    calibration_slope_at,
    ibs,
    ici_at,
    net_benefit_at,
    observed_over_expected_at,
    risk_by,
)
from bedside.measures.predicted_curves import checked_curves

POINT = {"repeats": 0}
GRID = np.linspace(0.5, 6.0, 12)


def off(risk: np.ndarray, decimals: int = 9) -> np.ndarray:
    """Predictions that are wrong: too high, and rounded for ties."""
    return np.round(risk**0.8, decimals)


def surv(one) -> np.ndarray:
    return Surv.from_arrays(one.event == 1, one.time)


@pytest.mark.parametrize("decimals", [9, 1])
def test_auc_t_is_sksurvs(decimals: int) -> None:
    one = followed(1)
    for t in (1.0, 3.0, 5.0):
        risk = off(one.risk(t), decimals)
        expected = cumulative_dynamic_auc(surv(one), surv(one), risk, [t])[0][0]
        assert auc_t(*one.parts, risk, t, **POINT).value == pytest.approx(expected, abs=1e-10)


def test_brier_at_is_sksurvs() -> None:
    one = followed(2)
    for t in (1.0, 3.0, 5.0):
        risk = off(one.risk(t))
        expected = brier_score(surv(one), surv(one), (1 - risk)[:, None], [t])[1][0]
        assert brier_at(*one.parts, risk, t, **POINT).value == pytest.approx(expected, abs=1e-10)


def test_ibs_is_sksurvs() -> None:
    one = followed(3)
    curves = off(one.risk(GRID))
    expected = integrated_brier_score(surv(one), surv(one), 1 - curves, GRID)
    found = ibs(*one.parts, curves, GRID, (0.5, 6.0), **POINT).value
    assert found == pytest.approx(expected, abs=1e-10)
    inner = ibs(*one.parts, curves, GRID, (1.0, 4.5), **POINT).value
    assert inner == pytest.approx(
        integrated_brier_score(surv(one), surv(one), 1 - curves[:, 1:9], GRID[1:9]), abs=1e-10
    )


@pytest.mark.parametrize("unit", [0.0, 0.5])
def test_with_competing_events_and_ties_by_the_definition(unit: float) -> None:
    one = followed(4, competing=0.15, unit=unit)
    t = 3.0
    risk, w = off(one.risk(t), 2), inverse_weights(one, t)
    case = (one.event == 1) & (one.time <= t)
    score = roc_auc_score(case, risk, sample_weight=w)
    assert auc_t(*one.parts, risk, t, **POINT).value == pytest.approx(score, abs=1e-9)
    expected = float(np.sum(w * (case - risk) ** 2))
    assert brier_at(*one.parts, risk, t, **POINT).value == pytest.approx(expected, abs=1e-9)
    grid = np.array([1.0, 2.0, 4.0])
    briers = [np.sum(inverse_weights(one, s) * (((one.event == 1) & (one.time <= s)) - one.risk(s)) ** 2) for s in grid]
    found = ibs(*one.parts, one.risk(grid), grid, (1.0, 4.0), **POINT).value
    assert found == pytest.approx(np.trapezoid(briers, grid) / 3, abs=1e-9)


def test_without_censoring_they_are_those_of_sklearn() -> None:
    one = followed(5, competing=0.1, censored=1e9)
    risk, case = off(one.risk(3.0)), (one.event == 1) & (one.time <= 3.0)
    assert auc_t(*one.parts, risk, 3.0, **POINT).value == pytest.approx(roc_auc_score(case, risk))
    assert brier_at(*one.parts, risk, 3.0, **POINT).value == pytest.approx(brier_score_loss(case, risk))


def truths(competing: float, t: float) -> tuple[float, float, float]:
    """AUC, Brier score and integrated Brier score of `off` among very many patients followed to the end."""
    one = followed(77, n=60_000, competing=competing, censored=1e9)
    risk, case = off(one.risk(t)), (one.event == 1) & (one.time <= t)
    each = [brier_score_loss((one.event == 1) & (one.time <= s), off(one.risk(s))) for s in GRID[:6]]
    return roc_auc_score(case, risk), brier_score_loss(case, risk), float(np.trapezoid(each, GRID[:6]) / 2.5)


def test_late_entry_is_weighted_against() -> None:
    expected = truths(0.15, 3.0)
    one = followed(6, n=40_000, competing=0.15, late=5.0)  # some enter after the horizon
    risk = off(one.risk(3.0))
    found = auc_t(*one.parts, risk, 3.0, one.entry, **POINT), brier_at(*one.parts, risk, 3.0, one.entry, **POINT)
    assert found[0].value == pytest.approx(expected[0], abs=0.003)
    assert found[1].value == pytest.approx(expected[1], abs=0.0015)
    curve = ibs(*one.parts, off(one.risk(GRID)), GRID, (0.5, 3.0), one.entry, **POINT)
    assert curve.value == pytest.approx(expected[2], abs=0.0015)
    # Without the weights the same patients give something else.
    assert abs(brier_at(*one.parts, risk, 3.0, **POINT).value - expected[1]) > 0.01


@pytest.mark.usefixtures("unchecked")
def test_intervals_cover_the_truth() -> None:
    truth, runs = truths(0.15, 3.0), 100
    hits = np.zeros(3)
    for seed in range(1000, 1000 + runs):
        one = followed(seed, n=150, competing=0.15)
        risk = off(one.risk(3.0))
        for k, found in enumerate(
            (
                auc_t(*one.parts, risk, 3.0, repeats=60),
                brier_at(*one.parts, risk, 3.0, repeats=60),
                ibs(*one.parts, off(one.risk(GRID)), GRID, (0.5, 3.0), repeats=60),
            )
        ):
            hits[k] += found.low <= truth[k] <= found.high
    assert (hits / runs > 0.87).all() and (hits / runs < 0.99).all()


def test_everybodys_marginal_risk_is_the_brier_score_to_beat() -> None:
    one = followed(7, competing=0.1)
    F = float(aalen_johansen(*one.parts).at(3.0))
    marginal = brier_at(*one.parts, np.full(len(one.time), F), 3.0, **POINT).value
    assert marginal == pytest.approx(F * (1 - F), abs=1e-12)
    assert brier_at(*one.parts, one.risk(3.0), 3.0, **POINT).value < marginal


def test_censored_at_the_horizon_is_known_to_be_free() -> None:
    time, event = np.array([1.0, 2.0, 5.0, 5.0]), np.array([1, 1, 0, 0])
    risk = np.array([0.9, 0.4, 0.5, 0.1])
    assert auc_t(time, event, risk, 5.0, **POINT).value == 0.75
    assert brier_at(time, event, risk, 5.0, **POINT).value == pytest.approx((0.01 + 0.36 + 0.25 + 0.01) / 4)


def test_too_little_is_undefined() -> None:
    one = followed(8, n=30)
    risk, n = one.risk(3.0), np.array([], dtype=np.int64)
    curves = one.risk(np.array([3.0, 99.0]))
    beyond, before = float(one.time.max()) + 0.1, float(one.time[one.event == 1].min()) - 1e-6
    for t in (beyond, before):
        for measure in (auc_t, brier_at):
            found = measure(*one.parts, risk, t)
            assert not found.defined and found.low is None
        found = ibs(*one.parts, curves, np.array([3.0, 99.0]), (0.0, t))
        assert not found.defined and found.low is None
    assert not auc_t(np.array([]), n, np.array([]), 1.0).defined
    assert not brier_at(np.array([]), n, np.array([]), 1.0).defined


def test_a_curve_that_came_to_0_among_the_few_who_had_entered_weighs_nobody() -> None:
    time, event = np.array([1.0, 3.0, 4.0, 5.0, 6.0]), np.array([1, 1, 0, 1, 0])
    entry, risk = np.array([0.0, 1.5, 1.5, 1.5, 1.5]), np.array([0.9, 0.8, 0.1, 0.7, 0.2])
    for measure in (auc_t, brier_at, observed_over_expected_at, calibration_slope_at, ici_at):
        assert not measure(time, event, risk, 4.5, entry, **POINT).defined
    assert not net_benefit_at(time, event, risk, 0.2, 4.5, entry, **POINT).defined
    assert np.isnan(calibration_curve_at(time, event, risk, 4.5, entry=entry).value).all()
    assert brier_at(time[1:], event[1:], risk[1:], 4.5, entry[1:], **POINT).defined


def test_curves_are_read_between_their_times() -> None:
    grid, curves = np.array([1.0, 2.0, 4.0]), np.array([[0.1, 0.2, 0.6], [0.0, 0.5, 0.5]])
    at = np.array([0.0, 0.5, 1.0, 1.5, 3.0, 4.0])
    lines = [np.interp(at, np.append(0, grid), np.append(0, row)) for row in curves]
    np.testing.assert_allclose(risk_by(curves, grid, at), lines)
    np.testing.assert_allclose(risk_by(curves, grid, at, steps=True)[0], [0, 0, 0.1, 0.1, 0.2, 0.6])
    np.testing.assert_allclose(risk_by(curves, np.array([0.0, 2.0, 4.0]), np.array([0.0, 1.0]))[0], [0.1, 0.15])
    for wrong in (4.1, -0.1, math.nan):
        with pytest.raises(DataError, match="at, row 1"):
            risk_by(curves, grid, np.array([1.0, wrong]))


def test_what_is_no_curve_is_refused() -> None:
    one = followed(9, n=4)
    grid, curves = np.array([1.0, 2.0]), one.risk(np.array([1.0, 2.0]))
    with pytest.raises(DataError, match=r"row 0.*1 minus survival"):
        ibs(*one.parts, 1 - curves, grid, (0.5, 2.0))
    with pytest.raises(DataError, match="grid"):
        ibs(*one.parts, curves, grid[::-1].copy(), (0.5, 2.0))
    with pytest.raises(DataError, match="shape"):
        checked_curves(curves[:, :1], grid, 4)
    with pytest.raises(DataError, match="4 times but 3 predictions"):
        checked_curves(curves[:3], grid, 4)
    for window in ((0.0, 2.1), (1.0, 1.0), (-1.0, 1.0)):
        with pytest.raises(DataError, match="window"):
            ibs(*one.parts, curves, grid, window)


def test_bad_input_is_refused() -> None:
    one = followed(10, n=20)
    risk = one.risk(3.0)
    with pytest.raises(DataError, match="risk, row 3"):
        brier_at(*one.parts, np.where(np.arange(20) == 3, 1.1, risk), 3.0)
    with pytest.raises(DataError, match="risk, row 3"):
        auc_t(*one.parts, np.where(np.arange(20) == 3, math.inf, risk), 3.0)
    for measure in (auc_t, brier_at):
        for horizon in (0.0, math.nan, math.inf):
            with pytest.raises(DataError, match="horizon"):
                measure(*one.parts, risk, horizon)
        with pytest.raises(DataError, match="time, row 0"):
            measure(-one.time, one.event, risk, 3.0)
        with pytest.raises(DataError, match="level"):
            measure(*one.parts, risk, 3.0, level=95.0)
