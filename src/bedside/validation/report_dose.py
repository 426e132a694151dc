"""What the report says of a dose: its measures in words, and the figures that only it has."""

from __future__ import annotations

from typing import Any

from bedside.validation import figures, plots_of_doses, wording
from bedside.validation.wording import Document, in_100

LABELS = {
    "mae": "Mean absolute error",
    "within_tolerance": "Share within tolerance",
    "bias": "Mean error",
    "r2": "R²",
    "interval_coverage": "Coverage of the intervals",
    "abstained": "Share without an estimate",
}


def label(evidence: Document, name: str) -> str:
    """A measure's name in words."""
    dose, words = evidence["release"]["dose"], LABELS.get(name, name)
    if name in ("mae", "bias"):
        return f"{words} ({dose['unit']})"
    return f"Share within {100 * dose['tolerance']:g} %" if name == "within_tolerance" else words


def meaning(evidence: Document, name: str, estimate: Document) -> str:
    """What one measure says, in a sentence or two."""
    value, dose = estimate["value"], evidence["release"]["dose"]
    if value is None:
        return "Not defined on these patients."
    told = wording.side(
        estimate, 0.0, "Doses are too low on average.", "Doses are too high on average.", "The interval holds 0."
    )
    return {
        "mae": f"On average the dose is off by {value:.3g} {dose['unit']}.",
        "within_tolerance": f"For {in_100(value)} patients the dose is within {100 * dose['tolerance']:g} % of the "
        "therapeutic one.",
        "bias": f"Predicted minus therapeutic dose; 0 is ideal. {told}".strip(),
        "r2": "Share of the spread of doses that is foretold; 1 is ideal, and 0 no better than their mean.",
        "interval_coverage": f"The interval holds the therapeutic dose of {in_100(value)} patients; "
        f"it should hold that of {100 * (1 - dose['alpha']):g} in 100.",
        "abstained": f"The model gave no dose for {in_100(value)} patients.",
    }.get(name, "")  # fmt: skip


def _figures(found: Document) -> list[str]:
    return [wording.with_interval(found.get(name), 2) for name in ("mae", "within_tolerance", "bias")]


def _compared(facts: Document) -> list[dict[str, Any]]:
    return [
        {
            "name": one["name"],
            "n": str(one["n"]),
            "own": _figures(one["measures"]),
            "model": _figures(one["model"]),
            "difference": wording.with_interval(one["difference"].get("mae"), 2),
        }
        for one in facts["compared"]
    ]


def _bands(facts: Document) -> list[dict[str, Any]]:
    """Per band, the model and every other rule."""
    return [
        {
            "band": one["band"],
            "n": None if one["n"] is None else str(one["n"]),
            "rules": []
            if one["n"] is None
            else [
                ("the model", _figures(one["measures"])),
                ("the same dose for everybody", _figures(one["fixed"])),
                *((name, _figures(measures)) for name, measures in one["comparators"].items()),
            ],
        }
        for one in facts["bands"]
    ]


def _cells(evidence: Document) -> list[dict[str, Any]]:
    found = evidence["curves"].get("doses")
    if not found:
        return []
    unit, title, step = evidence["release"]["dose"]["unit"], "Predicted and therapeutic dose", found["step"]

    def cell(low: float) -> str:
        return f"{low:g} to {low + step:g}"

    rows = [
        [cell(one["predicted"]), cell(one["observed"]), "withheld" if one["n"] is None else str(one["n"])]
        for one in found["cells"]
    ]
    svg = plots_of_doses.cells(found, title, unit, evidence["release"]["dose"]["tolerance"])
    return [figures.figure(svg, title, [f"predicted ({unit})", f"therapeutic ({unit})", "patients"], rows)]


def beside(evidence: Document) -> dict[str, Any]:
    """What only the template of a dose shows."""
    facts = evidence.get("dosing")
    return {
        "dose": evidence["release"]["dose"],
        "compared_rules": _compared(facts) if facts else [],
        "bands": _bands(facts) if facts else [],
        "cells": _cells(evidence),
        "mae_apart": wording.with_interval(evidence["floor_difference"].get("mae")),
    }
