"""Whether patients of each arm are to be found among all, and in what numbers."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from bedside.errors import DataError
from bedside.measures.interval import wilson
from bedside.measures.measure import Measure
from bedside.measures.treated import checked_arm, checked_propensity, checked_weight


def poor_overlap(propensity: Float[np.ndarray, "patient arm"], limit: float = 0.05, level: float = 0.95) -> Measure:
    """Share of patients for whom some arm is less likely than ``limit``, with Wilson's interval; undefined for none.

    Few such patients had that arm, so little can be said of what it would do for them (Crump, Hotz, Imbens and Mitnik,
    Biometrika 2009;96:187-199). For two arms, both between ``limit`` and 1 - ``limit``.

    Parameters
    ----------
    propensity: probability that such a patient gets each arm, above 0.
    limit: above 0 and below 1.
    level: coverage of the interval.

    Raises
    ------
    DataError: a propensity is nan, 0 or outside (0, 1], or ``limit`` is not above 0 and below 1.
    """
    if not 0 < limit < 1:
        raise DataError(f"a limit of {limit} is not above 0 and below 1", where="limit")
    smallest = checked_propensity(propensity).min(axis=1)
    return wilson(int(np.sum(smallest < limit)), len(smallest), level)


def effective_sample_sizes(
    arm: Int[np.ndarray, "patient"],
    propensity: Float[np.ndarray, "patient arm"],
    weight: Float[np.ndarray, "patient"] | None = None,
) -> Float[np.ndarray, "arm"]:
    """How many patients, drawn from all, would tell as much of each arm as those who had it, weighted to stand for all.

    (sum of weights)^2 / sum of their squares (Kish, Survey Sampling, Wiley 1965, section 11.7), with the weights 1 over
    the propensity of the arm. 0 for an arm that nobody had.

    Parameters
    ----------
    arm, propensity, weight: as for `dr_scores`.

    Raises
    ------
    DataError: as for `dr_scores`.
    """
    propensity = checked_propensity(propensity)
    n, arms = propensity.shape
    arm = checked_arm(arm, arms, n)
    weight = checked_weight(weight, n) / propensity[np.arange(n), arm]
    sums, squares = (np.bincount(arm, weights=weight**power, minlength=arms) for power in (1, 2))
    return np.divide(sums**2, squares, out=np.zeros(arms), where=squares > 0)


def standardised_differences(
    X: Float[np.ndarray, "patient variable"],
    arm: Int[np.ndarray, "patient"],
    one: int,
    other: int | None = None,
    propensity: Float[np.ndarray, "patient arm"] | None = None,
) -> Float[np.ndarray, "variable"]:
    """Mean of each variable in arm ``one`` minus that in arm ``other``, or in all patients, in standard deviations.

    With ``propensity`` the means are weighted by 1 over that of the arm: what the weights leave unbalanced, which
    should be below 0.1 (Austin and Stuart, Stat Med 2015;34:3661-3679). The standard deviation is the root of the mean
    variance of the two arms, or that of all patients (McCaffrey et al., Stat Med 2013;32:3388-3414), unweighted in any
    case, so that before and after can be compared. Unknown values (nan) are left out. nan where one side has fewer than
    two known values, or where nothing varies.

    Parameters
    ----------
    X: values; categories as 0 and 1, a column each.
    arm: number of each patient's arm, 0 or more.
    one, other: the arms to compare; other None: all patients, who are never weighted.
    propensity: as for `dr_scores`; None: as the arms are.

    Raises
    ------
    DataError: lengths differ, an arm is not a number of 0 or more or no column, a value is infinite, or a propensity is
        0 or outside (0, 1].
    """
    X = np.asarray(X, dtype=np.float64)
    named = [one] if other is None else [one, other]
    arms = max(int(np.max(arm, initial=0)), *named) + 1 if propensity is None else np.shape(propensity)[1]
    arm = checked_arm(arm, arms, len(X))
    checked_arm(np.array(named), arms)
    if np.isinf(X).any():
        row = int(np.argwhere(np.isinf(X))[0][0])
        raise DataError("a value is infinite", where=f"X, row {row}")
    weight = np.ones(len(X))
    if propensity is not None:
        weight = 1 / checked_propensity(propensity, len(X))[np.arange(len(X)), arm]
    return np.array([_difference(x, arm, weight, one, other) for x in X.T], dtype=np.float64)


def _difference(
    x: Float[np.ndarray, "patient"],
    arm: Int[np.ndarray, "patient"],
    weight: Float[np.ndarray, "patient"],
    one: int,
    other: int | None,
) -> float:
    """That of one variable."""
    known = ~np.isnan(x)
    first, second = (arm == one) & known, known if other is None else (arm == other) & known
    if first.sum() < 2 or second.sum() < 2:
        return math.nan
    mean = float(np.average(x[first], weights=weight[first]))
    held = float(x[second].mean() if other is None else np.average(x[second], weights=weight[second]))
    sides = [second] if other is None else [first, second]
    spread = math.sqrt(np.mean([x[side].var(ddof=1) for side in sides]))
    return (mean - held) / spread if spread > 1e-12 * max(1.0, abs(mean)) else math.nan
