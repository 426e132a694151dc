"""How often chance alone would make groups as different: chi-square tests, without any package for statistics."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int


def chi_square_tail(value: float, degrees: int) -> float:
    """Probability that a chi-square variable of so many `degrees` of freedom is at least `value`.

    In closed form, by the recurrence of the incomplete gamma function (Abramowitz and Stegun, 26.4.4 and 26.4.5).
    """
    half = value / 2.0
    if half <= 0.0:
        return 1.0
    odd = degrees % 2 == 1
    total = math.erfc(math.sqrt(half)) if odd else 0.0
    for step in range((degrees - 1) // 2 if odd else degrees // 2):
        power = step + 0.5 if odd else float(step)
        total += math.exp(power * math.log(half) - half - math.lgamma(power + 1.0))
    return min(total, 1.0)


def shares_by_chance(counts: Int[np.ndarray, " arm"], shares: Float[np.ndarray, " arm"]) -> float:
    """How often counts as far from these `shares`, which sum to 1, come by chance (Pearson's goodness of fit)."""
    expected = counts.sum() * shares
    return chi_square_tail(float(((counts - expected) ** 2 / expected).sum()), len(counts) - 1)


def table_by_chance(counts: Int[np.ndarray, "row column"]) -> float:
    """How often rows and columns go together as much by chance (Pearson's test of independence); 1 where one is alone.

    Rows without anybody are left out, and columns.
    """
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    rows, columns = counts.shape
    if rows < 2 or columns < 2:
        return 1.0
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    return chi_square_tail(float(((counts - expected) ** 2 / expected).sum()), (rows - 1) * (columns - 1))


def ranks_by_chance(values: Float[np.ndarray, " patient"], group: Int[np.ndarray, " patient"]) -> float:
    """How often values rank as differently between groups by chance (Kruskal-Wallis, corrected for ties).

    1 where there is one group or one value alone.
    """
    _, place, ties = np.unique(values, return_inverse=True, return_counts=True)
    _, member, sizes = np.unique(group, return_inverse=True, return_counts=True)
    n = len(values)
    if len(sizes) < 2 or len(ties) < 2:
        return 1.0
    ranks = (np.cumsum(ties) - (ties - 1) / 2.0)[place]
    sums = np.bincount(member, weights=ranks)
    statistic = 12.0 / (n * (n + 1.0)) * float((sums**2 / sizes).sum()) - 3.0 * (n + 1.0)
    corrected = statistic / (1.0 - float((ties.astype(float) ** 3 - ties).sum()) / (float(n) ** 3 - n))
    return chi_square_tail(corrected, len(sizes) - 1)
