from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from followed import followed
from lifelines import KaplanMeierFitter
from sksurv.metrics import concordance_index_censored, concordance_index_ipcw
from sksurv.util import Surv

from bedside.errors import DataError
from bedside.measures import c_harrell, c_ipcw
from bedside.measures.follow_up import checked_follow_up, checked_scores

POINT = {"repeats": 0}


def noisy(one, seed: int = 0, decimals: int = 6) -> np.ndarray:
    """Risks with some error; few decimals make ties."""
    return np.round(np.log(one.hazard) + np.random.default_rng([seed, 1]).normal(size=len(one.time)), decimals)


def by_pairs(time, event, risk, entry, tau=math.inf, weight=lambda i, j: 1.0) -> float:
    """Every pair looked at, in the words of the definition."""
    right = pairs = 0.0
    for i in np.flatnonzero((event == 1) & (time < tau)):
        for j in range(len(time)):
            later = time[j] > time[i] or (time[j] == time[i] and event[j] == 0) or event[j] > 1
            if j != i and later and entry[j] < time[i]:
                pairs += weight(i, j)
                right += weight(i, j) * (risk[i] > risk[j]) + weight(i, j) * 0.5 * (risk[i] == risk[j])
    return right / pairs


@pytest.mark.parametrize(("unit", "decimals"), [(0.0, 6), (0.5, 1)])
def test_c_harrell_is_sksurvs_and_torchsurvs(unit: float, decimals: int) -> None:
    one = followed(1, unit=unit)
    risk = noisy(one, decimals=decimals)
    found = c_harrell(*one.parts, risk, **POINT)
    assert found.value == pytest.approx(concordance_index_censored(one.event == 1, one.time, risk)[0], abs=1e-12)
    if not unit:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torchsurv.metrics.cindex import ConcordanceIndex
        theirs = ConcordanceIndex()(torch.tensor(risk), torch.tensor(one.event == 1), torch.tensor(one.time))
        assert found.value == pytest.approx(float(theirs), abs=1e-6)


@pytest.mark.parametrize(("competing", "late"), [(0.2, 0.0), (0.0, 3.0), (0.2, 3.0)])
def test_c_harrell_by_all_pairs(competing: float, late: float) -> None:
    one = followed(2, n=150, competing=competing, late=late, unit=0.25)
    risk = noisy(one, decimals=1)
    expected = by_pairs(one.time, one.event, risk, one.entry)
    assert c_harrell(*one.parts, risk, one.entry, **POINT).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("tau", [2.0, 5.0, math.inf])
def test_c_ipcw_is_sksurvs(tau: float) -> None:
    one, other = followed(3), followed(4, n=500, censored=9.0)
    risk = noisy(one, decimals=1)
    test, train = (Surv.from_arrays(a.event == 1, a.time) for a in (one, other))
    limit = None if tau == math.inf else tau
    found = c_ipcw(*one.parts, risk, tau, **POINT)
    assert found.value == pytest.approx(concordance_index_ipcw(test, test, risk, limit)[0], abs=1e-10)
    found = c_ipcw(*one.parts, risk, tau, other.parts, **POINT)
    assert found.value == pytest.approx(concordance_index_ipcw(train, test, risk, limit)[0], abs=1e-10)


def followed_to(one) -> np.ndarray:
    """G(t-) of each patient from lifelines; moving censorings a hair later puts events first at equal times."""
    later = one.time + 1e-7 * (one.event == 0)
    curve = KaplanMeierFitter().fit(later, one.event == 0)
    return curve.predict(one.time - 1e-9).to_numpy()


@pytest.mark.parametrize(("competing", "unit"), [(0.0, 0.25), (0.2, 0.25), (0.2, 0.0)])
def test_c_ipcw_by_all_pairs(competing: float, unit: float) -> None:
    one = followed(5, n=150, competing=competing, unit=unit)
    risk, G = noisy(one, decimals=1), followed_to(one)

    def weight(i: int, j: int) -> float:
        before = one.event[j] > 1 and one.time[j] <= one.time[i]
        return 1 / (G[i] * G[j]) if before else 1 / G[i] ** 2

    expected = by_pairs(one.time, one.event, risk, one.entry, 4.0, weight)
    assert c_ipcw(*one.parts, risk, 4.0, **POINT).value == pytest.approx(expected, abs=1e-9)


def true_c(competing: float, tau: float) -> float:
    """Of very many patients followed to the end: the share of pairs in order, for the noisy score."""
    one = followed(99, n=20_000, competing=competing, censored=1e9)
    return c_harrell(np.minimum(one.time, tau), np.where(one.time < tau, one.event, 0), noisy(one, 99), **POINT).value


@pytest.mark.usefixtures("unchecked")
def test_c_intervals_cover_the_truth() -> None:
    truth, hits = true_c(0.15, 4.0), np.zeros(2)
    runs = 100
    for seed in range(1000, 1000 + runs):
        one = followed(seed, n=150, competing=0.15)
        risk = noisy(one, seed)
        cut = np.minimum(one.time, 4.0), np.where(one.time < 4.0, one.event, 0)
        for k, found in enumerate((c_ipcw(*one.parts, risk, 4.0, repeats=60), c_harrell(*cut, risk, repeats=60))):
            hits[k] += found.low <= truth <= found.high
    # Harrell's drifts with censoring, here by less than its error.
    assert (hits / runs > 0.87).all() and (hits / runs < 0.99).all()


def test_c_ipcw_is_free_of_the_censoring_and_c_harrell_is_not() -> None:
    one = followed(7, n=30_000, censored=3.0)
    truth = true_c(0.0, 2.5)
    risk = noisy(one, 7)
    assert c_ipcw(*one.parts, risk, 2.5, **POINT).value == pytest.approx(truth, abs=0.012)


def test_no_pair_no_value() -> None:
    for time, event in (([1.0, 2.0], [0, 1]), ([1.0, 1.0], [1, 1]), ([3.0, 4.0], [0, 0]), ([], [])):
        parts = np.array(time), np.array(event, dtype=np.int64), np.linspace(0, 1, len(time))
        for found in (c_harrell(*parts), c_ipcw(*parts, math.inf)):
            assert not found.defined
            assert found.low is None
    late = c_harrell(np.array([1.0, 3.0]), np.array([1, 0]), np.array([0.9, 0.1]), np.array([0.0, 2.0]))
    assert not late.defined


def test_perfect_order_has_no_interval() -> None:
    time = np.arange(1.0, 60.0)
    found = c_harrell(time, np.ones(len(time), dtype=np.int64), -time)
    assert found.value == 1.0
    assert found.low is None


def test_a_case_beyond_the_reference_makes_no_value() -> None:
    one = followed(8)
    risk, short = noisy(one), (np.array([0.5, 1.0]), np.array([0, 0]))
    assert not c_ipcw(*one.parts, risk, 5.0, short, **POINT).defined
    assert c_ipcw(*one.parts, risk, 1.0, short, **POINT).defined


def test_bad_input_is_refused() -> None:
    one = followed(9, n=20)
    risk = noisy(one)
    with pytest.raises(DataError, match="20 times but 5 predictions"):
        checked_scores(risk[:5], 20)
    with pytest.raises(DataError, match="20 times but 5 in event"):
        checked_follow_up(one.time, one.event[:5])
    with pytest.raises(DataError, match="tau"):
        c_ipcw(*one.parts, risk, 0.0)
    for measure in (c_harrell, lambda *a: c_ipcw(*a, 3.0)):
        with pytest.raises(DataError, match="risk, row 3"):
            measure(*one.parts, np.where(np.arange(20) == 3, math.nan, risk))
        with pytest.raises(DataError, match="event, row 0"):
            measure(one.time, one.event - 5, risk)
