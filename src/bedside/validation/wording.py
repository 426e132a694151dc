"""Numbers and measures as a physician reads them: rounded for the eye, each with a plain sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

UNDEFINED = "not defined"
MINUS = "\N{MINUS SIGN}"
Document = Mapping[str, Any]

LABELS = {
    "auroc": "AUROC (c-statistic)",
    "average_precision": "Average precision",
    "brier": "Brier score",
    "log_loss": "Log-loss",
    "accuracy": "Accuracy",
    "calibration_intercept": "Calibration intercept",
    "calibration_slope": "Calibration slope",
    "ici": "Integrated calibration index",
    "net_benefit": "Net benefit",
    "net_benefit_gain:treat-all": "Net benefit above treating everybody",
    "net_benefit_gain:treat-none": "Net benefit above treating nobody",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "Positive predictive value",
    "npv": "Negative predictive value",
    "conformal_coverage": "Coverage of the prediction sets",
    "abstained": "Share without an estimate",
}
REASONS = {
    "unlike-training": "unlike the training population",
    "too-much-missing": "too much missing",
    "stale-value": "a value too old",
    "expired": "the release has expired",
    "not-a-number": "text where a number belongs",
    "unknown-category": "an undeclared category",
}
PACKED = {
    "residual": "a linear term with a residual network",
    "plain": "a plain network",
    "adopted": "a model trained elsewhere",
}


def number(value: float | None, digits: int = 3) -> str:
    """``0.923``, ``−0.040``; fewer digits from 100 on; ``not defined`` for None."""
    if value is None:
        return UNDEFINED
    digits = digits if abs(value) < 100 else 0
    text = f"{abs(value):.{digits}f}"
    return text if value >= 0 or float(text) == 0 else f"{MINUS}{text}"


def plain(value: float | None) -> str:
    """A declared number as it was declared: ``0.2``, ``1.25``."""
    return UNDEFINED if value is None else f"{value:.6g}".replace("-", MINUS)


def percent(value: float | None, digits: int = 1) -> str:
    """``12.3 %``."""
    return UNDEFINED if value is None else f"{100 * value:.{digits}f} %"


def size(value: int | None) -> str:
    """Bytes for the eye: ``15 kB``, ``3.2 MB``; a dash where nobody measured."""
    if value is None:
        return "\N{EN DASH}"
    return f"{value / 1e3:.0f} kB" if value < 1e6 else f"{value / 1e6:.1f} MB"


def change(value: float) -> str:
    """How far a risk moved: ``0.0003``, ``below 0.0001``."""
    return "below 0.0001" if 0 < value < 1e-4 else f"{value:.4f}"


def seconds(value: float | None) -> str:
    """A short time: ``17 \N{MICRO SIGN}s``, ``2.4 ms``; a dash where nobody measured."""
    if value is None:
        return "\N{EN DASH}"
    return f"{1e6 * value:.0f} \N{MICRO SIGN}s" if value < 1e-3 else f"{1e3 * value:.1f} ms"


def interval(estimate: Document | None, digits: int = 3) -> str:
    """``0.870 to 0.956``, or a dash where no interval is claimed."""
    if estimate is None or estimate["low"] is None or estimate["high"] is None:
        return "\N{EN DASH}"
    return f"{number(estimate['low'], digits)} to {number(estimate['high'], digits)}"


def value_of(estimate: Document | None, digits: int = 3) -> str:
    """The point value; a dash where there is no such measure."""
    return "\N{EN DASH}" if estimate is None else number(estimate["value"], digits)


def with_interval(estimate: Document | None, digits: int = 3) -> str:
    """``0.923 (0.870 to 0.956)``."""
    if estimate is None or estimate["value"] is None or estimate["low"] is None:
        return value_of(estimate, digits)
    return f"{value_of(estimate, digits)} ({interval(estimate, digits)})"


def label(name: str) -> str:
    """A measure's name in words; ``auroc:setosa`` becomes ``AUROC (c-statistic), setosa``."""
    if name in LABELS:
        return LABELS[name]
    known, part = split_name(name)
    return name if part is None else f"{LABELS[known]}, {part}"


def in_100(value: float) -> str:
    """A share as a natural frequency; never a rounded certainty."""
    if 0 < value < 0.005:
        return "fewer than 1 in 100"
    if 0.995 <= value < 1:
        return "more than 99 in 100"
    return f"{100 * value:.0f} in 100"


def side(estimate: Document, ideal: float, below: str, above: str, neither: str) -> str:
    """Which sentence holds of an interval; none without one."""
    low, high = estimate["low"], estimate["high"]
    if low is None or high is None:
        return ""
    if high < ideal:
        return below
    return above if low > ideal else neither


def _calibration(name: str, estimate: Document) -> str:
    if name == "calibration_intercept":
        told = side(
            estimate, 0.0, "Here risks are too high on average.", "Here risks are too low on average.",
            "The interval holds 0: no shift was shown.",
        )  # fmt: skip
        return f"Ideal 0; above 0, risks are too low on average. {told}".strip()
    told = side(
        estimate, 1.0, "Here risks are too extreme.", "Here risks are too close to the average.",
        "The interval holds 1: no need to stretch or shrink was shown.",
    )  # fmt: skip
    return f"Ideal 1; below 1, high risks are too high and low ones too low. {told}".strip()


FOR_ALL_CLASSES = ("brier", "log_loss", "accuracy", "conformal_coverage", "abstained")


def split_name(name: str) -> tuple[str, str | None]:
    """A measure's own name and the class that it is about, None where it is about all or the positive one."""
    for known in sorted(LABELS, key=len, reverse=True):
        if name.startswith(f"{known}:"):
            return known, name[len(known) + 1 :]
    return name, None


def meaning(name: str, estimate: Document, outcome: str | None) -> str:
    """What one measure says, in a sentence or two.

    Parameters
    ----------
    outcome: the positive class; None with more than two classes.
    """
    value = estimate["value"]
    name, part = (name, None) if name in LABELS else split_name(name)
    outcome = part or outcome
    if value is None:
        return "Not defined on these patients."
    if outcome is None and name not in FOR_ALL_CLASSES:
        return "Mean over the classes, each against all others; each stands below."
    having, without = f"with “{outcome}”", f"without “{outcome}”"
    sentences = {
        "auroc": f"Of two patients, one {having} and one {without}, the first gets the higher risk "
        f"in {in_100(value)} pairs.",
        "average_precision": "Precision, averaged over the thresholds at which patients are found; 1 is ideal, and "
        "a model without skill has the share of patients with the outcome.",
        "brier": "Mean squared distance between risk and what happened; 0 is ideal.",
        "log_loss": "Mean surprise at what happened (natural logarithm); 0 is ideal, and wrong certainty costs most.",
        "accuracy": f"The most probable class is the true one in {in_100(value)} patients.",
        "ici": f"Risks are off by {100 * value:.1f} percentage points on average.",
        "net_benefit": f"Acting on the model is worth {100 * value:.1f} rightly treated patients in 100, harms of "
        "needless treatment already taken off.",
        "sensitivity": f"Of patients {having}, {in_100(value)} get an alert.",
        "specificity": f"Of patients {without}, {in_100(value)} get no alert.",
        "ppv": f"Of patients with an alert, {in_100(value)} are {having}.",
        "npv": f"Of patients without an alert, {in_100(value)} are {without}.",
        "conformal_coverage": f"The set of classes holds the true one for {in_100(value)} patients.",
        "abstained": f"The model gave no estimate for {in_100(value)} patients.",
    }
    if name.startswith("net_benefit_gain"):
        told = side(estimate, 0.0, "The model is worse.", "The model is better.", "No difference was shown.")
        return f"Difference in net benefit; above 0 favours the model. {told}".strip()
    if name.startswith("calibration_"):
        return _calibration(name, estimate)
    return sentences.get(name, "")


def limits_set(evidence: Document) -> str:
    """When the limits were set, as far as the record of looks can tell."""
    if evidence["kind"] == "external":
        return "The limits that the release was accepted by, asked again of these patients."
    if evidence["study_changed"]:
        return "Set in the study, which changed after these patients had been looked at before."
    if evidence["looks"] == 1:
        return "Set in the study before its first look at these patients."
    return "Set in the study."


def outcome_of(evidence: Document) -> str | None:
    """The positive class; None with more than two classes."""
    positive: str | None = evidence["release"]["positive"]
    return positive
