"""A dose as words and figures; every number comes from the answer, rounded to steps that are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bedside.answering import PatientDose
from bedside.release import Dose
from bedside.review.figures import share
from bedside.review.quantities import dose_step, down, number, rate_text, up
from bedside.review.words import Translate

ENOUGH = 20
"""Held-out patients who were told about as much, from which it is said what they needed."""


@dataclass(frozen=True)
class DoseView:
    """An answer about a dose.

    Attributes
    ----------
    dose, unit, drug: the figure and what it is of. interval: its ends with the unit.
    sentences: what the interval says, and how the figures are rounded. site: how doses turned out at the validation
        site; empty where the evidence does not say.
    told: between which doses lay what the held-out patients of `needed` were told; needed: of each range of therapeutic
        doses, how many of them turned out to need it. Empty where too few were told such a dose.
    low, middle, high: places from 0 to 100 on a scale that ends at `top`, in the unit.
    """

    drug: str
    dose: str
    unit: str
    interval: str
    sentences: tuple[str, ...]
    site: str
    told: str
    needed: tuple[tuple[str, str], ...]
    low: float
    middle: float
    high: float
    top: str


def dose_view(said: PatientDose, declared: Dose | None, evidence: Mapping[str, Any], t: Translate) -> DoseView | None:
    """The answer of one patient; None where guidance forbids the drug: then no dose is shown."""
    if said.withheld or said.dose is None or said.low is None or said.high is None:
        return None
    step, unit = dose_step(said.dose), rate_text(said.unit, t)
    low, high = down(said.low, step), up(said.high, step)
    top = max(high, declared.highest if declared is not None else 0.0) or 1.0
    ends = t("{low} to {high}", low=number(low, step), high=number(high, step))
    told, needed = _needed(said.dose, evidence, t)
    return DoseView(
        drug=said.drug,
        dose=number(said.dose, step),
        unit=unit,
        interval=f"{ends} {unit}".rstrip(),
        sentences=(
            _holds(said, evidence, t),
            t(
                "Told in steps of {step} {unit}, the interval rounded outwards: more digits would mean nothing.",
                step=number(step, step),
                unit=unit,
            ),
        ),
        site=_site(said, evidence, t),
        told=told,
        needed=needed,
        low=round(100 * low / top, 2),
        middle=round(100 * said.dose / top, 2),
        high=round(100 * high / top, 2),
        top=number(top, step),
    )


def _holds(said: PatientDose, evidence: Mapping[str, Any], t: Translate) -> str:
    """What share of patients the interval is made for, and what it was when it was measured."""
    stated = t(
        "Such intervals hold the therapeutic dose of {share} of patients like those it learned from.",
        share=share(1 - said.alpha, t),
    )
    found = ((evidence.get("measures") or {}).get("interval_coverage") or {}).get("value")
    if found is None:
        return stated
    return f"{stated} {t('Among the held-out patients it was {found}.', found=share(round(found, 3), t))}"


def _needed(dose: float, evidence: Mapping[str, Any], t: Translate) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What patients who were told about as much turned out to need: the signed counts, small ones withheld."""
    curve = (evidence.get("curves") or {}).get("doses") or {}
    step = curve.get("step") or 0.0
    near = [one for one in curve.get("cells") or () if one["predicted"] <= dose < one["predicted"] + step]
    if sum(one["n"] or 0 for one in near) < ENOUGH:
        return "", ()

    def between(low: float) -> str:
        return t("{low} to {high}", low=f"{low:g}", high=f"{low + step:g}")

    ordered = sorted(near, key=lambda one: float(one["observed"]))
    rows = tuple((between(one["observed"]), t("few") if one["n"] is None else f"{one['n']}") for one in ordered)
    return between(near[0]["predicted"]), rows


def _site(said: PatientDose, evidence: Mapping[str, Any], t: Translate) -> str:
    """Of the signed evidence: how often the dose was right."""
    found = ((evidence.get("measures") or {}).get("within_tolerance") or {}).get("value")
    if found is None:
        return ""
    return t(
        "At the validation site the dose was within {tolerance} of the therapeutic one in {count} of 100 patients.",
        tolerance=share(said.tolerance, t),
        count=f"{100 * found:.0f}",
    )
