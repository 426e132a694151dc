"""The curves of a prognosis, on the release's own grid of times and on fixed grids of risk."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from jaxtyping import Bool, Float

from bedside import measures as m
from bedside.privacy import suppressed, tellable
from bedside.validation import prognosis
from bedside.validation.curves import EDGES, RISKS, THRESHOLDS, decision_facts, numbers, on_grid, without_small
from bedside.validation.evidence import (
    FEW,
    CalibrationCurve,
    Curves,
    DecisionCurveFacts,
    OverTime,
    RiskDistribution,
    RiskGroup,
)
from bedside.validation.follow_up import known_by
from bedside.validation.prognosis import Followed
from bedside.validation.prognosis_compared import marginal

MOST_GROUPS, FEWEST_EVENTS = 4, 20
ORDINALS = {2: ("lower", "upper"), 3: ("lowest", "middle", "highest"), 4: ("lowest", "second", "third", "highest")}
PARTS = {2: "half", 3: "third", 4: "quarter"}


def curves(given: Followed, floor: Float[np.ndarray, "patient cell"] | None = None) -> Curves:
    """Every curve of the answered patients: at each horizon, and over time."""
    kept = ~given.abstained
    chosen = given.take(kept)
    beside = None if floor is None else given.instead(floor).take(kept)
    found = _at_horizons(chosen, beside)
    if not given.whole or not len(chosen):
        return found
    return msgspec.structs.replace(found, groups=risk_groups(chosen), over_time=over_time(chosen, beside))


def curves_within(inside: Followed, outside: Followed) -> Curves:
    """A group's curves at each horizon; risk counts that would give away a small count of the others are withheld."""
    found = _at_horizons(inside.answered, None)
    risk = {
        name: without_small(found.risk[name], risk_distribution(outside.answered, horizon))
        for name, horizon in zip(inside.course.estimates, inside.course.horizons, strict=True)
    }
    return msgspec.structs.replace(found, risk=risk)


def _at_horizons(given: Followed, beside: Followed | None) -> Curves:
    names = {horizon: given.course.estimate(horizon) for horizon in given.course.horizons}
    return Curves(
        calibration={name: calibration(given, horizon) for horizon, name in names.items()},
        decision={name: decision(given, beside, horizon) for horizon, name in names.items()},
        risk={name: risk_distribution(given, horizon) for horizon, name in names.items()},
    )


def _banded(given: Followed, values: Float[np.ndarray, " point"]) -> tuple[float | None, ...]:
    """A limit of a band that takes rows for independent: none where patients have several."""
    return numbers(values if given.patient is None else np.full(len(values), math.nan))


def calibration(given: Followed, horizon: float) -> CalibrationCurve:
    """The smooth calibration curve at a horizon on the grid of risks."""
    curve = m.calibration_curve_at(*given.known, given.risk(horizon), horizon, RISKS, given.entry)
    return CalibrationCurve(
        predicted=on_grid(RISKS),
        observed=numbers(curve.value),
        low=_banded(given, curve.low),
        high=_banded(given, curve.high),
    )


def decision(given: Followed, beside: Followed | None, horizon: float) -> DecisionCurveFacts:
    """Net benefit at a horizon over the grid of thresholds, the floor's beside it."""
    curve = m.decision_curve_at(
        *given.known,
        given.risk(horizon),
        THRESHOLDS,
        horizon,
        given.entry,
        seed=given.seed,
        repeats=prognosis.REPEATS if given.patient is None else 0,
    )
    floor = None
    if beside is not None:
        floor = m.decision_curve_at(*beside.known, beside.risk(horizon), THRESHOLDS, horizon, beside.entry, repeats=0)
    return decision_facts(curve, floor)


def risk_distribution(given: Followed, horizon: float) -> RiskDistribution:
    """How many patients of each known state at a horizon had which risk; counts of 1 to 9 are withheld."""
    until = f"by {horizon:g} {given.course.unit}"
    names = {"events": f"{given.classes[1]} {until}", "competing": f"{' or '.join(given.classes[2:])} {until}"}
    names |= {"free": f"none {until}", "unknown": "followed for less"}
    risk = given.risk(horizon)
    step = np.clip(np.searchsorted(EDGES, risk, side="right") - 1, 0, len(EDGES) - 2)
    counts = {
        names[state]: tuple(_count(given, mask & (step == place)) for place in range(len(EDGES) - 1))
        for state, mask in known_by(given, horizon).items()
        if state != "competing" or len(given.classes) > 2
    }
    return RiskDistribution(edges=on_grid(EDGES), counts=counts)


def _count(given: Followed, rows: Bool[np.ndarray, " patient"]) -> int | None:
    """How many rows; None where they are of 1 to 9 patients."""
    return None if rows.any() and suppressed(given.count(rows), FEW) else int(rows.sum())


def risk_groups(given: Followed) -> tuple[RiskGroup, ...]:
    """Everybody, and groups of similar risk at the decision: as many as hold `FEWEST_EVENTS` with the event each."""
    found = [_risk_group(given, "everybody")]
    order = np.argsort(given.decisive, kind="stable")
    for number in range(MOST_GROUPS, 1, -1):
        parts = [given.take(rows) for rows in np.array_split(order, number)]
        if all(int(np.sum(part.outcome == 1)) >= FEWEST_EVENTS for part in parts):
            names = [f"{ordinal} {PARTS[number]} of risk" for ordinal in ORDINALS[number]]
            return (*found, *map(_risk_group, parts, names))
    return tuple(found)


def _risk_group(given: Followed, name: str) -> RiskGroup:
    grid = np.array(given.course.edges)
    at_risk = m.number_at_risk(given.time, grid, given.entry)
    steps = m.aalen_johansen(*given.known, entry=given.entry)
    had = given.outcome == 1
    left = [given.count(given.time >= moment) if given.patient is not None else 0 for moment in grid]
    seen = [given.count(had & (given.time <= moment)) for moment in grid]
    first = [given.course.edges.index(horizon) for horizon in (given.course.decision, *given.course.horizons)]
    told = np.column_stack([at_risk if given.patient is None else left, seen]).astype(np.int64)
    shown = tellable(told, first, FEW) & (at_risk > 0)
    low, high = steps.limits_at(grid)
    return RiskGroup(
        group=name,
        n=len(given),
        time=tuple(given.course.edges),
        predicted=tuple(given.incidence.mean(axis=0).tolist()),
        observed=_shown(steps.at(grid), shown),
        low=_banded(given, np.where(shown, low, math.nan)),
        high=_banded(given, np.where(shown, high, math.nan)),
        at_risk=tuple(int(count) if told else None for count, told in zip(at_risk, shown, strict=True)),
    )


def _shown(values: Float[np.ndarray, " point"], shown: Bool[np.ndarray, " point"]) -> tuple[float | None, ...]:
    return numbers(np.where(shown, values, math.nan))


def over_time(given: Followed, beside: Followed | None) -> OverTime:
    """AUC and Brier score by each time of the grid, the floor's and those of the same share for everybody beside."""
    grid = [edge for edge in given.course.edges[1:] if edge <= given.course.horizons[-1]]
    told = [_enough(given, edge) for edge in grid]
    same = marginal(given)

    def scores(one: Followed | None, measure: str) -> tuple[float | None, ...]:
        if one is None:
            return ()
        statistic = {"auc": m.auc_t, "brier": m.brier_at}[measure]
        return numbers(
            statistic(*one.known, one.risk(edge), edge, one.entry, repeats=0).value if enough else math.nan
            for edge, enough in zip(grid, told, strict=True)
        )

    return OverTime(
        time=tuple(grid),
        auc=scores(given, "auc"),
        brier=scores(given, "brier"),
        marginal=scores(same, "brier"),
        floor_auc=scores(beside, "auc"),
        floor_brier=scores(beside, "brier"),
    )


def _enough(given: Followed, edge: float) -> bool:
    states = known_by(given, edge)
    return not any(suppressed(int(states[state].sum()), FEW) for state in ("events", "free"))
