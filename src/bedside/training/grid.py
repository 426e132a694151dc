"""The edges of the intervals within which hazards are constant."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from bedside.errors import DataError

INTERVALS = 24
"""Intervals at most, about."""

EVENTS_EACH = 8
"""Events in an interval, about, at least."""

AT_RISK = 0.1
"""The grid goes on after the last horizon while this share of the patients is still followed."""

DIGITS = 3
"""Significant digits of an edge that is no horizon: easy to read, and nobody's own time."""


def grid(
    y: Int[np.ndarray, " row"],
    followed: Float[np.ndarray, " row"],
    horizons: tuple[float, ...],
    *,
    where: str = "outcome.horizons",
) -> tuple[float, ...]:
    """0, the horizons, and between them quantiles of the times of the event that is asked about.

    Each segment between horizons gets a part of the intervals as large as its part of the events.

    Raises
    ------
    DataError: nobody was followed as far as the last horizon.
    """
    last = horizons[-1]
    if followed.max() < last and not (y[followed == followed.max()] > 0).all():
        raise DataError(
            f"nobody was followed until {last:g}: the longest follow-up is {followed.max():g}",
            where=where,
            remedy="Ask about an earlier horizon",
        )
    end = max(last, _rounded(float(np.quantile(followed, 1 - AT_RISK))))
    times = followed[(y == 1) & (followed <= end)]
    count = max(1, min(INTERVALS, len(times) // EVENTS_EACH))
    edges = [0.0]
    for stop in sorted({*horizons, end}):
        own = times[(times > edges[-1]) & (times <= stop)]
        parts = max(1, round(count * len(own) / max(len(times), 1)))
        inner = [_rounded(float(q)) for q in np.quantile(own, np.arange(1, parts) / parts)] if len(own) else []
        edges += [edge for edge in sorted(set(inner)) if edges[-1] < edge < stop] + [float(stop)]
    return tuple(edges)


def _rounded(time: float) -> float:
    return float(f"{time:.{DIGITS}g}")
