"""How long the patients were followed, and what would happen to them at the declared threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool

from bedside import measures as m
from bedside.measures.standing import free_at
from bedside.privacy import suppressed
from bedside.validation.evidence import (
    FEW,
    Acted,
    AtHorizon,
    Estimate,
    FollowUpFacts,
    Warned,
)
from bedside.validation.prognosis import Followed, incidence_at
from bedside.validation.prognosis_compared import beside_marginal


def counted(states: Mapping[str, Bool[np.ndarray, " patient"]]) -> dict[str, int | None]:
    """How many are in each state; 1 to 9 are withheld, and where that is one state only, the next smallest too."""
    numbers = {state: int(mask.sum()) for state, mask in states.items()}
    hidden = [state for state, number in numbers.items() if number and suppressed(number, FEW)]
    if len(hidden) == 1:
        others = [state for state, number in numbers.items() if number and state not in hidden]
        hidden += sorted(others, key=lambda state: numbers[state])[:1]
    return {state: None if state in hidden else number for state, number in numbers.items()}


def known_by(given: Followed, horizon: float) -> dict[str, Bool[np.ndarray, " patient"]]:
    """Who had the event by then, who a competing one, who was followed to it without any, and who for less."""
    by = given.time <= horizon
    event, competing = by & (given.outcome == 1), by & (given.outcome > 1)
    free = free_at(*given.known, np.array([horizon]))[:, 0]
    return {"events": event, "competing": competing, "free": free, "unknown": ~(event | competing | free)}


def follow_up_facts(given: Followed) -> FollowUpFacts:
    """How long, and what is known at each horizon."""
    median = m.median_follow_up(*given.known, given.entry)
    return FollowUpFacts(
        unit=given.course.unit,
        late=given.late,
        median=median if np.isfinite(median) else None,
        horizons=tuple(
            AtHorizon(
                horizon=horizon,
                **counted(known_by(given, horizon)),
                incidence=incidence_at(given, horizon),
            )
            for horizon in given.course.horizons
        ),
    )


def about(given: Followed) -> dict[str, Any]:
    """What only data with follow-up have."""
    return {"follow_up": follow_up_facts(given)}


def share_with(given: Followed, horizon: float) -> Estimate:
    """Of few patients a share would tell about each."""
    return Estimate(value=None) if suppressed(len(given), FEW) else incidence_at(given, horizon)


def acted(given: Followed) -> tuple[Acted, ...]:
    """What would happen at the declared threshold, by each horizon; none is declared: nothing."""
    given = given.answered
    threshold = given.threshold
    if threshold is None or not len(given):
        return ()
    return tuple(_acted(given, horizon, threshold) for horizon in given.course.horizons)


def _acted(given: Followed, horizon: float, threshold: float) -> Acted:
    alert = given.risk(horizon) >= threshold
    share = m.wilson(int(alert.sum()), len(given))
    share = share if given.patient is None else m.Measure(share.value)
    those, others = share_with(given.take(alert), horizon), share_with(given.take(~alert), horizon)
    return Acted(
        estimate=given.course.estimate(horizon),
        threshold=threshold,
        alert=Estimate.of(share),
        event_with_alert=those,
        event_without=others,
        per_100=_per_100(share.value, those.value, others.value),
    )


def _per_100(alert: float, those: float | None, others: float | None) -> dict[str, float]:
    if those is None or others is None:
        return {}
    cells = {
        "true_positive": alert * those,
        "false_positive": alert * (1 - those),
        "false_negative": (1 - alert) * others,
        "true_negative": (1 - alert) * (1 - others),
        "alert": alert,
        "event": alert * those + (1 - alert) * others,
    }
    return {name: round(100 * share, 1) for name, share in cells.items()}


def beyond(given: Followed) -> dict[str, Any]:
    """What the evidence on a prognosis holds beside what all evidence does."""
    scores, difference = beside_marginal(given)
    return {"marginal": scores, "marginal_difference": difference, "acted": acted(given)}


def cautions(given: Followed) -> list[Warned]:
    """Horizons that nobody, or next to nobody, was followed to; patients who came late."""
    found = []
    for horizon in given.course.horizons:
        left = int(known_by(given, horizon)["free"].sum())
        if suppressed(left, FEW):
            text = "nobody" if not left else f"fewer than {FEW} patients"
            found.append(
                Warned(
                    code="short-follow-up",
                    text=f"By {horizon:g} {given.course.unit} {text} without an event had been followed so long: what "
                    "is said of that horizon rests on little or is not defined.",
                )
            )
    if given.late:
        found.append(
            Warned(
                code="late-entry",
                text=f"{given.late} rows came under observation after time 0. Every figure counts them from then on; "
                "the C-index of Uno, whose weights cannot, is not defined.",
            )
        )
    return found
