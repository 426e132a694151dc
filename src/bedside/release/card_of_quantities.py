"""What a model card says where the answer is a quantity: what is expected under each treatment, or a dose."""

from __future__ import annotations

from bedside.release.arms import Arms
from bedside.release.dose import Dose


def answers_with_arms(arms: Arms) -> str:
    """What is compared, in one line."""
    what = {
        "probability": f"the probability of: {arms.outcome}",
        "mean": f"the expected {arms.outcome} ({arms.unit})",
        "restricted-mean": f"the expected time without {arms.outcome}, up to {arms.until or 0:g} {arms.unit}",
    }
    others = ", ".join(arms.arms[1:])
    return f"{what[arms.kind]}, under {arms.arms[0]} (control) and under {others}; {arms.better} is better"


def limits_of_arms(arms: Arms) -> list[str]:
    """What the data can carry, and when there is no recommendation."""
    carries = (
        "- From a randomised trial: chance decided who got which treatment."
        if arms.randomised
        else "- Observational: assumes that nothing unmeasured drives both the treatment and the outcome."
    )
    return [
        carries,
        f"- It recommends a treatment only where the {1 - arms.alpha:.0%} interval of its difference to each other one "
        f"excludes zero, and at least {100 * arms.overlap:g} % of patients like this one got each of them. Of a "
        "treatment that fewer got it tells no number.",
        "- Intervals of differences are about the mean of such patients, not about what will happen to one of them.",
    ]


def answers_with_dose(dose: Dose) -> str:
    """What is given, in one line."""
    return f"the therapeutic dose of {dose.drug} in {dose.unit}, with an interval"


def limits_of_dose(dose: Dose) -> list[str]:
    """What the interval says, and where doses end."""
    return [
        f"- Intervals miss the therapeutic dose of {dose.alpha:.0%} of patients, as long as patients are like those "
        "that they were calibrated on.",
        f"- No dose lies beyond {dose.lowest:g} to {dose.highest:g} {dose.unit}, those of the development patients.",
    ]
