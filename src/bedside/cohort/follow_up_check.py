"""What the data check says about follow-up: how many events, how long, how many are left at each horizon."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import numpy as np
from jaxtyping import Bool

from bedside.cohort.cohort import Cohort, Finding
from bedside.cohort.masks import subgroup_masks
from bedside.cohort.study import Study, Subgroup
from bedside.measures import aalen_johansen, median_follow_up, number_at_risk

FEW_LEFT = 0.1
"""Share of the patients at risk below which a curve says little (Pocock et al., Lancet 2002;359:1686-1689)."""

FIRST_AT_RISK = 10
"""Patients at risk at the first event, below which one event moves a left-truncated curve too far."""

MOSTLY_CENSORED = 0.5
"""Share of the patients lost before the horizon of the decision from which on it is worth a word."""

FAR = 1.5
"""How many times the second longest follow-up the longest is, where it may be a code for not known."""

EXPECTED = 5.0
"""Events that a group would have if they came as often as elsewhere, before their absence counts."""


class HorizonFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One horizon.

    Attributes
    ----------
    at_risk: rows under observation just before it. events: rows with the event asked about by then.
    risk: share with the event by then (Aalen-Johansen); None where it is not known.
    """

    horizon: float
    at_risk: int
    events: int
    risk: float | None


class FollowUpFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How long the cohort was followed; with landmarks, each patient from the earliest one.

    Attributes
    ----------
    events: event → rows. censored: share of the rows without any.
    median: see `median_follow_up`, in `unit`; None where it is not reached.
    """

    unit: str
    events: dict[str, int]
    censored: float
    median: float | None
    horizons: tuple[HorizonFacts, ...]


def follow_up_facts(study: Study, cohort: Cohort) -> FollowUpFacts | None:
    """Facts about the rows used; None where the question has no time."""
    if study.outcome.follow_up is None or cohort.followed is None:
        return None
    counts = {name: int((cohort.outcome == code).sum()) for code, name in enumerate(study.outcome.classes)}
    return FollowUpFacts(
        unit=study.outcome.follow_up.unit,
        events={name: rows for code, (name, rows) in enumerate(counts.items()) if code > 0},
        censored=float((cohort.outcome == 0).mean()),
        median=_known(median_follow_up(cohort.followed, cohort.outcome, cohort.entered)),
        horizons=tuple(_horizon(cohort, horizon) for horizon in study.outcome.horizons),
    )


def _known(number: float) -> float | None:
    return number if np.isfinite(number) else None


def _horizon(cohort: Cohort, horizon: float) -> HorizonFacts:
    assert cohort.followed is not None
    risk = aalen_johansen(cohort.followed, cohort.outcome, 1, cohort.entered).at(horizon)
    return HorizonFacts(
        horizon=horizon,
        at_risk=int(number_at_risk(cohort.followed, np.array([horizon]), cohort.entered)[0]),
        events=int(((cohort.outcome == 1) & (cohort.followed <= horizon)).sum()),
        risk=_known(float(risk)),
    )


def follow_up_findings(study: Study, cohort: Cohort, facts: FollowUpFacts | None) -> list[Finding]:
    """What is worth a word about follow-up; nothing where the question has no time."""
    if facts is None:
        return []
    return [
        *_code_for_unknown(cohort, facts),
        *_few_left(cohort, facts),
        *_lost(study, cohort, facts),
        *_without_events(study, cohort),
    ]


def _finding(code: str, where: str, text: str, remedy: str) -> Finding:
    return Finding(code=code, severity="warning", where=where, text=text, remedy=remedy)


def _code_for_unknown(cohort: Cohort, facts: FollowUpFacts) -> Iterator[Finding]:
    """The longest time is all nines, and far beyond the others."""
    assert cohort.followed is not None
    times = np.unique(cohort.followed)
    if len(times) < 2 or times[-1] < FAR * times[-2] or not re.fullmatch(r"9{2,}", f"{times[-1]:.10g}"):
        return
    rows = int((cohort.followed == times[-1]).sum())
    text = f"{rows} rows are followed to {times[-1]:g} {facts.unit}, and all others to {times[-2]:g} at most"
    remedy = "If it is a code for not known, add it to [data] missing"
    yield _finding("follow-up-code", "time", text, remedy)


def _few_left(cohort: Cohort, facts: FollowUpFacts) -> Iterator[Finding]:
    rows = len(cohort)
    for one in facts.horizons:
        if one.at_risk < FEW_LEFT * rows:
            where, text = f"horizon {one.horizon:g} {facts.unit}", f"{one.at_risk} of {rows} patients are at risk then"
            yield _finding("few-at-risk", where, text, "Consider a shorter horizon: a risk so late is hardly known")
    if cohort.entered is not None and cohort.followed is not None:
        first = float(cohort.followed[cohort.outcome > 0].min())
        there = int(number_at_risk(cohort.followed, np.array([first]), cohort.entered)[0])
        if there < FIRST_AT_RISK:
            text = f"{there} patients are under observation when the first event happens, at {first:g} {facts.unit}"
            yield _finding("few-at-risk", "entry", text, "Count times from when most patients enter, such as diagnosis")


def _lost(study: Study, cohort: Cohort, facts: FollowUpFacts) -> Iterator[Finding]:
    assert cohort.followed is not None
    decision = study.decision
    lost = float(((cohort.outcome == 0) & (cohort.followed < decision)).mean())
    if lost > MOSTLY_CENSORED:
        text = f"{lost:.0%} of the patients leave before {decision:g} {facts.unit}, and no event was seen"
        remedy = "Ask why they leave: everything here takes it that leaving has nothing to do with how they fare"
        yield _finding("mostly-censored", f"horizon {decision:g} {facts.unit}", text, remedy)


def _without_events(study: Study, cohort: Cohort) -> Iterator[Finding]:
    """Groups that are all censored, although events would be expected there."""
    assert cohort.followed is not None
    seen = cohort.followed - (0.0 if cohort.entered is None else cohort.entered)
    event = cohort.outcome == 1
    for name, there in _groups(study, cohort):
        if event[there].any():
            continue
        expected = float(seen[there].sum() * event[~there].sum() / max(seen[~there].sum(), 1e-12))
        if expected >= EXPECTED:
            text = (
                f"nobody of {int(there.sum())} patients has '{study.outcome.positive}', and about {expected:.0f} would "
                "if it came as often as among the others"
            )
            remedy = "Find out whether events are recorded there; a model would take it for protection"
            yield _finding("no-events", name, text, remedy)


def _groups(study: Study, cohort: Cohort) -> list[tuple[str, Bool[np.ndarray, " patient"]]]:
    """Every category, declared subgroup and site, each once."""
    categories = [
        Subgroup(text=one.name, variable=one.name) for one in study.schema.variables if one.kind == "category"
    ]
    declared = [one for one in study.validation.subgroups if one.operator is not None]
    return subgroup_masks([*categories, *declared], study.schema, cohort.reading, cohort.site)
