from __future__ import annotations

import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
from dcurves import dca
from followed import Followed, followed
from lifelines import AalenJohansenFitter

from bedside.errors import DataError
from bedside.measures import (
    decision_curve_at,
    net_benefit_at,
    net_benefit_difference_at,
    net_benefit_treat_all_at,
)

POINT = {"repeats": 0}
T = 3.0
THRESHOLDS = np.array([0.05, 0.15, 0.3, 0.5])


def oracle(one: Followed, risk: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame({"event": one.event, "time": one.time, "risk": risk})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = dca(
            table,
            outcome="event",
            modelnames=["risk"],
            thresholds=list(THRESHOLDS),
            time=T,
            time_to_outcome_col="time",
        )
    return found.pivot(index="threshold", columns="model", values="net_benefit").loc[THRESHOLDS]


@pytest.mark.parametrize("unit", [0.0, 0.5])
def test_net_benefit_at_is_that_of_dcurves(unit: float) -> None:
    one = followed(1, unit=unit)
    risk = one.risk(T) ** 1.2
    expected = oracle(one, risk)
    for t in THRESHOLDS.tolist():
        model, everybody = expected.loc[t, "risk"], expected.loc[t, "all"]
        assert net_benefit_at(*one.parts, risk, t, T, **POINT).value == pytest.approx(model, abs=1e-9)
        assert net_benefit_treat_all_at(*one.parts, t, T, **POINT).value == pytest.approx(everybody, abs=1e-9)
        for other, value in (("treat-all", everybody), ("treat-none", 0.0)):
            found = net_benefit_difference_at(*one.parts, risk, t, T, other, **POINT)
            assert found.value == pytest.approx(model - value, abs=1e-9)


def test_decision_curve_at_is_that_of_dcurves() -> None:
    one = followed(2)
    risk = one.risk(T)
    expected, found = oracle(one, risk), decision_curve_at(*one.parts, risk, THRESHOLDS, T, repeats=20)
    for ours, theirs in ((found.model, "risk"), (found.treat_all, "all"), (found.treat_none, "none")):
        np.testing.assert_allclose(ours, expected[theirs], atol=1e-9)
    again = net_benefit_at(*one.parts, risk, 0.15, T, repeats=20)
    assert (found.low[1], found.high[1]) == (again.low, again.high)


@pytest.mark.parametrize("late", [0.0, 3.0])
def test_net_benefit_at_with_competing_events_is_aalen_johansen_of_lifelines(late: float) -> None:
    one = followed(3, n=20_000 if late else 500, competing=0.15, late=late)
    risk, odds = one.risk(T), 0.25
    treated = risk >= 0.2
    fit = AalenJohansenFitter(calculate_variance=False)
    fit.fit(one.time[treated], one.event[treated], 1, entry=one.entry[treated] if late else None)
    F = float(fit.cumulative_density_.loc[:T].iloc[-1, 0])
    # With late entry the share who are treated is checked against the patients that nobody missed.
    whole = followed(4, n=60_000, competing=0.15)
    share = np.mean(whole.risk(T) >= 0.2) if late else treated.mean()
    found = net_benefit_at(*one.parts, risk, 0.2, T, one.entry, **POINT).value
    assert found == pytest.approx(share * (F - odds * (1 - F)), abs=0.004 if late else 1e-9)


@pytest.mark.usefixtures("unchecked")
def test_intervals_cover_the_truth() -> None:
    whole = followed(5, n=100_000, competing=0.15)
    t, odds = 0.15, 0.15 / 0.85
    risk = whole.risk(T)
    gain = risk - odds * (1 - risk)
    truth = np.mean(gain * (risk >= t)), np.mean(gain * (risk >= t)) - gain.mean()
    runs, hits = 100, np.zeros(2)
    for seed in range(1000, 1000 + runs):
        one = followed(seed, n=150, competing=0.15)
        risk = one.risk(T)
        model = net_benefit_at(*one.parts, risk, t, T, repeats=60)
        difference = net_benefit_difference_at(*one.parts, risk, t, T, "treat-all", repeats=60)
        hits += [model.low <= truth[0] <= model.high, difference.low <= truth[1] <= difference.high]
    assert (hits / runs > 0.87).all() and (hits / runs < 0.99).all(), hits


def test_too_little_is_undefined() -> None:
    one = followed(6, n=40)
    risk = one.risk(T)
    for t in (float(one.time.max()) + 0.1, float(one.time[one.event == 1].min()) - 1e-6):
        for found in (
            net_benefit_at(*one.parts, risk, 0.2, t),
            net_benefit_treat_all_at(*one.parts, 0.2, t),
            net_benefit_difference_at(*one.parts, risk, 0.2, t, "treat-none"),
        ):
            assert not found.defined and found.low is None
        assert np.isnan(decision_curve_at(*one.parts, risk, THRESHOLDS, t).treat_none).all()
    # The treated alone were not followed to the horizon: what became of them nobody knows.
    time, event = np.array([1.0, 2.0, 5.0, 5.0]), np.array([1, 0, 1, 0])
    assert not net_benefit_at(time, event, np.array([0.9, 0.9, 0.1, 0.1]), 0.2, 4.0).defined
    nobody = net_benefit_at(time, event, np.full(4, 0.1), 0.2, 4.0)
    assert nobody.value == 0.0 and nobody.low is None


def test_bad_input_is_refused() -> None:
    one = followed(7, n=20)
    risk = one.risk(T)
    for threshold in (-0.1, 1.0):
        with pytest.raises(DataError, match="threshold"):
            net_benefit_at(*one.parts, risk, threshold, T)
        with pytest.raises(DataError, match="threshold"):
            net_benefit_difference_at(*one.parts, risk, threshold, T, "treat-all")
    with pytest.raises(DataError, match="risk, row 2"):
        decision_curve_at(*one.parts, np.where(np.arange(20) == 2, -0.1, risk), THRESHOLDS, T)
    with pytest.raises(DataError, match="treat-some"):
        inspect.unwrap(net_benefit_difference_at)(*one.parts, risk, 0.2, T, "treat-some")
