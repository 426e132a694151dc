"""Intervals from drawing the patients anew."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from bedside.measures.interval import normal_quantile
from bedside.measures.measure import Measure

UNDEFINED = 0.1
"""Share of resamples on which a statistic may be undefined; with more, those left no longer stand for all."""


def bootstrap(
    statistic: Callable[[Int[np.ndarray, "patient"]], float],
    n: int,
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
    seed: int = 0,
    repeats: int = 200,
) -> Measure:
    """A statistic of ``n`` patients with the percentiles of its values on resamples of them.

    Efron, Ann Stat 1979;7:1-26. Patients are drawn with replacement, whole: whatever is paired within a patient stays
    paired, so the difference of two models is a statistic like any other. The interval holds the value where it must
    be. No interval where the value is undefined, where it is undefined on more than a tenth of the resamples, where
    all are equal (no spread is no certainty), and for fewer than 2 ``repeats``. Rows of one of the ``groups`` are drawn
    together, as rows of one patient must be: they are no news of each other (Davison and Hinkley, Bootstrap Methods and
    their Application 1997, section 3.8).

    Parameters
    ----------
    statistic: from the row numbers of the patients drawn, counted from 0, to a number; nan where it is undefined.
    n: number of patients.
    groups: a number per row, equal for rows of one patient; None: each row is a patient of its own.
    level: coverage that the interval aims at. Each measure that uses this says where it was tested; for a statistic
        of your own nobody has.
    seed: the same seed gives the same interval.
    repeats: resamples.

    Raises
    ------
    DataError: ``level`` is not between 0 and 1.
    """
    normal_quantile(level)
    value = float(statistic(np.arange(n)))
    if not math.isfinite(value) or repeats < 2:
        return Measure(value, level=level)
    rng = np.random.default_rng(seed)
    if groups is None:
        return percentiles(value, np.array([statistic(rng.integers(n, size=n)) for _ in range(repeats)]), level)
    members = _members(groups)

    def drawn() -> Int[np.ndarray, "drawn"]:
        return np.concatenate([members[group] for group in rng.integers(len(members), size=len(members))])

    return percentiles(value, np.array([statistic(drawn()) for _ in range(repeats)]), level)


def _members(groups: Int[np.ndarray, "patient"]) -> list[Int[np.ndarray, "member"]]:
    """The row numbers of each group."""
    _, first = np.unique(np.sort(groups), return_index=True)
    return np.split(np.argsort(groups, kind="stable"), first[1:])


def percentiles(value: float, draws: Float[np.ndarray, "draw"], level: float) -> Measure:
    """``value`` with the percentiles of ``draws``, where there is an interval to be had; see `bootstrap`."""
    held = draws[np.isfinite(draws)]
    if len(held) < (1 - UNDEFINED) * len(draws) or np.ptp(held) <= 1e-12:
        return Measure(value, level=level)
    low, high = np.quantile(held, [(1 - level) / 2, (1 + level) / 2])
    return Measure(value, min(value, float(low)), max(value, float(high)), level)
