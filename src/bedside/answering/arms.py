"""One patient's columns as what is expected under each treatment, and as a dose."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bedside.answering.answer import Difference, PatientArms, PatientDose
from bedside.release import Arms, Dose


def patient_arms(arms: Arms, columns: Float[np.ndarray, " column"]) -> PatientArms:
    """What is expected of one patient under each arm, and which of them the data recommend."""
    one = columns[None]
    best, chosen = int(arms.best(one)[0]), int(arms.recommended(one)[0])
    left, judged = arms.left(one)[0], arms.judged(one)[0]
    unjudged = tuple(name for name, known in zip(arms.arms, judged, strict=True) if not known)
    others = [arm for arm in range(len(arms.arms)) if arm != best]
    return PatientArms(
        outcome=arms.outcome,
        kind=arms.kind,
        unit=arms.unit,
        until=arms.until,
        better=arms.better,
        randomised=arms.randomised,
        alpha=arms.alpha,
        expected=dict(zip(arms.arms, arms.expected(one)[0].tolist(), strict=True)),
        differences={arms.arms[arm]: _difference(arms, one, arm, 0) for arm in range(1, len(arms.arms))},
        against_best={arms.arms[arm]: _difference(arms, one, arm, best) for arm in others},
        propensity=dict(zip(arms.arms, arms.propensity(one)[0].tolist(), strict=True)),
        unjudged=unjudged,
        best=arms.arms[best],
        left=tuple(name for name, still in zip(arms.arms, left, strict=True) if still),
        recommended=None if chosen < 0 else arms.arms[chosen],
        why=None if chosen >= 0 else _why(arms, unjudged),
    )


def _difference(arms: Arms, columns: Float[np.ndarray, "one column"], one: int, other: int) -> Difference:
    value, low, high = (float(end[0]) for end in arms.difference(columns, one, other))
    return Difference(value=value, low=low, high=high)


def _why(arms: Arms, unjudged: tuple[str, ...]) -> str:
    if unjudged:
        return f"Too few patients like this one got {', '.join(unjudged)}: nothing can be said about it"
    return f"The interval of the difference at {1 - arms.alpha:.0%} holds zero: the data do not tell the arms apart"


def patient_dose(dose: Dose, columns: Float[np.ndarray, " column"]) -> PatientDose:
    """The dose of one patient."""
    middle, low, high = (float(number) for number in columns)
    return PatientDose(
        drug=dose.drug, unit=dose.unit, dose=middle, low=low, high=high, alpha=dose.alpha, tolerance=dose.tolerance
    )
