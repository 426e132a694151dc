"""How near predicted doses are to those that turned out right."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from bedside.errors import DataError
from bedside.measures.interval import undefined, wilson
from bedside.measures.measure import Measure
from bedside.measures.treated import checked_column, mean_of, with_influence


def _errors(
    y: Float[np.ndarray, "patient"], p: Float[np.ndarray, "patient"], name: str = "p"
) -> Float[np.ndarray, "patient"]:
    """Predicted minus true, checked."""
    y = checked_column(y, "y")
    return np.asarray(checked_column(p, name, len(y)) - y)


def mae(
    y: Float[np.ndarray, "patient"],
    p: Float[np.ndarray, "patient"],
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Measure:
    """Mean absolute error, in the unit of the dose, with the t interval of a mean.

    No interval for one patient, or where all errors are equal. Undefined for no patients.

    Parameters
    ----------
    y: dose that turned out right.
    p: predicted dose, in the same unit.
    groups: a number per row, equal for rows of one patient; None: each row is a patient of its own.
    level: coverage of the interval.

    Raises
    ------
    DataError: lengths differ, or a number is not finite.
    """
    return mean_of(np.abs(_errors(y, p)), groups, level)


def mae_difference(
    y: Float[np.ndarray, "patient"],
    p: Float[np.ndarray, "patient"],
    q: Float[np.ndarray, "patient"],
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Measure:
    """Mean absolute error of ``p`` minus that of ``q``, paired by patient; below 0 favours ``p``.

    Interval and undefined cases as for `mae`.

    Parameters
    ----------
    y, groups, level: as for `mae`.
    p, q: doses predicted by two rules.

    Raises
    ------
    DataError: as for `mae`, for either rule.
    """
    return mean_of(np.abs(_errors(y, p)) - np.abs(_errors(y, q, "q")), groups, level)


def mean_error(
    y: Float[np.ndarray, "patient"],
    p: Float[np.ndarray, "patient"],
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Measure:
    """Mean of predicted minus true dose; ideal 0, above it doses are predicted too high.

    Interval and undefined cases as for `mae`.

    Parameters
    ----------
    y, p, groups, level: as for `mae`.

    Raises
    ------
    DataError: as for `mae`.
    """
    return mean_of(_errors(y, p), groups, level)


def within_tolerance(
    y: Float[np.ndarray, "patient"], p: Float[np.ndarray, "patient"], tolerance: float = 0.2, level: float = 0.95
) -> Measure:
    """Share of patients whose predicted dose is within ``tolerance`` of the true one, with Wilson's interval.

    As the International Warfarin Pharmacogenetics Consortium counted (N Engl J Med 2009;360:753-764): 0.2 is from 80 to
    120 % of the true dose, limits included. Undefined for no patients.

    Parameters
    ----------
    y: dose that turned out right, above 0. p: predicted dose, in the same unit.
    tolerance: above 0, as a part of the true dose.
    level: coverage of the interval.

    Raises
    ------
    DataError: lengths differ, a number is not finite, a true dose is not above 0, or ``tolerance`` is not above 0.
    """
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise DataError(f"a tolerance of {tolerance} is not above 0", where="tolerance")
    errors = _errors(y, p)
    y = np.asarray(y, dtype=np.float64)
    if (y <= 0).any():
        row = int(np.flatnonzero(y <= 0)[0])
        raise DataError(f"{y[row]:g} is not a dose above 0", where=f"y, row {row}", remedy="Leave out such patients")
    # 1e-9: what is on the limit counts, however the division rounds.
    return wilson(int(np.sum(np.abs(errors) / y <= tolerance + 1e-9)), len(y), level)


def r_squared(
    y: Float[np.ndarray, "patient"],
    p: Float[np.ndarray, "patient"],
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Measure:
    """R2: 1 minus the sum of squared errors over that of squared distances of the true doses from their mean.

    Below 0 where that mean would have been nearer. Interval: Student's t for log(1 - R2), from its jackknife (Efron and
    Stein, Ann Stat 1981;9:586-596); its coverage was tested. No interval where one patient makes all the error or all
    the spread. Undefined for no patients, and where all true doses are equal.

    Parameters
    ----------
    y, p, groups, level: as for `mae`.

    Raises
    ------
    DataError: as for `mae`.
    """
    squares = _errors(y, p) ** 2
    n = len(squares)
    if n == 0 or np.ptp(y) <= 1e-12 * max(1.0, float(np.max(np.abs(y)))):
        return undefined(level)
    around = (np.asarray(y, dtype=np.float64) - np.mean(y)) ** 2
    left, whole = float(squares.sum()), float(around.sum())
    # The same sums without each patient; that around the mean without them is smaller by n / (n - 1) of their own.
    left_without, whole_without = left - squares, whole - around * n / (n - 1)
    if min(left_without.min() / left if left else 0.0, whole_without.min() / whole) <= 1e-9:
        return Measure(1 - left / whole, level=level)
    without = np.log(left_without / whole_without)
    found = with_influence(math.log(left / whole), (n - 1) * (without.mean() - without), groups, level)
    if found.low is None or found.high is None:
        return Measure(1 - left / whole, level=level)
    return Measure(1 - left / whole, 1 - math.exp(found.high), 1 - math.exp(found.low), level)


def interval_coverage(
    y: Float[np.ndarray, "patient"],
    low: Float[np.ndarray, "patient"],
    high: Float[np.ndarray, "patient"],
    level: float = 0.95,
) -> Measure:
    """Share of patients whose true dose is in its predicted interval, limits included, with Wilson's interval.

    Undefined for no patients.

    Parameters
    ----------
    y: dose that turned out right.
    low, high: limits of each patient's interval, in the same unit; may be infinite.
    level: coverage of the interval of the share, not of the patients' intervals.

    Raises
    ------
    DataError: lengths differ, a dose is not finite, or a limit is nan or the lower one above the upper one.
    """
    y = checked_column(y, "y")
    low, high = (np.asarray(one, dtype=np.float64) for one in (low, high))
    if low.shape != y.shape or high.shape != y.shape:
        raise DataError(f"{len(y)} doses but limits of shape {low.shape} and {high.shape}", where="low")
    wrong = ~(low <= high)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(f"{low[row]:g} to {high[row]:g} is no interval", where=f"low, row {row}")
    return wilson(int(np.sum((low <= y) & (y <= high))), len(y), level)
