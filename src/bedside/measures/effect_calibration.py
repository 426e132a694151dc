"""Whether predicted effects are as large as those that are seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from bedside.errors import DataError
from bedside.measures.interval import normal_quantile, student_quantile, undefined
from bedside.measures.measure import Measure
from bedside.measures.treated import checked_column, checked_groups, mean_of


@dataclass(frozen=True)
class EffectGroups:
    """Predicted and observed effects of patients whose predicted ones are alike, the lowest first.

    Attributes
    ----------
    n: patients in each group.
    predicted: mean predicted effect.
    observed: mean of the doubly robust scores of the effect.
    low, high: limits of its interval; nan where there is none.
    """

    n: Int[np.ndarray, "group"]
    predicted: Float[np.ndarray, "group"]
    observed: Float[np.ndarray, "group"]
    low: Float[np.ndarray, "group"]
    high: Float[np.ndarray, "group"]


Columns = tuple[Float[np.ndarray, "patient"], Float[np.ndarray, "patient"], Int[np.ndarray, "patient"] | None]


def _checked(effect: object, predicted: object, groups: object) -> Columns:
    one = checked_column(effect, "effect")
    return one, checked_column(predicted, "predicted", len(one)), checked_groups(groups, len(one))


def effect_calibration_intercept(
    effect: Float[np.ndarray, "patient"],
    predicted: Float[np.ndarray, "patient"],
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Measure:
    """Mean observed effect minus mean predicted effect; ideal 0, above it effects were predicted too low.

    Student's t interval of the mean of the differences. No interval for one patient. Undefined for none.

    Parameters
    ----------
    effect: score of each patient's effect, an arm over another: difference of two columns of `dr_scores`.
    predicted: effect that was predicted, by a model that did not learn from these patients, in the same unit.
    groups: a number per row, equal for rows of one patient; None: each row is a patient of its own.
    level: coverage of the interval.

    Raises
    ------
    DataError: lengths differ, or a number is not finite.
    """
    effect, predicted, groups = _checked(effect, predicted, groups)
    return mean_of(effect - predicted, groups, level)


def effect_calibration_slope(
    effect: Float[np.ndarray, "patient"],
    predicted: Float[np.ndarray, "patient"],
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Measure:
    """Slope of the observed on the predicted effect; ideal 1, below it predictions are too extreme, at 0 empty.

    The best linear predictor of the effect by its prediction (Chernozhukov, Demirer, Duflo and Fernandez-Val,
    Econometrica 2025;93:1121-1164; with doubly robust scores: Semenova and Chernozhukov, Econom J 2021;24:264-289).

    Interval: Student's t with the error HC3 (MacKinnon and White, J Econom 1985;29:305-325); with ``groups``, that of
    Liang and Zeger (Biometrika 1986;73:13-22) with Stata's correction for few groups. Its coverage was tested.
    Undefined for fewer than 3 patients, and where all predictions are equal.

    Parameters
    ----------
    effect, predicted, groups, level: as for `effect_calibration_intercept`.

    Raises
    ------
    DataError: as for `effect_calibration_intercept`.
    """
    effect, predicted, groups = _checked(effect, predicted, groups)
    n = len(effect)
    if n < 3 or np.ptp(predicted) <= 1e-12 * max(1.0, float(np.max(np.abs(predicted)))):
        return undefined(level)
    x = predicted - predicted.mean()
    square = float(x @ x)
    slope = float(x @ effect) / square
    residual = effect - effect.mean() - slope * x
    if groups is None:
        kept = 1 - 1 / n - x**2 / square
        parts, degrees, correction = residual * x / np.maximum(kept, 1e-12), n - 2, 1.0
    else:
        parts = np.bincount(np.unique(groups, return_inverse=True)[1], weights=residual * x)
        degrees = len(parts) - 1
        correction = (n - 1) / (n - 2) * len(parts) / max(1, degrees)
    error = math.sqrt(correction * float(parts @ parts)) / square
    if degrees < 1 or not error > 1e-12 * max(1.0, abs(slope)):
        return Measure(slope, level=level)
    half = student_quantile(level, degrees) * error
    return Measure(slope, slope - half, slope + half, level)


def effect_calibration_curve(
    effect: Float[np.ndarray, "patient"],
    predicted: Float[np.ndarray, "patient"],
    parts: int = 5,
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> EffectGroups:
    """Mean predicted and mean observed effect in groups between quantiles of the predicted effect.

    Sorted group average effects (Chernozhukov et al., Econometrica 2025;93:1121-1164). Equal predictions stay together,
    so there may be fewer than ``parts``. Each interval is Student's t, as for `effect_calibration_intercept`.

    Parameters
    ----------
    effect, predicted, groups, level: as for `effect_calibration_intercept`.
    parts: groups that are aimed at, 1 or more.

    Raises
    ------
    DataError: as for `effect_calibration_intercept`; or ``parts`` is below 1.
    """
    effect, predicted, groups = _checked(effect, predicted, groups)
    members = _members(predicted, parts)
    found = [mean_of(effect[rows], None if groups is None else groups[rows], level) for rows in members]
    limits = [(m.low, m.high) if m.low is not None else (math.nan, math.nan) for m in found]
    low, high = np.array(limits, dtype=np.float64).reshape(-1, 2).T
    return EffectGroups(
        n=np.array([len(rows) for rows in members], dtype=np.int64),
        predicted=np.array([predicted[rows].mean() for rows in members], dtype=np.float64),
        observed=np.array([one.value for one in found], dtype=np.float64),
        low=low,
        high=high,
    )


def _members(predicted: Float[np.ndarray, "patient"], parts: int) -> list[Int[np.ndarray, "member"]]:
    """The row numbers of each group between quantiles of the predicted effect."""
    if parts < 1:
        raise DataError(f"{parts} is not a number of groups, 1 or more", where="parts")
    cuts = np.quantile(predicted, np.arange(1, parts) / parts) if len(predicted) else np.zeros(0)
    place = np.searchsorted(cuts, predicted, side="left")
    return [np.flatnonzero(place == one) for one in np.unique(place)]


def effect_calibration_error(
    effect: Float[np.ndarray, "patient"],
    predicted: Float[np.ndarray, "patient"],
    parts: int = 5,
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
    seed: int = 0,
    repeats: int = 2000,
) -> Measure:
    """Mean distance between observed and predicted effect over the groups of `effect_calibration_curve`; ideal 0.

    Each group counts by its patients (Dwivedi et al., Int Stat Rev 2020;88:S135-S178, who call it Cal_G). It is above 0
    by chance even where every predicted effect is right, the more the fewer patients.

    Interval: in ``repeats`` draws each group's distance is moved by its error, t-distributed. The upper limit is a
    percentile of the draws, which are themselves too far from 0; the lower one is as far from the value as the upper
    one, and 0 where errors alone give as much often enough (in at least (1 - level) / 2 of the draws). Its coverage was
    tested: 95 to 99 %. No interval where a group has fewer than two patients or nothing varies in it, and for fewer
    than 2 ``repeats``. Undefined for no patients.

    Parameters
    ----------
    effect, predicted, parts, groups, level: as for `effect_calibration_curve`.
    seed: of the draws; the same seed gives the same interval.
    repeats: draws.

    Raises
    ------
    DataError: as for `effect_calibration_curve`.
    """
    effect, predicted, groups = _checked(effect, predicted, groups)
    normal_quantile(level)
    members = _members(predicted, parts)
    if not members:
        return undefined(level)
    share = np.array([len(rows) for rows in members]) / len(effect)
    whose = [None if groups is None else groups[rows] for rows in members]
    found = [mean_of((effect - predicted)[rows], of, level) for rows, of in zip(members, whose, strict=True)]
    distance = np.array([one.value for one in found])
    value = float(np.abs(distance) @ share)
    if repeats < 2 or any(one.low is None for one in found):
        return Measure(value, level=level)
    rng = np.random.default_rng(seed)
    degrees = [(len(rows) if of is None else len(np.unique(of))) - 1 for rows, of in zip(members, whose, strict=True)]
    errors = np.array([_errors(*pair, rng, repeats) for pair in zip(found, degrees, strict=True)])
    drawn, by_chance = np.abs(distance[:, None] + errors).T @ share, np.abs(errors).T @ share
    high = max(value, float(np.quantile(drawn, (1 + level) / 2)))
    chance = value <= np.quantile(by_chance, (1 + level) / 2)
    return Measure(value, 0.0 if chance else max(0.0, 2 * value - high), high, level)


def _errors(one: Measure, degrees: int, rng: np.random.Generator, repeats: int) -> Float[np.ndarray, "draw"]:
    """Errors of a mean such as its t interval takes for granted."""
    if one.low is None or one.high is None:
        return np.zeros(repeats)
    error = (one.high - one.low) / 2 / student_quantile(one.level, degrees)
    return np.asarray(error * rng.standard_t(degrees, size=repeats))
