"""A patient's course over time in words and as what a picture needs; every number comes from answer and evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bedside.answering import PatientCourse
from bedside.release import Band, Course, estimate_name
from bedside.review.answer_view import ClassRisk
from bedside.review.figures import listed, percent, share
from bedside.review.times import about, axis, duration, years
from bedside.review.words import Translate
from bedside.serving.documents import AnswerReply

LIMITS = (0.1, 0.2, 0.5, 1.0)
"""Where the scale of the picture may end: at the first that holds everything in it."""
APART = 0.13
"""Of the width: two marks of the axis are never nearer, so that the numbers under them can be read."""


@dataclass(frozen=True)
class Mark:
    """A time on the axis that has a `number`: its place as a share of the width, and what is known then, in words.

    ``band``, ``cohort`` and ``at_risk`` are empty where they are not known. ``competing``: one for each further event.
    """

    x: float
    number: str
    when: str
    risk: str
    band: str
    competing: tuple[str, ...]
    left: str
    cohort: str
    at_risk: str


@dataclass(frozen=True)
class Drawn:
    """What the picture shows, from 0 to 1 in both directions, y downwards.

    Attributes
    ----------
    top: where the scale ends. curve, band, cohort: points of SVG paths on a field of 100 by 100; empty: not there.
    horizons: x, y and the risk in words of each. limit: x and y of the threshold at the horizon of the decision.
    """

    top: float
    steps: tuple[tuple[float, str], ...]
    curve: str
    band: str
    cohort: str
    horizons: tuple[tuple[float, float, str], ...]
    limit: tuple[float, float] | None


@dataclass(frozen=True)
class CourseView:
    """The course of one answer.

    Attributes
    ----------
    event: what is asked about. competing: what may come first. end: the last time, in words. unit: of the axis.
    sentences: median and restricted mean. among: what the other events do to it; empty with one event.
    band: what the band means, or why there is none. cohort: whom the dashed line is about; empty where there is none.
    """

    event: str
    competing: tuple[str, ...]
    end: str
    unit: str
    drawn: Drawn
    marks: tuple[Mark, ...]
    sentences: tuple[str, ...]
    among: str
    band: tuple[str, ...]
    cohort: str


def risk_words(event: str, horizon: float, unit: str, t: Translate) -> str:
    """A horizon's risk as people read it: ``death within 5 years``."""
    return t("{event} within {time}", event=event, time=duration(horizon, unit, t))


def estimate_words(name: str, course: PatientCourse | Course | None, t: Translate) -> str:
    """The name of an estimate as people read it; a class stays as it is."""
    if course is None:
        return name
    event = course.event if isinstance(course, PatientCourse) else course.events[0]
    named = dict(zip(course.estimates, course.horizons, strict=True))
    return risk_words(event, named[name], course.unit, t) if name in named else name


def horizon_risks(answer: AnswerReply, t: Translate) -> list[ClassRisk]:
    """The risk at each horizon, the one that the threshold is about first."""
    course = answer.course
    assert course is not None
    ordered = sorted(course.horizons, key=lambda horizon: (horizon != course.decision, horizon))
    return [_horizon_risk(answer, course, horizon, t) for horizon in ordered]


def _horizon_risk(answer: AnswerReply, course: PatientCourse, horizon: float, t: Translate) -> ClassRisk:
    estimate = estimate_name(course.event, horizon, course.unit)
    threshold = answer.threshold if horizon == course.decision and isinstance(answer.threshold, float) else None
    return ClassRisk(
        name=risk_words(course.event, horizon, course.unit, t),
        probability=(answer.estimate or {})[estimate],
        threshold=threshold,
        possible=False,
        estimate=estimate,
    )


def course_view(
    course: PatientCourse, threshold: float | None, evidence: Mapping[str, Any], band: Band | None, t: Translate
) -> CourseView:
    """The course beside that of all development patients, where the evidence tells it.

    `band`: as the release declares it; None where it has none, or is not loaded.
    """
    told = (evidence.get("development") or {}).get("course") or {}
    cohort = _cohort(told, course)
    at_risk = dict(zip(told.get("time", ()), told.get("at_risk", ()), strict=False))
    end, places = duration(course.time[-1], course.unit, t), marked(course)
    numbers, unit = axis([course.time[place] for place in places], course.unit, t)
    return CourseView(
        event=course.event,
        competing=tuple(event for event in course.incidence if event != course.event),
        end=end,
        unit=unit,
        drawn=_drawn(course, cohort, threshold, t),
        marks=tuple(
            _mark(course, place, number, cohort, at_risk, t) for place, number in zip(places, numbers, strict=True)
        ),
        sentences=(_median(course, end, t), _mean(course, end, t)),
        among=_among(course, t),
        band=_band(course, band, evidence, t),
        cohort=_whom(cohort, at_risk, t),
    )


def scale_end(shares: Iterable[float]) -> float:
    """Where a scale ends that holds them all."""
    highest = max(shares)
    return next(limit for limit in LIMITS if highest <= limit + 1e-9)


def _cohort(told: Mapping[str, Any], course: PatientCourse) -> dict[float, float]:
    """Time → share of the development patients who had the event by then; what is withheld is left out."""
    shares = (told.get("incidence") or {}).get(course.event) or ()
    return {at: one for at, one in zip(told.get("time", ()), shares, strict=False) if one is not None}


def marked(course: PatientCourse) -> list[int]:
    """Positions of the times that get a number: both ends and the horizons, then whole years, then what has room."""
    ends, length = (0.0, course.time[-1]), course.time[-1]
    first = [*ends[:1], course.decision, *course.horizons, *ends[1:]]
    whole = [time for time in course.time if years(time, course.unit) is not None]
    chosen: list[float] = []
    for time in [*first, *whole, *course.time]:
        if all(abs(time - other) / length >= APART for other in chosen):
            chosen.append(time)
    return [course.time.index(time) for time in sorted(chosen)]


def _mark(
    course: PatientCourse,
    place: int,
    number: str,
    cohort: Mapping[float, float],
    at_risk: Mapping[float, int | None],
    t: Translate,
) -> Mark:
    time = course.time[place]
    others = [rows[place] for event, rows in course.incidence.items() if event != course.event]
    low, high = course.low, course.high
    band = "" if not time or low is None or high is None else _interval(low[place], high[place], t)
    count = at_risk.get(time)
    return Mark(
        x=time / course.time[-1],
        number=number,
        when=duration(time, course.unit, t) if time else "0",
        risk=_rounded(course.incidence[course.event][place], t),
        band=band,
        competing=tuple(_rounded(one, t) for one in others),
        left=_rounded(course.survival[place], t),
        cohort=_rounded(cohort[time], t) if time in cohort else "",
        at_risk=("" if time not in at_risk else t("few") if count is None else f"{count}"),
    )


def _interval(low: float, high: float, t: Translate) -> str:
    return t("{low} to {high}", low=_rounded(low, t), high=_rounded(high, t))


def _rounded(probability: float, t: Translate) -> str:
    """At time 0 it is exactly known that nothing has happened."""
    return share(probability, t) if probability in (0.0, 1.0) else percent(probability, t)


def _drawn(course: PatientCourse, cohort: Mapping[float, float], threshold: float | None, t: Translate) -> Drawn:
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
    return Drawn(
        top=top,
        steps=tuple((step / 4, share(top * step / 4, t)) for step in range(5)),
        curve=path(course.time, curve),
        band=band,
        cohort=path(list(known), list(known.values())) if known else "",
        horizons=tuple((at / length, 1 - one / top, percent(one, t)) for at, one in risks.items()),
        limit=None if threshold is None else (course.decision / length, 1 - threshold / top),
    )


def _median(course: PatientCourse, end: str, t: Translate) -> str:
    if course.median is None:
        return t(
            "Fewer than half of such patients are expected to have had “{event}” within {end}: the median is not "
            "reached.",
            event=course.event,
            end=end,
        )
    return t(
        "Half of such patients are expected to have had “{event}” by {time}, the other half later or never.",
        event=course.event,
        time=about(course.median, course.unit, t),
    )


def _mean(course: PatientCourse, end: str, t: Translate) -> str:
    return t(
        "Within the first {end} such patients are expected to be without {events} for {time} on average.",
        end=end,
        events=listed([t("“{name}”", name=name) for name in course.incidence], t),
        time=about(course.restricted_mean, course.unit, t),
    )


def _among(course: PatientCourse, t: Translate) -> str:
    others = [event for event in course.incidence if event != course.event]
    if not others:
        return ""
    place = course.time.index(course.decision)
    first = [t("“{name}” ({risk})", name=event, risk=percent(course.incidence[event][place], t)) for event in others]
    return t(
        "Something else may come first within {time}: {others}. The risks of “{event}” allow for that.",
        time=duration(course.decision, course.unit, t),
        others=listed(first, t),
        event=course.event,
    )


def _band(course: PatientCourse, band: Band | None, evidence: Mapping[str, Any], t: Translate) -> tuple[str, ...]:
    if course.low is None:
        return (t("No band is drawn: there were too few development patients to find how wide it must be."),)
    if band is None:
        return (t("The band is about groups of patients with such a curve, not about one patient."),)
    said = t(
        "The band is about groups, not about one patient: of {group} patients with similar curves, the share who had "
        "“{event}” lay within it at {inside} of all times, among the development patients.",
        group=band.group,
        event=course.event,
        inside=share(round(1 - band.alpha, 6), t),
    )
    found = ((evidence.get("measures") or {}).get("band_coverage") or {}).get("value")
    if found is None:
        return said, t("There were too few held-out patients to measure this again.")
    return said, t("Among the held-out patients it was {found}.", found=share(round(found, 3), t))


def _whom(cohort: Mapping[float, float], at_risk: Mapping[float, int | None], t: Translate) -> str:
    if not cohort:
        return ""
    n = at_risk.get(0.0)
    if n is None:
        return t("all development patients")
    return t("all {n} development patients", n=n)
