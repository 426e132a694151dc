"""``silent.html``: one file without scripts, drawn from ``silent.json`` alone; no number in it is computed here."""

from __future__ import annotations

from typing import Any

from bedside.validation import report_prognosis, wording
from bedside.validation.report import pages
from bedside.validation.shown import SHOWN
from bedside.validation.wording import Document

WITHHELD = "withheld"


def _measures(evidence: Document, figures: Document | None) -> dict[str, str]:
    """Each measure that stands in a table, with its label."""
    if figures is None:
        return {}
    course = evidence.get("course")
    shown = SHOWN["diagnosis" if course is None else "prognosis"]
    document = {"release": {"course": course}, "measures": figures["measures"]}
    return {name: shown.label(document, name) for name in figures["measures"] if not shown.hidden(document, name)}


def _alone(evidence: Document) -> list[tuple[str, str, str]]:
    """Name, value and interval of each measure."""
    labels, found = _measures(evidence, evidence["own"]), (evidence["own"] or {}).get("measures", {})
    return [(label, wording.value_of(found[name]), wording.interval(found[name])) for name, label in labels.items()]


def _side_by_side(evidence: Document, compared: Document) -> list[tuple[str, ...]]:
    labels = _measures(evidence, compared["silent"])
    if not labels:
        return []
    places = (compared["silent"]["measures"], compared["live"]["measures"], compared["difference"])
    return [(label, *(wording.with_interval(one.get(name)) for one in places)) for name, label in labels.items()]


def _decisions(compared: Document) -> list[tuple[str, str, str]]:
    """Group, number, and how many or which share of them had the outcome."""

    def events(one: Document) -> str:
        if one.get("share") is None:
            return str(one["n_events"])
        if not one["n"]:
            return "\N{EN DASH}" if one["n"] == 0 else WITHHELD
        return wording.with_interval(one["share"], 2)

    return [
        (one["group"], WITHHELD if one["n"] is None else str(one["n"]), events(one)) for one in compared["decisions"]
    ]


def _over_time(evidence: Document) -> dict[str, Any] | None:
    """What only the report on a prognosis shows."""
    course = evidence.get("course")
    if course is None:
        return None
    own = evidence["own"]
    kept = {"data": {"follow_up": own["follow_up"], "class_counts": evidence["classes"]}} if own else None
    return {
        "decision": f"{course['decision']:g} {course['unit']}",
        "follow_up": report_prognosis.follow_up(kept) if kept else None,
    }


def silent_view(evidence: Document) -> dict[str, Any]:
    """Everything that the template shows, already in words and rounded."""
    compared, over_time = evidence["compared"], _over_time(evidence)
    return {
        "e": evidence,
        "title": "Silent report" if evidence["silently"] else "Report of answers in use",
        "own": _alone(evidence),
        "outcome": evidence["positive"] or "an outcome that has a threshold",
        "over_time": over_time,
        "compared": compared,
        "rows": _side_by_side(evidence, compared) if compared else [],
        "decisions": _decisions(compared) if compared else [],
        "live": ", ".join(compared["live_versions"]) if compared else "",
    }


def render_silent_report(evidence: Document) -> str:
    """The report as one HTML file: no script, no address outside it, the same bytes for the same figures.

    Parameters
    ----------
    evidence: content of ``silent.json``.
    """
    return pages().get_template("silent.html").render(silent_view(evidence))
