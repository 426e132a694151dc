"""Whether a course's band holds what it promises of groups of patients who were never seen."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from bedside import measures as m
from bedside.measures import Measure
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

    Patients in the order of their risk at the decision are cut into groups of ``band.group``, or a few more, as where
    the band was measured; the observed curve of each is the Aalen-Johansen estimate at the edges of the grid, as long
    as somebody in it is followed. No interval: the times of one group hang together. Undefined without a band, and
    with fewer than three groups.
    """
    if course.band is None or len(time) < FEWEST_GROUPS * course.band.group:
        return Measure(math.nan)
    order = np.argsort(incidence[:, course.edges.index(course.decision)], kind="stable")
    grid = np.array(course.edges[1:])
    inside = []
    for rows in np.array_split(order, len(order) // course.band.group):
        steps = m.aalen_johansen(time[rows], event[rows], entry=None if entry is None else entry[rows])
        observed = np.clip(steps.at(grid), 0.0, 1.0)
        predicted = np.clip(incidence[rows, 1:].mean(axis=0), 0.0, 1.0)
        apart = np.abs(np.arcsin(np.sqrt(observed)) - np.arcsin(np.sqrt(predicted)))
        inside.append(apart[np.isfinite(observed)] <= course.band.half_width)
    shares = np.concatenate(inside)
    return Measure(float(shares.mean()) if len(shares) else math.nan)
