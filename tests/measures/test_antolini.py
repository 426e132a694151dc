from __future__ import annotations

import math

import numpy as np
import pytest
from followed import Followed, followed

from bedside.errors import DataError
from bedside.measures import c_antolini, c_harrell

POINT = {"repeats": 0}
GRID = np.linspace(0.25, 8.0, 25)


def crossing(one: Followed, seed: int = 0, decimals: int = 9) -> np.ndarray:
    """Curves of the right hazards in wrong shapes, so that they cross; few decimals make ties."""
    shape = np.random.default_rng([seed, 1]).choice([0.7, 1.0, 1.6], size=(len(one.time), 1))
    return np.round(-np.expm1(-((one.hazard[:, None] * GRID) ** shape)), decimals)


def by_pairs(one: Followed, curves: np.ndarray, grid: np.ndarray) -> float:
    """Every pair looked at, in the words of the definition."""
    right = pairs = 0.0
    for i in np.flatnonzero((one.event == 1) & (one.time <= grid[-1])):
        t = one.time[i]
        risk = [np.interp(t, np.append(0, grid), np.append(0, row)) for row in curves]
        for j in range(len(curves)):
            later = one.time[j] > t or (one.time[j] == t and one.event[j] == 0) or one.event[j] > 1
            if j != i and later and one.entry[j] < t:
                pairs += 1
                right += (risk[i] > risk[j]) + 0.5 * (risk[i] == risk[j])
    return right / pairs


@pytest.mark.parametrize(("competing", "late", "unit"), [(0.0, 0.0, 0.0), (0.2, 0.0, 0.25), (0.2, 3.0, 0.25)])
def test_c_antolini_by_all_pairs(competing: float, late: float, unit: float) -> None:
    one = followed(1, n=120, competing=competing, late=late, unit=unit)
    curves = crossing(one, decimals=2)
    found = c_antolini(*one.parts, curves, GRID, one.entry, **POINT).value
    assert found == pytest.approx(by_pairs(one, curves, GRID), abs=1e-12)
    short = c_antolini(*one.parts, curves[:, :12], GRID[:12], one.entry, **POINT).value
    assert short == pytest.approx(by_pairs(one, curves[:, :12], GRID[:12]), abs=1e-12)


def test_c_antolini_is_that_of_survival_eval() -> None:
    # Recorded from SurvivalEVAL 0.9.0 (GPL-3), which pins a newer setuptools than we lock: with
    # risks = np.column_stack([risk(t) for t in time[event == 1]]),
    # concordance_time_dependent(risks, time, event, method="Antolini", ties="Risk")
    k = np.arange(40)
    time = 1 + np.round((k * 7) % 23 * 0.37 + (k % 3) * 0.11, 2)
    event = (k % 4 != 0).astype(np.int64)
    shape, scale = 1 + (k % 5) * 0.3, 4 + (k * 11) % 17 * 0.4

    def risk(t: float) -> np.ndarray:
        return 1 - np.exp(-((t / scale) ** shape))

    grid = np.unique(time)
    curves = np.column_stack([risk(t) for t in grid])
    for steps in (False, True):
        found = c_antolini(time, event, curves, grid, steps=steps, **POINT).value
        assert found == pytest.approx(0.5910652920962199, abs=1e-12)


def test_where_no_curves_cross_it_is_harrells() -> None:
    one = followed(2, competing=0.1, unit=0.1)
    shuffled = np.random.default_rng(3).permutation(one.hazard)
    curves = -np.expm1(-shuffled[:, None] * GRID)
    found = c_antolini(*one.parts, curves, GRID, repeats=100)
    assert found.value == pytest.approx(c_harrell(*one.parts, shuffled, **POINT).value, abs=1e-12)
    # Its resamples are drawn as those of every other measure.
    other = c_harrell(*one.parts, shuffled, repeats=100)
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=1e-12)


@pytest.mark.usefixtures("unchecked")
def test_c_antolini_interval_covers_the_truth() -> None:
    # Followed to one end, so that censoring moves nothing.
    whole = followed(4, n=6000, competing=0.15, censored=1e9)

    def cut(one: Followed) -> tuple[np.ndarray, np.ndarray]:
        return np.minimum(one.time, 6.0), np.where(one.time <= 6.0, one.event, 0)

    truth = c_antolini(*cut(whole), crossing(whole), GRID, **POINT).value
    hits = 0
    for seed in range(1000, 1100):
        one = followed(seed, n=150, competing=0.15, censored=1e9)
        found = c_antolini(*cut(one), crossing(one, seed), GRID, repeats=100)
        hits += found.low <= truth <= found.high
    assert 88 <= hits <= 99


def test_no_pair_no_value() -> None:
    none = np.array([], dtype=np.int64)
    assert not c_antolini(np.array([]), none, np.empty((0, 1)), np.array([1.0])).defined
    curves = np.array([[0.1, 0.2], [0.3, 0.4]])
    for time, event in (([3.0, 4.0], [1, 0]), ([1.0, 1.0], [1, 1]), ([1.0, 2.0], [0, 1])):
        found = c_antolini(np.array(time), np.array(event), curves, np.array([1.0, 2.0]))
        assert not found.defined and found.low is None


def test_bad_input_is_refused() -> None:
    one = followed(5, n=20)
    curves = crossing(one)
    with pytest.raises(DataError, match=r"row 0.*1 minus survival"):
        c_antolini(*one.parts, 1 - curves, GRID)
    with pytest.raises(DataError, match="curves, row 2"):
        c_antolini(*one.parts, np.where(np.arange(20)[:, None] == 2, math.nan, curves), GRID)
    with pytest.raises(DataError, match="level"):
        c_antolini(*one.parts, curves, GRID, level=0.0)
