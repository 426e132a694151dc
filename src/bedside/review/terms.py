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


def reason(code: str, t: Translate) -> str:
    """A quick reason of a review."""
    return {
        "fits-the-patient": t("It fits the patient as I see them"),
        "other-findings": t("Other findings weigh more (imaging, histology, course)"),
        "history-unknown-to-model": t("History or treatment that the model does not know"),
        "values-wrong": t("Values are wrong or out of date"),
        "not-this-population": t("The patient is not of the population it was made for"),
        "too-uncertain": t("Too uncertain to act on"),
        "wrong-patient": t("Wrong patient"),
        "duplicate": t("Entered twice"),
    }.get(code, code)


def mode(name: str, t: Translate) -> str:
    """What a loaded version may do."""
    return {
        "live": t("answers"),
        "silent": t("runs silently"),
        "loaded": t("loaded, does not answer"),
        "withdrawn": t("withdrawn"),
    }.get(name, name)


def outcome(name: str, t: Translate) -> str:
    """The verdict of a validation."""
    return {"accepted": t("accepted"), "refused": t("refused")}.get(name, name)


def action(name: str, t: Translate) -> str:
    """What guidance says to do."""
    return {
        "avoid": t("avoid"),
        "alternative": t("consider an alternative"),
        "reduce": t("reduce"),
        "increase": t("increase"),
        "monitor": t("monitor"),
        "not callable": t("cannot be told"),
        "as usual": t("as usual"),
    }.get(name, name)


def measure(name: str, t: Translate) -> str:
    """A measure of the evidence."""
    return {
        "auroc": t("AUROC"),
        "average_precision": t("Average precision"),
        "brier": t("Brier score"),
        "calibration_slope": t("Calibration slope"),
        "calibration_intercept": t("Calibration intercept"),
        "observed_over_expected": t("Observed over expected"),
        "ici": t("Integrated calibration index"),
        "net_benefit": t("Net benefit"),
        "c_ipcw": t("C index (censoring weighted)"),
        "c_harrell": t("C index (Harrell)"),
        "auc_t": t("AUROC at the decision's horizon"),
        "ibs": t("Integrated Brier score"),
        "band_coverage": t("Band: share of times within it"),
        "policy_gain": t("Gain of the recommendations over the best single treatment"),
        "policy_value": t("Outcome expected under the recommendations"),
        "autoc": t("Area under the curve of targeting (AUTOC)"),
        "qini": t("Qini coefficient"),
        "effect_slope": t("Slope of effects that came true"),
        "recommended": t("Share with a recommendation"),
        "overlap": t("Share of whom every treatment is judged"),
        "effective_sample_size": t("Effective sample size"),
        "mae": t("Mean absolute error of the dose"),
        "within_tolerance": t("Share of doses within the tolerance"),
        "bias": t("Mean error of the dose"),
        "r2": t("Share of the variance explained"),
        "interval_coverage": t("Share of therapeutic doses within the interval"),
    }.get(name, name)


def _entries(t: Translate) -> dict[str, str]:
    return {
        "answer": t("answer given"),
        "review": t("answer reviewed"),
        "withdrawal": t("answer withdrawn"),
        "superseded": t("answer superseded"),
        "own-estimate": t("own estimate given"),
        "patient": t("identity entered or corrected"),
        "identity-read": t("identity read"),
        "patient-search": t("patient searched for, not found"),
        "patient-erased": t("patient erased"),
        "approval": t("release approved"),
        "deployed": t("release deployed"),
        "rolled-back": t("release rolled back"),
        "taken-over": t("deployment taken over"),
        "deployment-refused": t("deployment refused"),
        "suspended": t("release suspended"),
        "reinstatement": t("reinstatement"),
        "silent-answer": t("silent answer"),
        "outcome": t("outcome linked"),
        "silent-report": t("silent report made"),
        "oip-use": t("inferences by a service"),
        "user-added": t("user added"),
        "user-activated": t("user activated"),
        "user-deactivated": t("user deactivated"),
        "role-changed": t("role changed"),
        "name-changed": t("name changed"),
        "user-linked": t("linked to the log-in provider"),
        "secret-renewed": t("password renewed"),
        "key-made": t("key made"),
        "key-revoked": t("key revoked"),
        "password-changed": t("password changed"),
        "unlocked": t("account unlocked"),
        "sessions-ended": t("logged out everywhere"),
        "log-in": t("log-in"),
        "log-in-failed": t("log-in failed"),
        "locked-out": t("account locked"),
        "checkpoint": t("checkpoint signed"),
        "backup": t("backup made"),
        "export": t("ledger exported"),
        "restored": t("ledger restored"),
    }


KINDS = tuple(_entries(lambda text: text))
"""Kinds of the ledger's entries, in the order in which a list to choose from shows them."""


def entry(name: str, t: Translate) -> str:
    """A kind of entry."""
    return _entries(t).get(name, name)


def fact(name: str, t: Translate) -> str:
    """What an entry's body calls a thing."""
    return {
        "name": t("name"),
        "version": t("version"),
        "mode": t("mode"),
        "role": t("role"),
        "before": t("before"),
        "full_name": t("full name"),
        "by_name": t("by"),
        "reason": t("reason"),
        "requests": t("requests"),
        "rows": t("patients"),
    }.get(name, name)
