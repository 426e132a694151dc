"""A patient's course over time as what a picture of it needs: points, marks of the axes, numbers below them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bedside.answering import PatientCourse
from bedside.review.figures import percent, share
from bedside.review.times import ticks
from bedside.review.words import Translate

LIMITS = (0.1, 0.2, 0.5, 1.0)
"""Where the scale of a picture may end: at the first that holds everything in it."""
APART = 0.11
"""Of the width: two numbers in a row are never nearer, so that they can be read."""


@dataclass(frozen=True)
class Drawn:
    """What the picture shows; places go from 0 to 1 in both directions, y downwards.

    Attributes
    ----------
    top: where the scale ends; steps: its marks. ticks: marks of the time axis with their numbers, in `unit`.
    curve, band, cohort: points of SVG paths on a field of 100 by 100; empty: not there.
    horizons: x, y and the risk in words of each. limit: x and y of the threshold at the horizon of the decision.
    followed: x, and how many of the development patients were still followed then.
    """

    top: float
    steps: tuple[tuple[float, str], ...]
    ticks: tuple[tuple[float, str], ...]
    unit: str
    curve: str
    band: str
    cohort: str
    horizons: tuple[tuple[float, float, str], ...]
    limit: tuple[float, float] | None
    followed: tuple[tuple[float, str], ...]


def scale_end(shares: Iterable[float]) -> float:
    """Where a scale ends that holds them all."""
    highest = max(shares)
    return next(limit for limit in LIMITS if highest <= limit + 1e-9)


def drawn(
    course: PatientCourse,
    threshold: float | None,
    cohort: Mapping[float, float],
    at_risk: Mapping[float, int | None],
    t: Translate,
) -> Drawn:
    """The picture of a course; `cohort` and `at_risk`: of the development patients, by time."""
    curve, length = course.incidence[course.event], course.time[-1]
    top = scale_end([*curve, *(course.high or ()), *cohort.values(), threshold or 0.0])

    def path(times: Sequence[float], shares: Sequence[float]) -> str:
        return " ".join(
            f"{100 * at / length:.2f},{100 - 100 * one / top:.2f}" for at, one in zip(times, shares, strict=True)
        )

    band = ""
    if course.low and course.high:
        band = f"{path(course.time, course.high)} {path(course.time[::-1], course.low[::-1])}"
    risks = {horizon: curve[course.time.index(horizon)] for horizon in course.horizons}
    known = {at: one for at, one in cohort.items() if at <= length}
    marks, unit = ticks(length, course.horizons, course.unit, t)
    return Drawn(
        top=top,
        steps=tuple((step / 4, share(top * step / 4, t)) for step in range(5)),
        ticks=tuple((at / length, number) for at, number in marks),
        unit=unit,
        curve=path(course.time, curve),
        band=band,
        cohort=path(list(known), list(known.values())) if known else "",
        horizons=tuple((at / length, 1 - one / top, percent(one, t)) for at, one in risks.items()),
        limit=None if threshold is None else (course.decision / length, 1 - threshold / top),
        followed=tuple((at / length, followed(at_risk[at], t)) for at in readable(course, at_risk)),
    )


def followed(count: int | None, t: Translate) -> str:
    """How many were still followed; a small count is withheld."""
    return t("few") if count is None else f"{count}"


def readable(course: PatientCourse, times: Iterable[float]) -> list[float]:
    """Those of some times whose numbers have room beside each other: the start and the horizons first."""
    there = [time for time in times if time <= course.time[-1]]
    chosen: list[float] = []
    for time in [*(time for time in (0.0, course.decision, *course.horizons) if time in there), *there]:
        if all(abs(time - other) / course.time[-1] >= APART for other in chosen):
            chosen.append(time)
    return sorted(chosen)
