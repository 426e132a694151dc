from __future__ import annotations

import numpy as np
import pytest
from econml.validate.utils import calc_uplift
from scipy.stats import norm
from trial import trial

from bedside.errors import DataError
from bedside.measures import autoc, dr_scores, qini, qini_curve, toc_curve

SHARES = np.array([0.1, 0.2, 0.5, 0.9])


def drawn(seed: int, n: int = 300, *, effect: float = 1.0, observed: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Scores of effects, and priorities whose correlation with the true effect is 0.8."""
    one = trial(seed, n=n, observed=observed, effect=effect)
    scores = dr_scores(one.y, one.arm, one.expected / 2, one.propensity)
    noise = np.random.default_rng(10_000 + seed).normal(size=n)
    return scores[:, 1] - scores[:, 0], 0.8 * one.X[:, 0] + 0.6 * noise


@pytest.mark.parametrize("metric", ["toc", "qini"])
def test_curves_and_coefficients_are_those_of_econml(metric: str) -> None:
    effect, priority = drawn(1, n=200)
    # Every patient's priority as a cut: its curve at the first 200, 199, ... 1 patients.
    with np.errstate(invalid="ignore"):  # its error for all patients is 0
        coefficient, _, theirs = calc_uplift(priority, priority, effect, np.linspace(0, 100, 200), metric, 10)
    curve, area = (toc_curve, autoc) if metric == "toc" else (qini_curve, qini)
    found = curve(effect, priority, np.arange(200, 0, -1) / 200)
    np.testing.assert_allclose(found.value, theirs["value"], atol=1e-9)
    # Its sum leaves out the first patient, and has steps of 1 / 199.
    ours = (coefficient * 199 + theirs["value"].iloc[-1]) / 200
    assert area(effect, priority).value == pytest.approx(ours, abs=1e-9)


@pytest.mark.usefixtures("unchecked")
def test_equal_priorities_count_in_every_order_alike() -> None:
    rng = np.random.default_rng(2)
    effect, priority = rng.normal(size=40), rng.integers(4, size=40).astype(float)
    apart = [priority + 1e-3 * rng.normal(size=40) for _ in range(1000)]
    for area in (autoc, qini):
        expected = np.mean([area(effect, one).value for one in apart])
        assert area(effect, priority).value == pytest.approx(expected, abs=0.02)
    found = toc_curve(effect, priority, SHARES).value
    np.testing.assert_allclose(
        found, np.mean([toc_curve(effect, one, SHARES).value for one in apart], axis=0), atol=0.02
    )


def test_only_the_order_of_priorities_counts() -> None:
    effect, priority = drawn(3)
    assert autoc(effect, priority) == autoc(effect, np.exp(priority))
    assert autoc(effect, -priority).value < 0 < autoc(effect, priority).value
    mixed = np.random.default_rng(4).permutation(300)
    assert autoc(effect[mixed], priority[mixed]).low == pytest.approx(autoc(effect, priority).low)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("tied", [False, True])
def test_the_width_is_that_of_the_half_sample_bootstrap(tied: bool) -> None:
    """As the grf package computes it: the spread of the statistic over random halves of the patients."""
    effect, priority = drawn(5, n=1500)
    priority = np.clip(np.round(priority), -1, 1) if tied else priority
    rng = np.random.default_rng(6)
    halves = [rng.permutation(1500)[:750] for _ in range(600)]
    for area in (autoc, qini):
        spread = np.std([area(effect[h], priority[h]).value for h in halves])
        found = area(effect, priority)
        assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.1)
    curve = toc_curve(effect, priority, SHARES)
    spread = np.std([toc_curve(effect[h], priority[h], SHARES).value for h in halves], axis=0)
    np.testing.assert_allclose(curve.high - curve.low, 2 * 1.96 * spread, rtol=0.15)


def test_rows_of_a_patient_hang_together() -> None:
    effect, priority = drawn(7, n=400)
    whose = np.random.default_rng(8).permutation(1200) // 3
    thrice = autoc(effect[whose], priority[whose], groups=whose)
    once = autoc(effect, priority)
    # The sum over 1,200 ranks instead of 400 has finer steps.
    assert thrice.value == pytest.approx(once.value, abs=0.01)
    assert thrice.high - thrice.low == pytest.approx(once.high - once.low, rel=0.03)
    apart = autoc(effect[whose], priority[whose])
    assert apart.high - apart.low < 0.65 * (once.high - once.low)


@pytest.mark.usefixtures("unchecked")
def test_intervals_cover_the_truth() -> None:
    u = (np.arange(200_000) + 0.5) / 200_000
    toc = np.cumsum(0.8 * norm.isf(u)) / np.arange(1, 200_001)
    for effect in (1.0, 0.0):
        aims = effect * np.array([toc.mean(), (toc * u).mean(), *toc[(SHARES * 200_000).astype(int) - 1]])
        runs, hits = 250, np.zeros(6)
        for seed in range(runs):
            scores, priority = drawn(1000 + seed, n=200, effect=effect)
            a, b, c = autoc(scores, priority), qini(scores, priority), toc_curve(scores, priority, SHARES)
            low, high = np.array([a.low, b.low, *c.low]), np.array([a.high, b.high, *c.high])
            hits += (low <= aims) & (aims <= high)
        assert (hits / runs > 0.9).all() and (hits / runs < 0.99).all(), hits / runs


def test_too_little_is_undefined_or_without_an_interval() -> None:
    effect, priority = drawn(8, n=40)
    few = toc_curve(effect, priority, np.array([0.2, 0.25, 0.75, 0.8, 1.0]))
    assert np.isfinite(few.value).all() and few.value[-1] == pytest.approx(0)
    assert np.isnan(few.low).tolist() == np.isnan(few.high).tolist() == [True, False, False, True, True]
    np.testing.assert_array_equal(*toc_curve(effect, priority, np.array([0.26, 0.275])).value.reshape(2, 1))  # 11 of 40
    for nothing in (autoc(effect, np.ones(40)), qini(np.zeros(0), np.zeros(0))):
        assert not nothing.defined and nothing.low is None
    assert np.isnan(qini_curve(effect, np.ones(40)).value).all()
    assert np.isnan(toc_curve(np.zeros(0), np.zeros(0)).value).all()
    assert autoc(np.ones(40), priority).low is None


@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_refused() -> None:
    effect, priority = drawn(9, n=20)
    with pytest.raises(DataError, match="priority, row 3"):
        autoc(effect, np.where(np.arange(20) == 3, np.nan, priority))
    with pytest.raises(DataError, match="20 patients but 19"):
        qini(effect, priority[1:])
    with pytest.raises(DataError, match="20 rows but groups"):
        qini(effect, priority, groups=np.arange(19))
    for share in (0.0, 1.1):
        with pytest.raises(DataError, match="share"):
            toc_curve(effect, priority, np.array([share]))
    with pytest.raises(DataError, match="level"):
        autoc(effect, priority, level=1.0)
