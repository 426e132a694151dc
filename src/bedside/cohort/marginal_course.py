"""What happened to a cohort over time, as an aggregate that a release may carry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bedside.cohort.cohort import Cohort
from bedside.measures import aalen_johansen, number_at_risk
from bedside.privacy import tellable


def marginal_course(
    cohort: Cohort, events: Sequence[str], edges: Sequence[float], horizons: Sequence[float]
) -> dict[str, Any]:
    """``time``, ``incidence`` of each event by then (Aalen-Johansen), and patients still followed (``at_risk``).

    Of the grid only those times are there that tell, alone or with a neighbour, of nobody or of ten patients and more:
    as being followed, or as having had an event. Horizons come before other times. A patient counts once, from
    the earliest landmark on.

    Parameters
    ----------
    events: names of the outcomes 1, 2... edges: the grid, from 0. horizons: among the edges, the most important first.
    """
    cohort = cohort.at_first_landmark()
    assert cohort.followed is not None
    grid, followed, entered = np.array(edges), cohort.followed, cohort.entered
    at_risk = number_at_risk(followed, grid, entered)
    had = [np.sort(followed[cohort.outcome == code + 1]) for code in range(len(events))]
    seen = [np.searchsorted(times, grid, side="right") for times in had]
    told = tellable(np.column_stack([at_risk, *seen]), [list(edges).index(horizon) for horizon in horizons])
    told &= at_risk > 0
    curves = [aalen_johansen(followed, cohort.outcome, code + 1, entered) for code in range(len(events))]
    return {
        "time": grid[told].tolist(),
        "incidence": {name: curve.at(grid[told]).tolist() for name, curve in zip(events, curves, strict=True)},
        "at_risk": at_risk[told].tolist(),
    }
