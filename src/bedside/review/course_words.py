"""A patient's course over time in words: names of risks, and what is read from the curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bedside.answering import PatientCourse
from bedside.release import Band, Course, estimate_name
from bedside.review.answer_view import ClassRisk
from bedside.review.figures import listed, percent, share
from bedside.review.times import about, duration
from bedside.review.words import Translate
from bedside.serving.documents import AnswerReply


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


def competing(course: PatientCourse) -> tuple[str, ...]:
    """What may come before the event that is asked about."""
    return tuple(event for event in course.incidence if event != course.event)


def median_words(course: PatientCourse, end: str, t: Translate) -> str:
    """By when half have had it; never a date."""
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


def mean_words(course: PatientCourse, end: str, t: Translate) -> str:
    """How long they are without any event on average, until the end of the curve."""
    return t(
        "Such patients are expected to be without {events} for {time} on average, counted up to {end}.",
        end=end,
        events=listed([t("“{name}”", name=name) for name in (course.event, *competing(course))], t),
        time=about(course.restricted_mean, course.unit, t),
    )


def origin_words(declared: Course | None, t: Translate) -> tuple[str, ...]:
    """From when time counts, where patients were asked about again and again."""
    if declared is None or not declared.landmarks:
        return ()
    return (t("Time counts from the visit that the values are of."),)


def among_words(course: PatientCourse, t: Translate) -> str:
    """What may come first, and how likely, by the decision; empty where nothing competes."""
    others = competing(course)
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


def band_words(course: PatientCourse, band: Band | None, evidence: Mapping[str, Any], t: Translate) -> tuple[str, ...]:
    """What the band means and how it held, or why there is none."""
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


def whom(cohort: Mapping[float, float], at_risk: Mapping[float, int | None], t: Translate) -> str:
    """Whom the dashed line is about; empty where there is none."""
    if not cohort:
        return ""
    n = at_risk.get(0.0)
    if n is None:
        return t("all development patients")
    return t("all {n} development patients", n=n)
