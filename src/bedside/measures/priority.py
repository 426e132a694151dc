"""Whether those who are said to gain most from an arm do gain most from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from bedside.errors import DataError
from bedside.measures.interval import undefined
from bedside.measures.measure import Measure
from bedside.measures.treated import checked_column, checked_groups, with_influence

SHARES = np.arange(1, 21) / 20
"""Shares at which curves are drawn."""

FEWEST = 10
"""Fewest patients within a share, and beyond it, for an interval there: with 5, a nominal 95 % covered 90 % in
simulations."""


@dataclass(frozen=True)
class PriorityCurve:
    """What is gained where a growing share of patients gets the arm, those first who are said to gain most.

    Attributes
    ----------
    share: of the patients who get it.
    value: of `toc_curve` or `qini_curve` at each share, in the unit of the effect.
    low, high: limits of its interval at each share by itself; nan where there is none.
    """

    share: Float[np.ndarray, "share"]
    value: Float[np.ndarray, "share"]
    low: Float[np.ndarray, "share"]
    high: Float[np.ndarray, "share"]


@dataclass(frozen=True)
class _Ranked:
    """Effects in the order of falling priority, the runs of equal priority, groups; each with the row it came from."""

    effect: Float[np.ndarray, "patient"]
    run: Int[np.ndarray, "patient"]
    groups: Int[np.ndarray, "patient"] | None

    def over_runs(self, values: Float[np.ndarray, "patient"]) -> Float[np.ndarray, "patient"]:
        """The mean of each run, for each of its patients: equal priorities stand in any order alike."""
        return np.asarray((np.bincount(self.run, weights=values) / np.bincount(self.run))[self.run])


def _ranked(
    effect: Float[np.ndarray, "patient"],
    priority: Float[np.ndarray, "patient"],
    groups: Int[np.ndarray, "patient"] | None,
) -> _Ranked:
    effect = checked_column(effect, "effect")
    priority = checked_column(priority, "priority", len(effect))
    order = np.argsort(-priority, kind="stable")
    fallen = np.diff(priority[order], prepend=priority[order][:1]) != 0
    groups = checked_groups(groups, len(effect))
    return _Ranked(effect[order], np.cumsum(fallen), None if groups is None else groups[order])


def _at_the_margin(one: _Ranked) -> Float[np.ndarray, "patient"]:
    """Mean effect of the patients near each rank: a running mean over about the root of their number."""
    n = len(one.effect)
    half = math.ceil(math.sqrt(n) / 2)
    sums = np.concatenate([[0.0], np.cumsum(one.over_runs(one.effect))])
    low, high = np.maximum(np.arange(n) - half, 0), np.minimum(np.arange(n) + half + 1, n)
    return np.asarray((sums[high] - sums[low]) / (high - low))


def _gathered(one: _Ranked, mass: Float[np.ndarray, "patient"], level: float) -> Measure:
    """Sum of ``mass`` [k] times how much larger the mean effect of the first k patients is than that of all.

    Its influence function has for each k: who is among the first k, times the effect less that at the margin, as
    another patient of high priority pushes out the last one (Yadlowsky et al., J Am Stat Assoc 2025;120:38-51).
    """
    n = len(one.effect)
    each = mass * n / np.arange(1, n + 1)
    margin = _at_the_margin(one)
    first = one.over_runs(np.cumsum(each[::-1])[::-1])
    pushed = one.over_runs(np.cumsum((each * margin)[::-1])[::-1])
    terms = (first - mass.sum()) * one.effect
    influence = terms - pushed
    return with_influence(float(terms.mean()), influence - influence.mean(), one.groups, level)


def _coefficient(
    effect: Float[np.ndarray, "patient"],
    priority: Float[np.ndarray, "patient"],
    groups: Int[np.ndarray, "patient"] | None,
    level: float,
    power: int,
) -> Measure:
    """Area under the curve that is (k / n) to the ``power`` times the targeting operator characteristic."""
    one = _ranked(effect, priority, groups)
    n = len(one.effect)
    if n == 0 or one.run[-1] == 0:
        return undefined(level)
    return _gathered(one, (np.arange(1, n + 1) / n) ** power / n, level)


def autoc(
    effect: Float[np.ndarray, "patient"],
    priority: Float[np.ndarray, "patient"],
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Measure:
    """Area under `toc_curve`: 0 where the priority says nothing of the effect, above 0 where it finds who gains.

    Yadlowsky, Fleming, Shah, Brunskill and Wager, J Am Stat Assoc 2025;120:38-51. It weights the first patients most,
    so it sees a few who gain much. Patients of equal priority count as if in every order.

    Interval: Student's t, from the influence function; its coverage was tested. Undefined for no patients and where all
    have the same priority. No interval where nothing varies. One arm at a time: an effect is of an arm over another.

    Parameters
    ----------
    effect: score of each patient's effect: difference of two columns of `dr_scores`, turned so that a gain is above 0.
    priority: predicted gain, by a model that did not learn from these patients; only its order counts.
    groups: a number per row, equal for rows of one patient; None: each row is a patient of its own.
    level: coverage of the interval.

    Raises
    ------
    DataError: lengths differ, or a number is not finite.
    """
    return _coefficient(effect, priority, groups, level, 0)


def qini(
    effect: Float[np.ndarray, "patient"],
    priority: Float[np.ndarray, "patient"],
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Measure:
    """Area under `qini_curve`: mean gain, over all shares, above treating as many at random.

    Radcliffe, Direct Mark Anal J 2007:14-21, with doubly robust scores (Yadlowsky et al., J Am Stat Assoc
    2025;120:38-51). It sees an effect that differs among many. Interval and undefined cases as for `autoc`.

    Parameters
    ----------
    effect, priority, groups, level: as for `autoc`.

    Raises
    ------
    DataError: as for `autoc`.
    """
    return _coefficient(effect, priority, groups, level, 1)


def _curve(
    effect: Float[np.ndarray, "patient"],
    priority: Float[np.ndarray, "patient"],
    shares: Float[np.ndarray, "share"],
    groups: Int[np.ndarray, "patient"] | None,
    level: float,
    power: int,
) -> PriorityCurve:
    one = _ranked(effect, priority, groups)
    shares = checked_column(shares, "shares")
    if not ((shares > 0) & (shares <= 1)).all():
        raise DataError("a share is not above 0 and at most 1", where="shares")
    found = [_point(one, share, power, level) for share in shares.tolist()]
    limits = [(m.low, m.high) if m.low is not None else (math.nan, math.nan) for m in found]
    low, high = np.array(limits, dtype=np.float64).reshape(-1, 2).T
    return PriorityCurve(shares, np.array([m.value for m in found], dtype=np.float64), low, high)


def _point(one: _Ranked, share: float, power: int, level: float) -> Measure:
    """The value of the curve at one ``share``."""
    n = len(one.effect)
    if n == 0 or one.run[-1] == 0:
        return undefined(level)
    first = math.ceil(share * n - 1e-9)
    found = _gathered(one, np.where(np.arange(1, n + 1) == first, (first / n) ** power, 0.0), level)
    return found if FEWEST <= first <= n - FEWEST else Measure(found.value, level=level)


def toc_curve(
    effect: Float[np.ndarray, "patient"],
    priority: Float[np.ndarray, "patient"],
    shares: Float[np.ndarray, "share"] = SHARES,
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> PriorityCurve:
    """Targeting operator characteristic: mean effect in the share of highest priority, minus that in all.

    Yadlowsky et al., J Am Stat Assoc 2025;120:38-51. Of a share, the patients are rounded up. Intervals as for `autoc`,
    at each share by itself; none where fewer than `FEWEST` patients are within the share or beyond it. Undefined where
    `autoc` is.

    Parameters
    ----------
    effect, priority, groups, level: as for `autoc`.
    shares: above 0 and at most 1.

    Raises
    ------
    DataError: as for `autoc`; or a share is not above 0 and at most 1.
    """
    return _curve(effect, priority, shares, groups, level, 0)


def qini_curve(
    effect: Float[np.ndarray, "patient"],
    priority: Float[np.ndarray, "patient"],
    shares: Float[np.ndarray, "share"] = SHARES,
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> PriorityCurve:
    """`toc_curve` times the share: what is gained per patient in all, above treating as many at random.

    Radcliffe, Direct Mark Anal J 2007:14-21. Intervals and undefined cases as for `toc_curve`.

    Parameters
    ----------
    effect, priority, shares, groups, level: as for `toc_curve`.

    Raises
    ------
    DataError: as for `toc_curve`.
    """
    return _curve(effect, priority, shares, groups, level, 1)
