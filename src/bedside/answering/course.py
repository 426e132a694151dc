"""One patient's cells as a course over time."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bedside.answering.answer import PatientCourse
from bedside.measures.grouped import angle
from bedside.release import Band, Course


def patient_course(course: Course, cells: Float[np.ndarray, " cell"]) -> PatientCourse:
    """The course of one patient whom the model answered."""
    incidence, survival = course.incidence(cells[None])[0], course.survival(cells[None])[0]
    low, high = (None, None) if course.band is None else band_around(course.band, incidence[0])
    return PatientCourse(
        unit=course.unit,
        time=course.edges,
        horizons=course.horizons,
        decision=course.decision,
        event=course.events[0],
        incidence={event: tuple(row) for event, row in zip(course.events, incidence.tolist(), strict=True)},
        survival=tuple(survival.tolist()),
        low=None if low is None else tuple(low.tolist()),
        high=None if high is None else tuple(high.tolist()),
        median=course.median(cells[None])[0],
        restricted_mean=float(course.restricted_mean(cells[None])[0]),
    )


def band_around(
    band: Band, incidence: Float[np.ndarray, "*any"]
) -> tuple[Float[np.ndarray, "*any"], Float[np.ndarray, "*any"]]:
    """The limits between which the observed shares of groups lay: ``sin(asin(sqrt(p)) -+ half_width)^2``.

    At time 0 nothing has happened, and there is nothing to be unsure about.
    """
    middle = angle(incidence)
    low = np.sin(np.maximum(middle - band.half_width, 0.0)) ** 2
    high = np.sin(np.minimum(middle + band.half_width, np.pi / 2)) ** 2
    return np.where(incidence == 0, 0.0, low), np.where(incidence == 0, 0.0, high)
