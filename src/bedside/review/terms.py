"""Fixed terms of the API and the ledger, as readers know them: roles, verdicts, statuses, measures."""

from __future__ import annotations

from bedside.review.words import Translate


def role(name: str, t: Translate) -> str:
    """A user's role."""
    return {
        "clinician": t("clinician"),
        "scientist": t("scientist"),
        "admin": t("administrator"),
        "auditor": t("auditor"),
        "service": t("service"),
    }.get(name, name)


def verdict(name: str, t: Translate) -> str:
    """A physician's verdict on an answer."""
    return {
        "agree": t("agree"),
        "disagree": t("disagree"),
        "unsure": t("unsure"),
        "entered-in-error": t("entered in error"),
    }.get(name, name)


def status(name: str, t: Translate) -> str:
    """Where an answer stands."""
    return {
        "preliminary": t("preliminary"),
        "final": t("final"),
        "amended": t("amended"),
        "expired": t("expired"),
        "superseded": t("superseded"),
        "entered-in-error": t("entered in error"),
    }.get(name, name)


def outcome(name: str, t: Translate) -> str:
    """The verdict of a validation."""
    return {"accepted": t("accepted"), "refused": t("refused")}.get(name, name)


def measure(name: str, t: Translate) -> str:
    """A measure of the evidence."""
    return {
        "auroc": t("AUROC"),
        "average_precision": t("Average precision"),
        "brier": t("Brier score"),
        "calibration_slope": t("Calibration slope"),
        "calibration_intercept": t("Calibration intercept"),
        "ici": t("Integrated calibration index"),
        "net_benefit": t("Net benefit"),
    }.get(name, name)
