"""A patient's course over time beside that of all development patients; numbers are the answer's or the evidence's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bedside.answering import PatientCourse
from bedside.release import Course
from bedside.review.course_drawn import Drawn, drawn, followed, readable
from bedside.review.course_words import among_words, band_words, competing, mean_words, median_words, origin_words, whom
from bedside.review.figures import percent, share
from bedside.review.times import duration, span
from bedside.review.words import Translate


@dataclass(frozen=True)
class Row:
    """What is known at one time, in words; ``band``, ``cohort`` and ``at_risk`` are empty where they are not known.

    ``competing``: one for each further event. ``left``: none of them.
    """

    when: str
    risk: str
    band: str
    competing: tuple[str, ...]
    left: str
    cohort: str
    at_risk: str


@dataclass(frozen=True)
class CourseView:
    """The course of one answer.

    Attributes
    ----------
    event: what is asked about. competing: what may come first. end: the last time, in words.
    sentences: median, restricted mean, and from when time counts where that is declared.
    among: what the other events do to it; empty with one event.
    band: what the band means, or why there is none. cohort: whom the dashed line is about; empty where there is none.
    """

    event: str
    competing: tuple[str, ...]
    end: str
    drawn: Drawn
    rows: tuple[Row, ...]
    sentences: tuple[str, ...]
    among: str
    band: tuple[str, ...]
    cohort: str


def course_view(
    course: PatientCourse, threshold: float | None, evidence: Mapping[str, Any], declared: Course | None, t: Translate
) -> CourseView:
    """The course beside that of all development patients, where the evidence tells it.

    `declared`: what the release says of it; None where it is not loaded.
    """
    told = (evidence.get("development") or {}).get("course") or {}
    cohort = _cohort(told, course)
    at_risk = dict(zip(told.get("time", ()), told.get("at_risk", ()), strict=False))
    end = span(course.time[-1], course.unit, t)
    return CourseView(
        event=course.event,
        competing=competing(course),
        end=end,
        drawn=drawn(course, threshold, cohort, at_risk, t),
        rows=tuple(_row(course, time, cohort, at_risk, t) for time in _times(course, at_risk)),
        sentences=(median_words(course, end, t), mean_words(course, end, t), *origin_words(declared, t)),
        among=among_words(course, t),
        band=band_words(course, declared.band if declared else None, evidence, t),
        cohort=whom(cohort, at_risk, t),
    )


def _cohort(told: Mapping[str, Any], course: PatientCourse) -> dict[float, float]:
    """Time → share of the development patients who had the event by then; what is withheld is left out."""
    shares = (told.get("incidence") or {}).get(course.event) or ()
    return {at: one for at, one in zip(told.get("time", ()), shares, strict=False) if one is not None}


def _times(course: PatientCourse, at_risk: Mapping[float, int | None]) -> list[float]:
    """What the table has a row for: both ends, the horizons, and what is known of the development patients."""
    known = [time for time in at_risk if time in course.time] or readable(course, course.time)
    return sorted({0.0, *course.horizons, course.time[-1], *known})


def _row(
    course: PatientCourse, time: float, cohort: Mapping[float, float], at_risk: Mapping[float, int | None], t: Translate
) -> Row:
    place, low, high = course.time.index(time), course.low, course.high
    return Row(
        when=duration(time, course.unit, t) if time else "0",
        risk=_rounded(course.incidence[course.event][place], t),
        band="" if not time or low is None or high is None else _interval(low[place], high[place], t),
        competing=tuple(_rounded(course.incidence[event][place], t) for event in competing(course)),
        left=_rounded(course.survival[place], t),
        cohort=_rounded(cohort[time], t) if time in cohort else "",
        at_risk=followed(at_risk[time], t) if time in at_risk else "",
    )


def _interval(low: float, high: float, t: Translate) -> str:
    return t("{low} to {high}", low=_rounded(low, t), high=_rounded(high, t))


def _rounded(probability: float, t: Translate) -> str:
    """At time 0 it is exactly known that nothing has happened."""
    return share(probability, t) if probability in (0.0, 1.0) else percent(probability, t)
