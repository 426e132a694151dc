"""One patient's columns as what is expected under each treatment, and as a dose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from bedside.answering.answer import Difference, PatientArms, PatientDose
from bedside.release import Arms, Dose


def patient_arms(arms: Arms, columns: Float[np.ndarray, " column"]) -> PatientArms:
    """What is expected of one patient under each arm, and which of them the data recommend.

    Of an arm that is not judged nothing is said but that: what the model expects under it, nobody could check.
    """
    one = columns[None]
    best, chosen = int(arms.best(one)[0]), int(arms.recommended(one)[0])
    left, judged = arms.left(one)[0], arms.judged(one)[0]
    names, expected = arms.arms, arms.expected(one)[0].tolist()
    known = [arm for arm in range(len(names)) if judged[arm]]
    return PatientArms(
        outcome=arms.outcome,
        kind=arms.kind,
        unit=arms.unit,
        until=arms.until,
        better=arms.better,
        randomised=arms.randomised,
        alpha=arms.alpha,
        arms=names,
        control=names[0],
        expected={name: expected[arm] if judged[arm] else None for arm, name in enumerate(names)},
        differences={names[arm]: _difference(arms, one, arm, 0) for arm in known if arm and judged[0]},
        against_best={names[arm]: _difference(arms, one, arm, best) for arm in known if arm != best},
        propensity=dict(zip(names, arms.propensity(one)[0].tolist(), strict=True)),
        overlap=arms.overlap,
        unjudged=tuple(name for arm, name in enumerate(names) if not judged[arm]),
        best=names[best],
        left=tuple(name for name, still in zip(names, left, strict=True) if still),
        recommended=None if chosen < 0 else names[chosen],
        why=None if chosen >= 0 else _why(arms, one, best),
    )


def _difference(arms: Arms, columns: Float[np.ndarray, "one column"], one: int, other: int) -> Difference:
    value, low, high = (float(end[0]) for end in arms.difference(columns, one, other))
    return Difference(value=value, low=low, high=high)


def _why(arms: Arms, columns: Float[np.ndarray, "one column"], best: int) -> str:
    """Why there is no recommendation; unjudged arms are the first reason, as no more patients could settle the rest."""
    judged, left = arms.judged(columns)[0], arms.left(columns)[0]
    few = [name for name, known in zip(arms.arms, judged, strict=True) if not known]
    if few:
        return f"Fewer than {100 * arms.overlap:g} % of patients like this one got {_listed(few)}"
    near = [name for arm, name in enumerate(arms.arms) if left[arm] and arm != best]
    return (
        f"The data do not tell {arms.arms[best]} from {_listed(near)}: "
        f"the {100 * (1 - arms.alpha):g} % interval of the difference holds zero"
    )


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names)


def patient_dose(dose: Dose, columns: Float[np.ndarray, " column"]) -> PatientDose:
    """The dose of one patient."""
    middle, low, high = (float(number) for number in columns)
    return PatientDose(
        drug=dose.drug, unit=dose.unit, dose=middle, low=low, high=high, alpha=dose.alpha, tolerance=dose.tolerance
    )
