"""``silent.html``: one file without scripts, drawn from ``silent.json`` alone; no number in it is computed here."""

from __future__ import annotations

from typing import Any

from bedside.validation import wording
from bedside.validation.report import pages
from bedside.validation.wording import Document

NAMES = {
    "auroc": "AUROC (c-statistic)",
    "brier": "Brier score",
    "calibration_intercept": "Calibration intercept",
    "calibration_slope": "Calibration slope",
}


def _rows(figures: Document | None) -> list[tuple[str, str, str]]:
    """Name, value and interval of each measure."""
    if figures is None:
        return []
    return [(_label(name), wording.value_of(one), wording.interval(one)) for name, one in figures["measures"].items()]


def _label(name: str) -> str:
    base, _, part = name.partition(":")
    return f"{NAMES.get(base, base)}, {part}" if part else NAMES.get(base, base)


def _side_by_side(compared: Document) -> list[tuple[str, ...]]:
    if compared["silent"] is None:
        return []
    live = compared["live"]["measures"]
    return [
        (
            _label(name),
            wording.with_interval(one),
            wording.with_interval(live.get(name)),
            wording.with_interval(compared["difference"].get(name)),
        )
        for name, one in compared["silent"]["measures"].items()
    ]


def silent_view(evidence: Document) -> dict[str, Any]:
    """Everything that the template shows, already in words and rounded."""
    compared = evidence["compared"]
    return {
        "e": evidence,
        "title": "Silent report" if evidence["silently"] else "Report of answers in use",
        "own": _rows(evidence["own"]),
        "outcome": evidence["positive"] or "an outcome that has a threshold",
        "compared": compared,
        "rows": _side_by_side(compared) if compared else [],
        "live": ", ".join(compared["live_versions"]) if compared else "",
    }


def render_silent_report(evidence: Document) -> str:
    """The report as one HTML file: no script, no address outside it, the same bytes for the same figures.

    Parameters
    ----------
    evidence: content of ``silent.json``.
    """
    return pages().get_template("silent.html").render(silent_view(evidence))
