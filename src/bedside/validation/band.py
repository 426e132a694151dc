"""Whether a course's band holds what it promises of groups of patients who were never seen."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from bedside.measures import Measure
from bedside.measures.grouped import group_distances
from bedside.release import Course

FEWEST_GROUPS = 3


def band_coverage(
    time: Float[np.ndarray, " patient"],
    event: Int[np.ndarray, " patient"],
    entry: Float[np.ndarray, " patient"] | None,
    incidence: Float[np.ndarray, "patient edge"],
    course: Course,
) -> Measure:
    """Share of times at which the observed curve of a group of similar patients lies within the band around theirs.

    Groups of ``band.group`` patients with similar risks at the decision, as where the band was measured, at the edges
    of the grid; see `group_distances`. No interval: the times of one group hang together. Undefined without a band, and
    with fewer than three groups.
    """
    if course.band is None or len(time) < FEWEST_GROUPS * course.band.group:
        return Measure(math.nan)
    risk, grid = incidence[:, course.edges.index(course.decision)], np.array(course.edges[1:])
    found = group_distances(time, event, entry, incidence[:, 1:], grid, risk, course.band.group)
    known = found[~np.isnan(found)]
    return Measure(float(np.mean(known <= course.band.half_width)) if len(known) else math.nan)
