"""The smooth calibration curve at a horizon, and how far predictions are from it."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from bedside.measures.calibration import (
    CELLS_CURVE,
    CELLS_ICI,
    Curve,
    absolute_gaps,
    neighbours,
    smoother,
    tricube,
)
from bedside.measures.follow_up import checked_follow_up, checked_horizon, checked_risk
from bedside.measures.interval import normal_quantile, undefined, wilson_limits
from bedside.measures.measure import Measure
from bedside.measures.predictions import checked_probabilities
from bedside.measures.resampling import percentiles
from bedside.measures.standing import standing_by


def calibration_curve_at(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    risk: Float[np.ndarray, "patient"],
    horizon: float,
    grid: Float[np.ndarray, "point"] | None = None,
    entry: Float[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Curve:
    """Smooth share with the event by ``horizon`` against the predicted risk, with a pointwise band.

    The curve of `calibration_curve`, each patient with a known state weighted against censoring as in `auc_t`; the
    bandwidths are those of all patients. Band: Wilson's interval at the local effective number of patients, 1 over
    the sum of the squared weights; it does not count the curve's own bias. Curves of pseudo-values and of inverse
    weights are compared by Gerds, Andersen and Kattan, Stat Med 2014;33:3191-3203.

    Parameters
    ----------
    time, event, risk, horizon, entry: as for `observed_over_expected_at`.
    grid: where to evaluate; default 0, 0.01, ..., 1. Outside the range of the risks of patients with a known state the
        curve is nan, and so everywhere where nobody had the event by the horizon, everybody had it, nobody without any
        was followed to it, or all risks are equal.
    level: coverage of the band at each point.

    Raises
    ------
    DataError: as for `observed_over_expected_at`; or a point of ``grid`` is nan or outside [0, 1].
    """
    time, event, entry = checked_follow_up(time, event, entry)
    risk, horizon = checked_risk(risk, len(time)), checked_horizon(horizon)
    normal_quantile(level)
    at = np.linspace(0.0, 1.0, 101) if grid is None else checked_probabilities(grid, "grid")
    value, low, high = (np.full(len(at), math.nan) for _ in range(3))
    weight, happened = _known(time, event, horizon, entry)
    if not _two_kinds(weight, happened) or np.ptp(risk[weight > 0]) == 0.0:
        return Curve(at, value, low, high)
    inside = (at >= risk[weight > 0].min()) & (at <= risk[weight > 0].max())
    x, codes = neighbours(risk, CELLS_CURVE)
    within = np.clip(at[inside], x[0], x[-1])
    mass, squared, events = (np.bincount(codes, weights=w) for w in (weight, weight**2, weight * happened))
    rows = smoother(x, tricube(x, np.bincount(codes).astype(np.float64), within), mass, within)
    each = np.divide(rows, mass, out=np.zeros_like(rows), where=mass > 0)
    value[inside] = np.clip(each @ events, 0.0, 1.0)
    for point, patients in zip(np.flatnonzero(inside), 1 / (each**2 @ squared), strict=True):
        low[point], high[point] = wilson_limits(float(value[point]), float(patients), level)
    return Curve(at, value, low, high)


def _known(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    horizon: float,
    entry: Float[np.ndarray, "patient"],
) -> tuple[Float[np.ndarray, "patient"], Float[np.ndarray, "patient"]]:
    """The share of the population that each patient stands for, and 1 where the event was there by the horizon."""
    weight = standing_by(time, event, horizon, entry)
    return weight, ((event == 1) & (time <= horizon)).astype(np.float64)


def _two_kinds(weight: Float[np.ndarray, "patient"], happened: Float[np.ndarray, "patient"]) -> bool:
    """Whether weight lies on patients with the event and on others; False where there are no weights."""
    return bool(weight @ happened > 0 and weight @ (1 - happened) > 0)


def ici_at(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    risk: Float[np.ndarray, "patient"],
    horizon: float,
    entry: Float[np.ndarray, "patient"] | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    repeats: int = 200,
) -> Measure:
    """Integrated calibration index at ``horizon``: mean distance of the risks from the smooth curve; ideal 0.

    Austin, Harrell and van Klaveren, Stat Med 2020;39:2714-2742, with the curve of `calibration_curve_at`; the mean is
    weighted like the curve. More than 400 distinct risks are put into 400 cells of neighbours first.

    Interval: percentiles of ``repeats`` bootstrap samples, weighted anew and smoothed with the bandwidths of the
    data. As in `ici`, the lower limit is 0 where risks that come true would give an index as large often enough:
    outcomes are drawn from the risks, the weights kept. Undefined as `calibration_curve_at`; no interval where a
    tenth of the samples are.

    Parameters
    ----------
    time, event, risk, horizon, entry, level, seed, repeats: as for `observed_over_expected_at`.

    Raises
    ------
    DataError: as for `observed_over_expected_at`.
    """
    time, event, entry = checked_follow_up(time, event, entry)
    risk, horizon = checked_risk(risk, len(time)), checked_horizon(horizon)
    normal_quantile(level)
    weight, happened = _known(time, event, horizon, entry)
    if not _two_kinds(weight, happened) or np.ptp(risk[weight > 0]) == 0.0:
        return undefined(level)
    x, codes = neighbours(risk, CELLS_ICI)
    kernel = tricube(x, np.bincount(codes).astype(np.float64), x)

    def sums(i: Int[np.ndarray, "patient"]) -> tuple[Float[np.ndarray, "cell"], Float[np.ndarray, "cell"]]:
        weight, happened = _known(time[i], event[i], horizon, entry[i])
        weight = weight if _two_kinds(weight, happened) else np.full(len(i), math.nan)
        return _by_cell(codes[i], weight, len(x)), _by_cell(codes[i], weight * happened, len(x))

    def indices(drawn: list[tuple[Float[np.ndarray, "cell"], Float[np.ndarray, "cell"]]]) -> Float[np.ndarray, "draw"]:
        return absolute_gaps(x, kernel, np.array([mass for mass, _ in drawn]), np.array([one for _, one in drawn]))

    value = float(indices([sums(np.arange(len(time)))])[0])
    if repeats < 2:
        return Measure(value, level=level)
    rng = np.random.default_rng(seed)
    found = percentiles(value, indices([sums(rng.integers(len(time), size=len(time))) for _ in range(repeats)]), level)
    mass = _by_cell(codes, weight, len(x))
    chance = [(mass, _by_cell(codes, weight * (rng.random(len(risk)) < risk), len(x))) for _ in range(repeats)]
    if found.low is not None and value <= np.quantile(indices(chance), (1 + level) / 2):
        return Measure(value, 0.0, found.high, level)
    return found


def _by_cell(
    codes: Int[np.ndarray, "patient"], weight: Float[np.ndarray, "patient"], cells: int
) -> Float[np.ndarray, "cell"]:
    return np.bincount(codes, weights=weight, minlength=cells)
