"""``report.html``: one file without scripts, drawn from the evidence alone; no number in it is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bedside.validation import figures, plots, report_model, wording
from bedside.validation.shown import shown_as
from bedside.validation.wording import Document, limits_set, outcome_of

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_FOREST_ROWS = 30


def _measure_rows(evidence: Document) -> list[dict[str, Any]]:
    shown = shown_as(evidence)
    floor, reference = evidence["floor"], evidence["reference"]
    rows = []
    for name, estimate in evidence["measures"].items():
        if shown.hidden(evidence, name):
            continue
        rows.append(
            {
                "name": name,
                "label": shown.label(evidence, name),
                "value": wording.value_of(estimate),
                "interval": wording.interval(estimate),
                "floor": wording.value_of(floor.get(name)),
                "reference": wording.with_interval(reference.get(name)),
                "as_if": wording.with_interval(evidence["abstentions"]["as_if_answered"].get(name)),
                "meaning": shown.meaning(evidence, name, estimate),
                "part": shown.below(name),
            }
        )
    return rows


def _headline(evidence: Document) -> list[dict[str, str]]:
    shown, measures = shown_as(evidence), evidence["measures"]
    return [
        {
            "label": shown.label(evidence, name),
            "value": wording.value_of(measures[name]),
            "interval": wording.interval(measures[name]),
        }
        for name in measures
        if name in shown.headline(evidence)
    ]


def _roc(evidence: Document) -> list[dict[str, Any]]:
    curves = evidence["curves"]["roc"]

    def draw(name: str, curve: Any) -> dict[str, Any]:
        title = figures.titled("ROC curve", name, curves)
        rows = [
            [wording.plain(x), wording.number(y)]
            for x, y in zip(curve["false_positive_rate"], curve["sensitivity"], strict=True)
        ]
        return figures.figure(plots.roc(curve, title), title, ["false-positive rate", "sensitivity"], rows)

    return figures.each(curves, draw)


def _forest(evidence: Document) -> list[dict[str, Any]]:
    drawn = []
    for name, axis, ideal in shown_as(evidence).forest:
        everybody = evidence["measures"].get(name)
        rows = [("everybody", everybody)]
        rows += [(one["group"], one["measures"][name]) for one in evidence["subgroups"] if name in one["measures"]]
        known = [(group, one) for group, one in rows if one is not None and one["value"] is not None]
        if everybody is None or everybody["low"] is None or len(known) < 2 or len(known) > MOST_FOREST_ROWS:
            continue
        title = f"{axis[0].upper()}{axis[1:]} by group"
        table = [[group, wording.value_of(one), wording.interval(one)] for group, one in known]
        drawn.append(
            figures.figure(plots.forest(known, title, axis, ideal), title, ["group", axis, "95 % interval"], table)
        )
    return drawn


def _subgroup_table(evidence: Document) -> dict[str, Any]:
    shown = shown_as(evidence)
    wanted = [name for name in shown.groups if name in evidence["measures"]]
    rows = []
    for one in evidence["subgroups"]:
        if one["suppressed"]:
            rows.append({"group": one["group"], "suppressed": True, "n": "", "cells": []})
            continue
        n = str(one["n"]) if one["n_events"] is None else f"{one['n']} ({one['n_events']})"
        cells = [figures.stacked(one["measures"].get(name), 2) for name in wanted]
        rows.append({"group": one["group"], "suppressed": False, "n": n, "cells": cells})
    size = "patients" if outcome_of(evidence) is None else "patients (with the outcome)"
    return {"head": [size, *(shown.label(evidence, name) for name in wanted)], "rows": rows}


def _subgroup_curves(evidence: Document) -> list[dict[str, Any]]:
    """The curves of each group that is not withheld."""
    shown, found = shown_as(evidence), []
    for one in evidence["subgroups"]:
        if one["curves"] is not None:
            own = {**evidence, "curves": one["curves"]}
            drawn = [
                *figures.calibration(own),
                *figures.decision(own, shown.floor),
                *figures.risk(own, shown.kinds),
            ]
            found += [{"group": one["group"], "figures": drawn}] if drawn else []
    return found


def _threshold_rows(evidence: Document) -> list[dict[str, Any]]:
    several = len({row["outcome"] for row in evidence["thresholds"]}) > 1
    return [
        {
            "declared": row["declared"],
            "threshold": wording.plain(row["threshold"]),
            "outcome": row["outcome"] if several else "",
            "counts": [row[cell] for cell in ("true_positive", "false_positive", "false_negative", "true_negative")],
            "shares": [
                *(figures.stacked(row[name], 2) for name in ("sensitivity", "specificity", "ppv", "npv")),
                figures.stacked(row["net_benefit"], 3),
            ],
            "per_100": {name: wording.plain(value) for name, value in row["per_100"].items()},
            "title": row["outcome"],
        }
        for row in evidence["thresholds"]
    ]


def _missing_rows(evidence: Document) -> list[dict[str, str]]:
    return [
        {
            "label": row["label"],
            "unknown": "no such column" if row["absent"] else f"{row['unknown']} ({wording.percent(row['share'])})",
            "implausible": str(row["implausible"]),
            "unreadable": str(row["unreadable"]),
            "any": row["unknown"] > 0 or row["absent"],
        }
        for row in sorted(evidence["data"]["missingness"], key=lambda row: -row["unknown"])
    ]


def _gate_rows(evidence: Document) -> list[dict[str, Any]]:
    ends = {"low": "lower end of the interval", "high": "upper end of the interval", None: "value"}
    return [
        {
            "name": gate["name"],
            "limit": gate["limit"],
            "judged": ends[gate["bound"]],
            "value": wording.number(gate["value"], 4),
            "passed": gate["passed"],
            "text": gate["text"],
        }
        for gate in evidence["gates"]
    ]


def _facts(value: Any, most: int = 80) -> list[tuple[str, str]]:
    """Plain entries of a nested document, names joined by dots, for reading; curves and long lists are left out."""
    found: list[tuple[str, str]] = []

    def walk(prefix: str, one: Any) -> None:
        if isinstance(one, Mapping):
            for key, inner in one.items():
                walk(f"{prefix}.{key}" if prefix else str(key), inner)
        elif isinstance(one, list | tuple):
            if one and len(one) <= 12 and all(isinstance(item, str | int | float) for item in one):
                found.append((prefix, ", ".join(_text(item) for item in one)))
        elif one is not None:
            found.append((prefix, _text(one)))

    walk("", value)
    return found[:most]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:.4g}".replace("-", wording.MINUS) if isinstance(value, float) else str(value)
    return str(value)


def _case_mix_rows(evidence: Document) -> list[dict[str, str]]:
    rows = []
    for row in evidence["case_mix"]:
        shares, before = row["shares"], row["reference_shares"]
        few = "1 to 9 patients"
        here = ", ".join(f"{name} {few if one is None else wording.percent(one, 0)}" for name, one in shares.items())
        there = ", ".join(f"{name} {wording.percent(one, 0)}" for name, one in before.items())
        unit = f" {row['unit']}" if row["unit"] else ""
        rows.append(
            {
                "label": row["label"],
                "here": here or f"{wording.number(row['mean'])}{unit}",
                "there": there or f"{wording.number(row['reference_mean'])}{unit}",
                "difference": wording.number(row["difference"], 2),
                "unknown": wording.percent(row["unknown"]),
                "unknown_there": wording.percent(row["reference_unknown"])
                if row["reference_unknown"] is not None
                else "–",
            }
        )
    return rows


TITLES = {
    "held-out": "Validation on held-out patients",
    "external": "External validation",
    "predictions": "Validation of a file of predictions",
}


def _verdict(evidence: Document) -> dict[str, str]:
    if not evidence["gates"] and evidence["kind"] != "held-out":
        return {
            "kind": "measured",
            "sign": "•",
            "word": "Measured, not judged",
            "text": "No acceptance limits were given.",
        }
    if evidence["verdict"] == "accepted":
        return {"kind": "accepted", "sign": "✓", "word": "Accepted", "text": evidence["verdict_text"]}
    return {"kind": "refused", "sign": "✗", "word": "Not accepted", "text": evidence["verdict_text"]}


def _conformal(evidence: Document) -> dict[str, Any] | None:
    found = evidence["conformal"]
    if found is None:
        return None
    return {
        "promise": wording.percent(1 - found["alpha"], 0),
        "coverage": wording.with_interval(found["coverage"]),
        "by_class": [(name, wording.with_interval(one)) for name, one in found["by_class"].items()],
        "sizes": [(size, str(count)) for size, count in found["sizes"].items() if size != "0" or count],
        "mean_size": wording.number(found["mean_size"], 2),
    }


def _abstentions(evidence: Document) -> dict[str, Any]:
    found = evidence["abstentions"]
    return {
        "n": found["n"],
        "share": wording.with_interval(found["share"]),
        "reasons": [(wording.REASONS.get(code, code), str(count)) for code, count in found["reasons"].items()],
        "answered": wording.with_interval(found["outcome_answered"]) if found["outcome_answered"] else None,
        "abstained": wording.with_interval(found["outcome_abstained"]) if found["outcome_abstained"] else None,
    }


def report_view(evidence: Document) -> dict[str, Any]:
    """Everything that the template shows, already in words and rounded."""
    shown, measures = shown_as(evidence), _measure_rows(evidence)
    outputs = evidence["release"]
    development = evidence["development"]
    # Learning curve and sample size are read on their own, what is usual stands beside each patient; the rest is facts.
    apart = ("learning_curve", "findings", "sample_size", "usual")
    rest = {key: value for key, value in development.items() if key not in apart}
    return {
        "title": TITLES[evidence["kind"]],
        "e": evidence,
        "source": evidence["data"]["source"][:1].upper() + evidence["data"]["source"][1:],
        "release": outputs,
        "verdict": _verdict(evidence),
        "outcome": outcome_of(evidence),
        "class_counts": list(evidence["data"]["class_counts"].items()),
        "missing": _missing_rows(evidence),
        "origin": report_model.origin(evidence),
        "predictors": report_model.predictors(evidence),
        "measures": measures,
        "headline": _headline(evidence),
        "has_floor": bool(evidence["floor"]),
        "has_reference": bool(evidence["reference"]),
        "floor_difference": wording.with_interval(evidence["floor_difference"].get("auroc")),
        "gates": _gate_rows(evidence),
        "limits_set": limits_set(evidence),
        "roc": _roc(evidence),
        "calibration": figures.calibration(evidence),
        "decision": figures.decision(evidence, shown.floor),
        "risk": figures.risk(evidence, shown.kinds),
        "thresholds": _threshold_rows(evidence),
        "forest": _forest(evidence),
        "subgroup_curves": _subgroup_curves(evidence),
        "subgroups": _subgroup_table(evidence),
        "conformal": _conformal(evidence),
        "abstentions": _abstentions(evidence),
        "targets": report_model.targets(evidence),
        "network": report_model.network(evidence),
        "learning": report_model.learning(evidence),
        "last_step": report_model.last_step(evidence),
        "sample_size": report_model.sample_size(evidence),
        "development": _facts(rest),
        "case_mix": _case_mix_rows(evidence),
        "recalibration": list(((evidence["recalibration"] or {}).get("text") or {}).items()),
        "threshold_text": _threshold_text(outputs["threshold"]),
        "shown": shown,
        **shown.beside(evidence),
    }


def _threshold_text(threshold: Any) -> str:
    if threshold is None:
        return "none declared"
    if isinstance(threshold, Mapping):
        return ", ".join(f"{name} {wording.plain(value)}" for name, value in threshold.items())
    return wording.plain(threshold)


def render_report(evidence: Document) -> str:
    """The report as one HTML file: no script, no address outside it, the same bytes for the same evidence.

    Parameters
    ----------
    evidence: content of ``evidence.json`` (or `as_dict` of an `Evidence`).

    Raises
    ------
    MissingExtra: matplotlib is not installed.
    """
    return pages().get_template(shown_as(evidence).template).render(report_view(evidence))


def pages() -> Environment:
    """The templates of reports: everything put into one is escaped, an unknown name is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("bedside.validation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
