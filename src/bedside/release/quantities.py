"""What must hold of a manifest whose graph gives quantities with a unit: outcomes under each treatment, or a dose."""

from __future__ import annotations

from bedside.release.arms import Arms
from bedside.release.dose import Dose
from bedside.release.manifest import Manifest


def wrong_quantities(manifest: Manifest) -> dict[str, bool]:
    """What serving relies on and types cannot say, each with whether it is wrong."""
    outputs = manifest.outputs
    return {
        "outputs: more than one of course, arms and dose": sum(
            one is not None for one in (outputs.course, outputs.arms, outputs.dose)
        )
        > 1,
        "threshold: none is possible for a treatment or a dose": manifest.threshold is not None,
        "conformal: there are no sets of a treatment or a dose": manifest.conformal is not None,
        **({} if outputs.arms is None else _wrong_arms(outputs.arms)),
        **({} if outputs.dose is None else _wrong_dose(outputs.dose)),
    }


def _wrong_arms(arms: Arms) -> dict[str, bool]:
    count = len(arms.arms)
    positions = set(arms.codes.values())
    return {
        "outputs: fewer than two arms, or one of them twice": count < 2 or len(set(arms.arms)) != count,
        "outputs: the codes of the arms name one that is not there": not positions <= set(range(count)),
        "outputs: `single` is no position of an arm": not 0 <= arms.single < count,
        "outputs: `alpha` of the arms must lie between 0 and 1": not 0.0 < arms.alpha < 1.0,
        "outputs: `overlap` must be at least 0 and below 1 by the number of arms": not 0.0
        <= arms.overlap * count
        < 1.0,
        "outputs: `scale` of the outcome must be above 0": not arms.scale > 0.0,
        "outputs: a probability has no unit, and all else has one": (arms.unit is None) != (arms.kind == "probability"),
        "outputs: a restricted mean has a time up to which it counts, and nothing else has": (
            (arms.until is not None) != (arms.kind == "restricted-mean")
        ),
    }


def _wrong_dose(dose: Dose) -> dict[str, bool]:
    return {
        "outputs: `alpha` of the dose must lie between 0 and 1": not 0.0 < dose.alpha < 1.0,
        "outputs: `tolerance` of the dose must lie between 0 and 1": not 0.0 < dose.tolerance < 1.0,
        "outputs: `scale` of the dose must be above 0": not dose.scale > 0.0,
        "outputs: `lowest` must be at least 0 and below `highest`": not 0.0 <= dose.lowest < dose.highest,
    }
