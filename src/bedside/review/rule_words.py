"""What the rule of a release about treatments was worth at the validation site: words of the signed evidence."""

from __future__ import annotations

from collections.abc import Mapping
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
    unit = t("percentage points") if arms.kind == "probability" else unit_text(arms.unit, t)
    step = digit((high - low) / 2)

    def figure(one: float) -> str:
        return points(one) if arms.kind == "probability" else number(one, step, signed=True)

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
