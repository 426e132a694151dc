"""The curves and the table of thresholds, on fixed grids so that no point belongs to one patient."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Float, Int

from bedside import measures as m
from bedside.privacy import suppressed
from bedside.validation.diagnosis import Predictions
from bedside.validation.evidence import (
    FEW,
    CalibrationCurve,
    Curves,
    DecisionCurveFacts,
    Estimate,
    RiskDistribution,
    RocCurve,
    ThresholdRow,
)

RATES = np.linspace(0.0, 1.0, 51)
RISKS = np.linspace(0.0, 1.0, 51)
THRESHOLDS = np.linspace(0.02, 0.98, 49)
EDGES = np.linspace(0.0, 1.0, 11)
ROUND_THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.5)


def numbers(values: Iterable[float]) -> tuple[float | None, ...]:
    """Nothing where a number is not defined."""
    return tuple(float(value) if math.isfinite(value) else None for value in values)


def on_grid(values: Float[np.ndarray, " point"]) -> tuple[float, ...]:
    """Without the dust of binary fractions: 0.02 rather than 0.019999999."""
    return tuple(round(float(value), 6) for value in values)


def roc_curve(y: Int[np.ndarray, " patient"], p: Float[np.ndarray, " patient"]) -> RocCurve | None:
    """Highest sensitivity of any threshold at each false-positive rate of the grid; None with one class only."""
    events, others = np.sort(p[y == 1]), np.sort(p[y == 0])
    if not len(events) or not len(others):
        return None
    cuts = np.concatenate([[math.inf], np.unique(p)[::-1]])
    rate = 1.0 - np.searchsorted(others, cuts, side="left") / len(others)
    found = 1.0 - np.searchsorted(events, cuts, side="left") / len(events)
    # Both rise along `cuts`: the last cut within the allowed rate is the best one.
    best = found[np.searchsorted(rate, RATES + 1e-12, side="right") - 1]
    return RocCurve(false_positive_rate=on_grid(RATES), sensitivity=tuple(float(value) for value in best))


def calibration(y: Int[np.ndarray, " patient"], p: Float[np.ndarray, " patient"]) -> CalibrationCurve:
    """The smooth calibration curve on the grid of risks."""
    curve = m.calibration_curve(y, p, RISKS)
    return CalibrationCurve(
        predicted=on_grid(RISKS), observed=numbers(curve.value), low=numbers(curve.low), high=numbers(curve.high)
    )


def decision(
    y: Int[np.ndarray, " patient"], p: Float[np.ndarray, " patient"], floor: Float[np.ndarray, " patient"] | None
) -> DecisionCurveFacts:
    """Net benefit over the grid of thresholds, the floor's beside it."""
    return decision_facts(
        m.decision_curve(y, p, THRESHOLDS), None if floor is None else m.decision_curve(y, floor, THRESHOLDS)
    )


def decision_facts(curve: m.DecisionCurve, floor: m.DecisionCurve | None) -> DecisionCurveFacts:
    """A decision curve as the document has it, the floor's beside it."""
    return DecisionCurveFacts(
        threshold=on_grid(curve.threshold),
        model=numbers(curve.model),
        low=numbers(curve.low),
        high=numbers(curve.high),
        treat_all=numbers(curve.treat_all),
        floor=() if floor is None else numbers(floor.model),
    )


def _count(number: int) -> int | None:
    return None if number and suppressed(number, FEW) else number


def risk_distribution(
    outcome: Int[np.ndarray, " patient"], p: Float[np.ndarray, " patient"], classes: tuple[str, ...]
) -> RiskDistribution:
    """How many patients of each true class have which risk, ten equal steps; counts of 1 to 9 are withheld."""
    counts = {
        name: tuple(_count(int(number)) for number in np.histogram(p[outcome == position], EDGES)[0])
        for position, name in enumerate(classes)
    }
    return RiskDistribution(edges=on_grid(EDGES), counts=counts)


def curves(given: Predictions, floor: Float[np.ndarray, "patient class"] | None = None) -> Curves:
    """Every curve of the answered patients, by the class whose risk it shows."""
    kept = ~given.abstained
    chosen = given.take(kept)
    found: dict[str, dict[str, object]] = {"roc": {}, "calibration": {}, "decision": {}, "risk": {}}
    for position in given.reported:
        name = given.classes[position]
        y, p = chosen.against_others(position)
        roc = roc_curve(y, p)
        if roc is not None:
            found["roc"][name] = roc
            found["calibration"][name] = calibration(y, p)
            found["decision"][name] = decision(y, p, None if floor is None else floor[kept, position])
        found["risk"][name] = risk_distribution(chosen.outcome, p, given.classes)
    return Curves(**found)  # type: ignore[arg-type]


def curves_within(inside: Predictions, outside: Predictions) -> Curves:
    """A group's curves; risk counts that would give away a small count of the others, by subtraction, are withheld."""
    found = curves(inside)
    risk = {}
    for name, own in found.risk.items():
        _, p = outside.against_others(inside.classes.index(name))
        risk[name] = without_small(own, risk_distribution(outside.outcome, p, inside.classes))
    return msgspec.structs.replace(found, risk=risk)


def without_small(own: RiskDistribution, others: RiskDistribution) -> RiskDistribution:
    """A group's counts, but for those that would give away a withheld one of the others by subtraction."""
    counts = {
        one: tuple(
            None if other is None else count for count, other in zip(own.counts[one], others.counts[one], strict=True)
        )
        for one in own.counts
    }
    return msgspec.structs.replace(own, counts=counts)


def _row(given: Predictions, position: int, threshold: float, declared: bool) -> ThresholdRow:
    y, p = given.against_others(position)
    alert, event = p >= threshold, y == 1
    cells: dict[str, Any] = {
        "true_positive": int(np.sum(alert & event)),
        "false_positive": int(np.sum(alert & ~event)),
        "false_negative": int(np.sum(~alert & event)),
        "true_negative": int(np.sum(~alert & ~event)),
    }
    per_100 = {name: round(100 * number / len(y), 1) for name, number in cells.items()} if len(y) else {}
    if per_100:
        per_100["alert"] = round(100 * float(np.mean(alert)), 1)
        per_100["event"] = round(100 * float(np.mean(event)), 1)
    named = {name: statistic(y, p, threshold) for name, statistic in (
        ("sensitivity", m.sensitivity), ("specificity", m.specificity), ("ppv", m.ppv), ("npv", m.npv),
        ("net_benefit", m.net_benefit),
    )}  # fmt: skip
    shares: dict[str, Any] = {name: Estimate.of(measure) for name, measure in named.items()}
    return ThresholdRow(
        outcome=given.classes[position],
        threshold=threshold,
        declared=declared,
        **cells,
        per_100=per_100,
        **shares,
    )


def threshold_table(given: Predictions) -> tuple[ThresholdRow, ...]:
    """The declared threshold of each class, among round ones for comparison."""
    given = given.answered
    rows = []
    for position in given.reported:
        declared = given.thresholds.get(position)
        all_thresholds = sorted({*ROUND_THRESHOLDS, *([] if declared is None else [declared])})
        rows += [_row(given, position, threshold, threshold == declared) for threshold in all_thresholds]
    return tuple(rows)
