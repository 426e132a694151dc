from __future__ import annotations

import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
from dcurves import dca
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from bedside.errors import DataError
from bedside.measures import decision_curve, net_benefit, net_benefit_difference, net_benefit_treat_all

SEEDS = st.integers(0, 10_000)
THRESHOLDS = np.array([0.05, 0.2, 0.35, 0.5, 0.8])


def patients(seed: int, n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.beta(1.2, 2, size=n)
    return (rng.uniform(size=n) < p).astype(np.int64), p


def oracle(y: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = dca(pd.DataFrame({"y": y, "p": p}), outcome="y", modelnames=["p"], thresholds=list(THRESHOLDS))
    return table.pivot(index="threshold", columns="model", values="net_benefit").loc[THRESHOLDS]


def contributions(y: np.ndarray, p: np.ndarray, t: float) -> np.ndarray:
    return np.array([(1.0 if e else -t / (1 - t)) if q >= t else 0.0 for e, q in zip(y, p, strict=True)])


def joined(good: int, bad: int, n: int, worth: float, harm: float) -> tuple[float, float]:
    """MOVER limits from the literature's formula over the oracle's Wilson limits."""
    (l1, u1), (l2, u2) = (proportion_confint(k, n, method="wilson") for k in (good, bad))
    a, b = good / n, bad / n
    # Correlation of two multinomial counts, from their covariance -n a b.
    r = -a * b / np.sqrt(a * (1 - a) * b * (1 - b)) if 0 < a < 1 and 0 < b < 1 else 0.0
    down, up = (worth * (a - l1), harm * (u2 - b)), (worth * (u1 - a), harm * (b - l2))
    spread = [np.sqrt(x * x + z * z - 2 * r * x * z) for x, z in (down, up)]
    d = worth * a - harm * b
    return max(-harm, d - spread[0]), min(worth, d + spread[1])


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_net_benefit_is_that_of_dcurves(seed: int) -> None:
    y, p = patients(seed)
    expected = oracle(y, p)
    for t in THRESHOLDS.tolist():
        found = net_benefit(y, p, t)
        assert found.value == pytest.approx(expected.loc[t, "p"], abs=1e-9)
        treated, odds = p >= t, t / (1 - t)
        limits = joined(int(np.sum(treated * y)), int(np.sum(treated * (1 - y))), len(y), 1.0, odds)
        assert (found.low, found.high) == pytest.approx(limits, abs=1e-9)


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_treating_everybody_is_that_of_dcurves(seed: int) -> None:
    y, p = patients(seed)
    expected = oracle(y, p)
    for t in THRESHOLDS.tolist():
        found = net_benefit_treat_all(y, t)
        assert found.value == pytest.approx(expected.loc[t, "all"], abs=1e-9)
        limits = np.array(proportion_confint(int(y.sum()), len(y), method="wilson"))
        assert (found.low, found.high) == pytest.approx(tuple((limits - t) / (1 - t)), abs=1e-9)


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_net_benefit_difference_is_paired(seed: int) -> None:
    y, p = patients(seed)
    expected = oracle(y, p)
    for t in THRESHOLDS.tolist():
        against_all = net_benefit_difference(y, p, t, "treat-all")
        assert against_all.value == pytest.approx(expected.loc[t, "p"] - expected.loc[t, "all"], abs=1e-9)
        spared, odds = p < t, t / (1 - t)
        limits = joined(int(np.sum(spared * (1 - y))), int(np.sum(spared * y)), len(y), odds, 1.0)
        assert (against_all.low, against_all.high) == pytest.approx(limits, abs=1e-9)
        against_none = net_benefit_difference(y, p, t, "treat-none")
        assert against_none.value == pytest.approx(expected.loc[t, "p"] - expected.loc[t, "none"], abs=1e-9)
        assert against_none == net_benefit(y, p, t)


def test_decision_curve_is_that_of_dcurves() -> None:
    y, p = patients(3)
    expected, found = oracle(y, p), decision_curve(y, p, THRESHOLDS)
    for ours, theirs in ((found.model, "p"), (found.treat_all, "all"), (found.treat_none, "none")):
        np.testing.assert_allclose(ours, expected[theirs], atol=1e-9)
    assert found.low[1] == net_benefit(y, p, 0.2).low
    assert found.high[1] == net_benefit(y, p, 0.2).high


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_net_benefit_at_the_ends(seed: int) -> None:
    y, p = patients(seed)
    assert net_benefit(y, p, 0.0).value == pytest.approx(y.mean())
    assert net_benefit(y, p, 1e-9).value == pytest.approx(y.mean(), abs=1e-8)
    assert net_benefit_treat_all(y, float(y.mean())).value == pytest.approx(0.0, abs=1e-12)
    assert net_benefit(y, y.astype(float), 0.5).value == pytest.approx(y.mean())


def test_a_patient_at_the_threshold_is_treated() -> None:
    assert net_benefit(np.array([1, 0]), np.array([0.2, 0.1]), 0.2).value == 0.5


@pytest.mark.parametrize("t", [0.1, 0.5, 0.8])
def test_net_benefit_intervals_become_those_of_a_mean(t: float) -> None:
    y, p = patients(5, n=40_000)
    treated = contributions(y, p, t)
    for found, each in (
        (net_benefit(y, p, t), treated),
        (net_benefit_difference(y, p, t, "treat-all"), treated - contributions(y, np.ones(len(p)), t)),
    ):
        low, high = DescrStatsW(each).tconfint_mean()
        assert found.value == pytest.approx(each.mean())
        assert (found.low, found.high) == pytest.approx((low, high), abs=0.03 * (high - low))


def test_net_benefit_at_threshold_0_is_the_prevalence_with_wilson() -> None:
    y, p = patients(6)
    found = net_benefit(y, p, 0.0)
    assert (found.low, found.high) == pytest.approx(proportion_confint(int(y.sum()), len(y), method="wilson"))


def test_nobody_treated_is_no_certainty() -> None:
    y, p = np.array([0, 1, 0]), np.array([0.1, 0.2, 0.3])
    found = net_benefit(y, p, 0.9)
    assert found.value == 0.0
    assert found.low < 0 < found.high
    curve = decision_curve(y, p, np.array([0.9]))
    assert (curve.model[0], curve.low[0], curve.high[0]) == (found.value, found.low, found.high)
    nobody = np.array([], dtype=np.int64)
    assert not net_benefit(nobody, np.array([]), 0.2).defined
    assert not net_benefit_treat_all(nobody, 0.2).defined
    assert not net_benefit_difference(nobody, np.array([]), 0.2, "treat-all").defined
    assert np.isnan(decision_curve(nobody, np.array([]), THRESHOLDS).treat_none).all()


def test_another_comparison_is_refused() -> None:
    bare = inspect.unwrap(net_benefit_difference)
    with pytest.raises(DataError, match="treat-some"):
        bare(*patients(1), 0.2, "treat-some")


@pytest.mark.parametrize("t", [0.1, 0.3, 0.9])
def test_net_benefit_intervals_cover_the_truth(t: float) -> None:
    # Uniform risks that come true: events treated (1 - t^2) / 2, others treated (1 - t)^2 / 2.
    odds = t / (1 - t)
    truth = (1 - t**2) / 2 - odds * (1 - t) ** 2 / 2
    everybody = 0.5 - odds / 2
    rng = np.random.default_rng(round(100 * t))
    hits = np.zeros(3)
    for _ in range(300):
        p = rng.uniform(size=200)
        y = (rng.uniform(size=200) < p).astype(np.int64)
        found = (net_benefit(y, p, t), net_benefit_difference(y, p, t, "treat-all"), net_benefit_treat_all(y, t))
        for k, (one, value) in enumerate(zip(found, (truth, truth - everybody, everybody), strict=True)):
            hits[k] += one.low <= value <= one.high
    assert (hits / 300 >= 0.9).all() and (hits / 300 <= 0.99).all()
