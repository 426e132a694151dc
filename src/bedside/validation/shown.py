"""How the report shows each kind of evidence: the names, the words and the template, by the set of measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bedside.validation import report_prognosis, wording
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
    kinds: what the risk distribution tells apart.
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
        beside=report_prognosis.beside,
    ),
}  # fmt: skip


def shown_as(evidence: Document) -> Shown:
    """How this evidence is shown."""
    return SHOWN[evidence["release"].get("measures", "diagnosis")]
