"""Small groups are not reported: a count of three may be three people that somebody knows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int


def suppressed(n: int, minimum: int = 10) -> bool:
    """Whether a group of `n` patients is too small to report figures of it.

    The minimum of 10 is the usual cell size rule of health statistics offices (for example the cell size suppression
    policy of the US Centers for Medicare & Medicaid Services: no cell of 1 to 10).
    """
    return n < minimum


def tellable(
    counts: Int[np.ndarray, "moment count"], first: Sequence[int] = (), minimum: int = 10
) -> Bool[np.ndarray, " moment"]:
    """Which moments of running counts may be told, so that no two of them together tell of a few patients.

    No count that is told is small, and from one moment told to the next each count stays or moves by at least
    `minimum`. The first moment comes before all others, then those of `first`, then the rest in turn.
    """
    small = (counts != 0) & (counts < minimum)
    told = np.zeros(len(counts), dtype=bool)
    for moment in dict.fromkeys([*range(min(1, len(counts))), *first, *range(len(counts))]):
        known = np.flatnonzero(told)
        after = int(np.searchsorted(known, moment))
        steps = np.abs(counts[known[max(after - 1, 0) : after + 1]] - counts[moment])
        told[moment] = not small[moment].any() and not ((steps != 0) & (steps < minimum)).any()
    return told
