"""What the rule of a release about treatments was worth at the validation site: words of the signed evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bedside.answering import PatientArms
from bedside.review.figures import points, unit_text
from bedside.review.quantities import digit, number
from bedside.review.words import Translate


def rule_words(arms: PatientArms, evidence: Mapping[str, Any], t: Translate) -> list[str]:
    """What following the recommendations was worth for all patients there; nothing where the evidence does not say."""
    gain = (evidence.get("measures") or {}).get("policy_gain") or {}
    low, high, value = gain.get("low"), gain.get("high"), gain.get("value")
    if value is None or low is None or high is None:
        return []
    figure, unit = _told(arms, low, high, t)
    return [
        t(
            "Giving each held-out patient what this release recommends, and one treatment for all where it recommends "
            "none, was better than the best single treatment for all by {gain} {unit} on average (95 % interval {low} "
            "to {high}; above 0 is better). That is about all of them, not about patients like this one.",
            gain=figure(value),
            unit=unit,
            low=figure(low),
            high=figure(high),
        )
    ]


def effect_words(arms: PatientArms, evidence: Mapping[str, Any], t: Translate) -> list[str]:
    """What was found for held-out patients of whom a gain like this one was foretold; nothing where none are near.

    The evidence has groups of patients by what was foretold. The nearest one speaks, unless this patient lies farther
    out than the outermost groups lie apart, or what was foretold of the group lies beyond this patient's own interval.
    """
    arm = arms.best if arms.best != arms.control else next(iter(arms.differences))
    if arm not in arms.differences:
        return []
    sign, own = 1.0 if arms.better == "higher" else -1.0, arms.differences[arm]
    curves = ((evidence.get("curves") or {}).get("effects") or {}).get(f"{arm} against {arms.control}") or {}
    found = _nearest(curves.get("groups") or (), sign * own.value)
    if found is None or not own.low <= sign * found["predicted"] <= own.high:
        return []
    if None in (low := found["found"]["low"], high := found["found"]["high"]):
        return []
    figure, unit = _told(arms, low, high, t)
    return [
        t(
            "Of {n} held-out patients for whom {arm} was foretold to be better than {control} by about {foretold} "
            "{unit}, as here, it was better by {found} (95 % interval {low} to {high}).",
            n=found["n"],
            arm=arm,
            control=arms.control,
            foretold=figure(found["predicted"]),
            unit=unit,
            found=figure(found["found"]["value"]),
            low=figure(low),
            high=figure(high),
        )
    ]


def _told(arms: PatientArms, low: float, high: float, t: Translate) -> tuple[Callable[[float], str], str]:
    """How a gain is written, no finer than its interval allows, and its unit."""
    if arms.kind == "probability":
        return points, t("percentage points")
    step = digit((high - low) / 2)
    return lambda gain: number(gain, step, signed=True), unit_text(arms.unit, t)


def _nearest(groups: Sequence[Mapping[str, Any]], gain: float) -> Mapping[str, Any] | None:
    if len(groups) < 2:
        return None
    ordered = sorted(groups, key=lambda one: one["predicted"])
    places = [one["predicted"] for one in ordered]
    if gain < places[0] - (places[1] - places[0]) or gain > places[-1] + (places[-1] - places[-2]):
        return None
    return min(ordered, key=lambda one: abs(one["predicted"] - gain))
