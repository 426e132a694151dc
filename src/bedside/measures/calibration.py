"""Whether predicted risks are the risks that come true."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from bedside.measures.interval import normal_quantile, undefined, wilson_limits
from bedside.measures.measure import Measure
from bedside.measures.predictions import checked_binary, checked_probabilities

CERTAINTY = 1e-8
"""Probabilities nearer to 0 or 1 than this are moved to it before their logit is taken (18.4 at most)."""
SPAN = 0.75
"""Share of the patients that each point of a smooth curve looks at: the default of loess in R."""
CELLS_CURVE = 2000
CELLS_ICI = 400


@dataclass(frozen=True)
class Curve:
    """A smooth curve with a pointwise band, nan where the data do not reach.

    Attributes
    ----------
    x: predicted probability.
    value: share of patients with the outcome among those with such a prediction.
    low, high: limits of the band, at each point by itself.
    """

    x: Float[np.ndarray, "point"]
    value: Float[np.ndarray, "point"]
    low: Float[np.ndarray, "point"]
    high: Float[np.ndarray, "point"]


def _logit(p: Float[np.ndarray, "patient"]) -> Float[np.ndarray, "patient"]:
    p = np.clip(p, CERTAINTY, 1 - CERTAINTY)
    return np.asarray(np.log(p) - np.log1p(-p))


def _log_likelihood(y: Int[np.ndarray, "patient"], eta: Float[np.ndarray, "patient"]) -> float:
    return float(np.sum(y * eta - np.logaddexp(0.0, eta)))


def _logistic_fit(
    y: Int[np.ndarray, "patient"], X: Float[np.ndarray, "patient term"], offset: Float[np.ndarray, "patient"]
) -> tuple[Float[np.ndarray, "term"], Float[np.ndarray, "term"]] | None:
    """Maximum likelihood coefficients and standard errors by Newton's method; None where it does not converge."""
    beta = np.zeros(X.shape[1])
    reached = _log_likelihood(y, offset)
    for _ in range(100):
        eta = offset + X @ beta
        mu = np.exp(-np.logaddexp(0.0, -eta))
        information = (X * (mu * (1 - mu))[:, None]).T @ X
        if not np.linalg.cond(information) < 1e13:
            return None
        step = np.linalg.solve(information, X.T @ (y - mu))
        if np.max(np.abs(step)) < 1e-10:
            return beta, np.sqrt(np.diag(np.linalg.inv(information)))
        # Far from the maximum a full step can overshoot; the likelihood is concave, so halving ends.
        for _ in range(60):
            moved = _log_likelihood(y, offset + X @ (beta + step))
            if moved >= reached - 1e-12 * abs(reached):
                break
            step = step / 2
        beta, reached = beta + step, moved
    return None


def _wald(value: float, error: float, level: float) -> Measure:
    half = normal_quantile(level) * error
    return Measure(value, value - half, value + half, level)


def calibration_intercept(
    y: Int[np.ndarray, "patient"], p: Float[np.ndarray, "patient"], level: float = 0.95
) -> Measure:
    """Calibration in the large: what must be added to every logit for the mean risk to be right; ideal 0.

    The intercept of a logistic regression of ``y`` with logit(p) as offset (slope fixed at 1), by maximum
    likelihood, with Wald's interval. Above 0: risks were predicted too low. Probabilities beyond 1e-8 and
    1 - 1e-8 are moved there. Undefined where there is one class only. Source: Cox, Biometrika 1958;45:562-565;
    Van Calster et al., BMC Med 2019;17:230.

    Raises
    ------
    DataError: lengths differ, an outcome is neither 0 nor 1, or a probability is nan or outside [0, 1].
    """
    y, p = checked_binary(y, p)
    normal_quantile(level)
    if len(np.unique(y)) < 2:
        return undefined(level)
    fit = _logistic_fit(y, np.ones((len(y), 1)), _logit(p))
    return undefined(level) if fit is None else _wald(float(fit[0][0]), float(fit[1][0]), level)


def calibration_slope(y: Int[np.ndarray, "patient"], p: Float[np.ndarray, "patient"], level: float = 0.95) -> Measure:
    """Slope of a logistic regression of ``y`` on logit(p), intercept estimated with it; ideal 1.

    Maximum likelihood with Wald's interval. Below 1: predictions too extreme, as after overfitting.
    Probabilities beyond 1e-8 and 1 - 1e-8 are moved there. Undefined where there is one class only, where all
    predictions are equal, and where they separate the classes: then no finite slope is the most likely one.
    Source: Cox, Biometrika 1958;45:562-565; Van Calster et al., BMC Med 2019;17:230.

    Raises
    ------
    DataError: as for `calibration_intercept`.
    """
    y, p = checked_binary(y, p)
    normal_quantile(level)
    if len(np.unique(y)) < 2:
        return undefined(level)
    x = _logit(p)
    with_outcome, without = x[y == 1], x[y == 0]
    if with_outcome.min() >= without.max() or with_outcome.max() <= without.min():
        return undefined(level)
    scale = float(x.std())
    standard = (x - x.mean()) / scale
    fit = _logistic_fit(y, np.column_stack([np.ones(len(y)), standard]), np.zeros(len(y)))
    return undefined(level) if fit is None else _wald(float(fit[0][1]) / scale, float(fit[1][1]) / scale, level)


def neighbours(
    p: Float[np.ndarray, "patient"], most: int
) -> tuple[Float[np.ndarray, "cell"], Int[np.ndarray, "patient"]]:
    """Places of at most ``most`` cells of neighbouring predictions, in order, and the cell of each patient.

    One cell per distinct prediction where there are no more than ``most`` of them: nothing is lost then.
    """
    x, codes = np.unique(p, return_inverse=True)
    if len(x) > most:
        group = np.arange(len(x)) * most // len(x)
        codes = group[codes]
        x = np.bincount(codes, weights=p) / np.bincount(codes)
    return x, codes


def tricube(
    x: Float[np.ndarray, "cell"], count: Float[np.ndarray, "cell"], at: Float[np.ndarray, "point"]
) -> Float[np.ndarray, "point cell"]:
    """Tricube weights of a patient in each cell; the bandwidth reaches the nearest SPAN of all patients."""
    nearest = max(2, math.floor(SPAN * count.sum() + 1e-9))
    distance = np.abs(at[:, None] - x[None, :])
    order = np.argsort(distance, axis=1, kind="stable")
    reached = np.argmax(np.cumsum(count[order], axis=1) >= nearest, axis=1)
    width = np.take_along_axis(distance, order, axis=1)[np.arange(len(at)), reached][:, None]
    ratio = np.divide(distance, width, out=np.where(distance > 0, 1.0, 0.0), where=width > 0)
    return np.asarray(np.where(ratio < 1.0, (1 - np.minimum(ratio, 1.0) ** 3) ** 3, 0.0))


def smoother(
    x: Float[np.ndarray, "cell"],
    kernel: Float[np.ndarray, "point cell"],
    count: Float[np.ndarray, "cell"],
    at: Float[np.ndarray, "point"],
) -> Float[np.ndarray, "point cell"]:
    """Rows of the local linear smoother: times the mean outcome of each cell, they give the curve at ``at``."""
    weight = kernel * count
    total = weight.sum(axis=1, keepdims=True)
    centred = x[None, :] - (weight @ x)[:, None] / total
    spread = np.sum(weight * centred**2, axis=1, keepdims=True)
    lean = (at[:, None] - (weight @ x)[:, None] / total) * centred
    # Where all weight lies on one prediction there is no slope to estimate: the local mean stands.
    lean = np.divide(lean, spread, out=np.zeros_like(lean), where=spread > 1e-12 * total * np.ptp(x) ** 2)
    return np.asarray(weight * (1 / total + lean))


def calibration_curve(
    y: Int[np.ndarray, "patient"],
    p: Float[np.ndarray, "patient"],
    grid: Float[np.ndarray, "point"] | None = None,
    level: float = 0.95,
) -> Curve:
    """Smooth share of patients with the outcome against the predicted probability, with a pointwise band.

    Locally linear regression with tricube weights over the nearest 75 % of the patients (Cleveland, J Am Stat
    Assoc 1979;74:829-836, without its robust steps, which a 0/1 outcome would mislead), cut to [0, 1]. The band
    is Wilson's interval for the curve's value at the local effective number of patients, 1 over the sum of the
    squared smoothing weights: it stays within [0, 1] and has a width where the curve is at 0 or 1. It holds
    at each point by itself and does not count the curve's own bias. More than 2000 distinct predictions are put
    into 2000 cells of neighbours first.

    Parameters
    ----------
    y: 1 for patients with the outcome, 0 for those without.
    p: probability of the outcome.
    grid: where to evaluate; default 0, 0.01, ..., 1. Outside the range of ``p`` the curve is nan, and so
        everywhere where there is one class only or all predictions are equal.
    level: coverage of the band at each point.

    Raises
    ------
    DataError: as for `calibration_intercept`; or a point of ``grid`` is nan or outside [0, 1].
    """
    y, p = checked_binary(y, p)
    normal_quantile(level)
    at = np.linspace(0.0, 1.0, 101) if grid is None else checked_probabilities(grid, "grid")
    value, low, high = (np.full(len(at), math.nan) for _ in range(3))
    if len(np.unique(y)) < 2 or np.ptp(p) == 0.0:
        return Curve(at, value, low, high)
    inside = (at >= p.min()) & (at <= p.max())
    x, codes = neighbours(p, CELLS_CURVE)
    count = np.bincount(codes).astype(np.float64)
    within = np.clip(at[inside], x[0], x[-1])
    rows = smoother(x, tricube(x, count, within), count, within)
    value[inside] = np.clip(rows @ (np.bincount(codes, weights=y) / count), 0.0, 1.0)
    effective = 1 / np.sum(rows**2 / count, axis=1)
    for point, patients in zip(np.flatnonzero(inside), effective, strict=True):
        low[point], high[point] = wilson_limits(float(value[point]), float(patients), level)
    return Curve(at, value, low, high)


def _draw(
    codes: Int[np.ndarray, "patient"], y: Int[np.ndarray, "patient"], cells: int, size: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "draw cell"], Float[np.ndarray, "draw cell"]]:
    """Patients and events per cell in ``size`` bootstrap samples."""
    chosen = rng.integers(len(y), size=(size, len(y)))
    flat = (codes[chosen] + cells * np.arange(size)[:, None]).ravel()
    count = np.bincount(flat, minlength=cells * size).astype(np.float64)
    events = np.bincount(flat, weights=y[chosen].ravel(), minlength=cells * size)
    return count.reshape(size, cells), events.reshape(size, cells)


def absolute_gaps(
    x: Float[np.ndarray, "cell"],
    kernel: Float[np.ndarray, "cell cell"],
    count: Float[np.ndarray, "draw cell"],
    events: Float[np.ndarray, "draw cell"],
) -> Float[np.ndarray, "draw"]:
    """ICI of each draw: the same smoother as `smoother`, written as sums so that all draws are one product."""
    shifted = (x - x.mean()) / max(float(np.ptp(x)), 1e-300)
    s0, s1, s2 = (count @ (kernel * shifted**power).T for power in range(3))
    t0, t1 = (events @ (kernel * shifted**power).T for power in range(2))
    determinant = s0 * s2 - s1**2
    mean = np.divide(t0, s0, out=np.zeros_like(t0), where=s0 > 0)
    slope = np.divide(s0 * t1 - s1 * t0, determinant, out=np.zeros_like(t0), where=determinant > 1e-12 * s0**2)
    at_mean = np.divide(s1, s0, out=np.zeros_like(s1), where=s0 > 0)
    curve = np.clip(mean + slope * (shifted - at_mean), 0.0, 1.0)
    return np.asarray(np.sum(count * np.abs(curve - x), axis=1) / count.sum(axis=1))


def ici(
    y: Int[np.ndarray, "patient"],
    p: Float[np.ndarray, "patient"],
    level: float = 0.95,
    seed: int = 0,
    repeats: int = 1000,
) -> Measure:
    """Integrated calibration index: mean distance of the patients' predictions from the smooth curve; ideal 0.

    Source: Austin and Steyerberg, Stat Med 2019;38:4051-4065; the curve is that of `calibration_curve` (they use
    loess as R does, which is locally quadratic; ours is straighter, so sharp bends count somewhat less).
    More than 400 distinct predictions are put into 400 cells of neighbours first.

    Interval: percentiles of ``repeats`` bootstrap samples, smoothed with the bandwidths of the data, widened to hold
    the value where it must be. As an index of distance is above 0 by chance even for a perfect model, bootstrap
    samples alone would never reach 0; the lower limit is therefore 0 where a perfectly calibrated model, its
    outcomes drawn from ``p`` ``repeats`` times, gives an index as large often enough (in at least
    (1 - level) / 2 of the draws).

    No interval for fewer than 2 ``repeats``. Undefined where there is one class only, or all predictions are equal.

    Parameters
    ----------
    y: 1 for patients with the outcome, 0 for those without.
    p: probability of the outcome.
    level: coverage of the interval.
    seed: of the bootstrap; the same seed gives the same interval.
    repeats: bootstrap samples.

    Raises
    ------
    DataError: as for `calibration_intercept`.
    """
    y, p = checked_binary(y, p)
    normal_quantile(level)
    if len(np.unique(y)) < 2 or np.ptp(p) == 0.0:
        return undefined(level)
    x, codes = neighbours(p, CELLS_ICI)
    count = np.bincount(codes).astype(np.float64)
    kernel = tricube(x, count, x)
    value = float(absolute_gaps(x, kernel, count[None, :], np.bincount(codes, weights=y)[None, :])[0])
    if repeats < 2:
        return Measure(value, level=level)
    rng = np.random.default_rng(seed)
    block = max(1, 1_000_000 // len(y))  # about 8 MB per array
    sizes = np.diff([*range(0, repeats, block), repeats]).tolist()
    drawn = [absolute_gaps(x, kernel, *_draw(codes, y, len(x), size, rng)) for size in sizes]
    low, high = np.quantile(np.concatenate(drawn), [(1 - level) / 2, (1 + level) / 2])
    chance = rng.binomial(count.astype(np.int64), x, size=(repeats, len(x))).astype(np.float64)
    by_chance = absolute_gaps(x, kernel, np.broadcast_to(count, chance.shape), chance)
    if value <= np.quantile(by_chance, (1 + level) / 2):
        low = 0.0
    return Measure(value, min(value, float(low)), max(value, float(high)), level)
