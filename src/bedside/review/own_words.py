"""A clinician's own estimate: what is asked for, and what was typed; a probability, a treatment, or a dose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from bedside.release import Outputs
from bedside.review.course_words import estimate_words
from bedside.review.quantities import rate_text
from bedside.review.words import Translate
from bedside.serving.documents import AnswerReply, OwnEstimateRequest


def fields(shown: AnswerReply, outputs: Outputs | None, t: Translate) -> list[tuple[str, str]]:
    """Numbers to fill in: by its name each with its label."""
    if outputs is not None and outputs.dose is not None:
        dose = outputs.dose
        return [("dose", t("Dose of {drug}, in {unit}", drug=dose.drug, unit=rate_text(dose.unit, t)))]
    if outputs is not None and outputs.arms is None and (outputs.course is not None or shown.positive is None):
        named = [(name, estimate_words(name, outputs.course, t)) for name in outputs.estimates]
    elif shown.positive is None or (outputs is not None and outputs.arms is not None):
        return []
    else:
        named = [(shown.positive, shown.positive)]
    return [(name, t("Probability of {name}, in percent", name=words)) for name, words in named]


def requested(
    form: Mapping[str, str], stored: Mapping[str, Any], t: Translate
) -> tuple[OwnEstimateRequest | None, str]:
    """What was typed as a request, or what is wrong with it; `stored` is the answer that it is about."""
    if form.get("unable"):
        return OwnEstimateRequest(estimate=None), ""
    if stored.get("arms") is not None:
        choice = form.get("choice", "")
        if not choice:
            return None, t("Choose a treatment, or say that you cannot.")
        return OwnEstimateRequest(estimate=None, choice=choice), ""
    whole = 1.0 if stored.get("dose") is not None else 100.0
    typed = {name.removeprefix("own."): text.strip() for name, text in form.items() if name.startswith("own.")}
    typed = {name: text for name, text in typed.items() if text}
    if not typed:
        empty = t("Give your estimate in percent, or say that you cannot.")
        return None, empty if whole > 1 else t("Give a dose, or say that you cannot.")
    try:
        numbers = {name: float(text.replace(",", ".").rstrip(" %")) / whole for name, text in typed.items()}
        if whole > 1 and max(numbers.values()) > 1:
            raise ValueError("more than all")
        return msgspec.convert({"estimate": numbers}, OwnEstimateRequest), ""
    except (ValueError, msgspec.ValidationError):
        wrong = t("An estimate is a number from 0 to 100.")
        return None, wrong if whole > 1 else t("A dose is a number that is not below 0.")
