"""How the report shows each kind of evidence: the names, the words and the template, by the set of measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bedside.validation import report_dose, report_prognosis, report_treatment, wording
from bedside.validation.registry import MEASURES
from bedside.validation.wording import Document


@dataclass(frozen=True)
class Shown:
    """What differs between the reports of two kinds of question; the rest is one report.

    Attributes
    ----------
    template: file among the templates.
    label: of a measure, in words. meaning: what its estimate says. Both know the evidence.
    hidden: measures that stand under another name too. below: measures that are parts of the one above.
    headline: measures at the top.
    groups: measures of the table of groups. forest: measures drawn by group, with the axis and the ideal.
    floor: the simple model, in words. ranking: the measure of ranking; ranking_label: how a column is headed.
    loss: what the network and its floor were compared by. learning: measures of the learning curve, each with its axis.
    kinds: what the risk distribution tells apart. risks: whether estimates are risks.
    beside: what only this template shows.
    """

    template: str
    label: Callable[[Document, str], str]
    meaning: Callable[[Document, str, Document], str]
    hidden: Callable[[Document, str], bool]
    below: Callable[[str], bool]
    headline: Callable[[Document], tuple[str, ...]]
    groups: tuple[str, ...]
    forest: tuple[tuple[str, str, float | None], ...]
    floor: str
    ranking: str
    ranking_label: str
    loss: str
    learning: tuple[tuple[str, str], ...]
    kinds: str
    risks: bool
    beside: Callable[[Document], dict[str, Any]]


SHOWN: Mapping[str, Shown] = {
    "diagnosis": Shown(
        template="report.html",
        label=lambda _, name: wording.label(name),
        meaning=lambda evidence, name, estimate: wording.meaning(name, estimate, wording.outcome_of(evidence)),
        hidden=lambda *_: False,
        below=lambda name: name not in wording.LABELS,
        headline=lambda evidence: (
            ("auroc", "calibration_slope", "sensitivity", "specificity", "net_benefit")
            if wording.outcome_of(evidence) is not None
            else ("auroc", "accuracy", "brier", "log_loss", "conformal_coverage")
        ),
        groups=(
            "auroc", "calibration_intercept", "calibration_slope", "ici", "brier", "sensitivity", "specificity",
            "net_benefit",
        ),
        forest=(("auroc", "AUROC", None), ("calibration_slope", "calibration slope", 1.0)),
        floor=MEASURES["diagnosis"].floor,
        ranking=MEASURES["diagnosis"].ranking,
        ranking_label="AUROC",
        loss="Log-loss",
        learning=(("auroc", "AUROC"), ("log_loss", "log-loss")),
        kinds="true class",
        risks=True,
        beside=lambda _: {},
    ),
    "prognosis": Shown(
        template="prognosis.html",
        label=report_prognosis.label,
        meaning=report_prognosis.meaning,
        hidden=report_prognosis.hidden,
        below=lambda _: False,
        headline=lambda _: ("c_ipcw", "auc_t", "calibration_slope", "ibs", "net_benefit"),
        groups=("c_ipcw", "auc_t", "brier", "observed_over_expected", "calibration_slope", "ici", "net_benefit"),
        forest=(("auc_t", "AUC", None), ("observed_over_expected", "observed over expected", 1.0)),
        floor=MEASURES["prognosis"].floor,
        ranking=MEASURES["prognosis"].ranking,
        ranking_label="AUC",
        loss="Loss",
        learning=(("c_harrell", "C-index of Harrell"), ("log_loss", "loss")),
        kinds="what is known at the horizon",
        risks=True,
        beside=report_prognosis.beside,
    ),
    "treatment": Shown(
        template="treatment.html",
        label=report_treatment.label,
        meaning=report_treatment.meaning,
        hidden=lambda *_: False,
        below=lambda name: ":" in name,
        headline=report_treatment.headline,
        groups=("policy_gain", "policy_value", "autoc", "recommended"),
        forest=(("policy_gain", "gain over the best single arm", 0.0),),
        floor=MEASURES["treatment"].floor,
        ranking=MEASURES["treatment"].ranking,
        ranking_label="Gain",
        loss="Squared error",
        learning=(),
        kinds="",
        risks=False,
        beside=report_treatment.beside,
    ),
    "dose": Shown(
        template="dose.html",
        label=report_dose.label,
        meaning=report_dose.meaning,
        hidden=lambda *_: False,
        below=lambda _: False,
        headline=lambda _: ("mae", "within_tolerance", "r2", "interval_coverage"),
        groups=("mae", "within_tolerance", "bias", "interval_coverage"),
        forest=(("mae", "mean absolute error", None), ("within_tolerance", "share within tolerance", None)),
        floor=MEASURES["dose"].floor,
        ranking=MEASURES["dose"].ranking,
        ranking_label="Within tolerance",
        loss="Squared error of the root",
        learning=(("mae", "mean absolute error"),),
        kinds="",
        risks=False,
        beside=report_dose.beside,
    ),
}  # fmt: skip


def shown_as(evidence: Document) -> Shown:
    """How this evidence is shown."""
    return SHOWN[evidence["release"].get("measures", "diagnosis")]
