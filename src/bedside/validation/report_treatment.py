"""What the report says of a choice between treatments: its measures in words, and the figures that only it has."""

from __future__ import annotations

from typing import Any

from bedside.validation import figures, plots_of_effects, wording
from bedside.validation.treatment import BEST, PRACTICE
from bedside.validation.wording import Document, in_100, number

LABELS = {
    "policy_gain": "Gain over the best single arm",
    "policy_value": "Value of the rule",
    "autoc": "AUTOC",
    "qini": "Qini coefficient",
    "effect_slope": "Calibration slope of the effects",
    "effect_calibration": "Calibration error of the effects",
    "e_value": "E-value",
    "recommended": "Share with a recommendation",
    "overlap": "Share for whom every arm is judged",
    "effective_sample_size": "Effective sample size",
    "balance": "Largest imbalance after weighting",
    "abstained": "Share without an estimate",
}
PARTS = {
    "policy_gain": ("Gain over {} for all", "Gain over current practice", "Gain over always taking the best estimate"),
    "policy_value": ("Value of {} for all", "Value of current practice", "Value of always taking the best estimate"),
}
MOST_IMBALANCES = 12
FAR_APART = 0.1
"""Standardised difference from which on an imbalance is marked (Austin, Stat Med 2009;28:3083-3107)."""


def label(evidence: Document, name: str) -> str:  # noqa: ARG001
    """A measure's name in words."""
    base, _, part = name.partition(":")
    if not part:
        return LABELS.get(base, base)
    if base in PARTS:
        arm, practice, best = PARTS[base]
        return {PRACTICE: practice, BEST: best}.get(part, arm.format(part))
    if base == "average_effect":
        return f"Average effect of {part}"
    return f"{LABELS.get(base, base)}, {part}"


def headline(evidence: Document) -> tuple[str, ...]:
    """Measures at the top; what could explain an effect away, where no lots were drawn."""
    first = ("policy_gain", "policy_value", "autoc", "recommended")
    return first if evidence["release"]["arms"]["randomised"] else (*first, "e_value")


def unit(evidence: Document) -> str:
    """The unit of the outcome with a space before it; nothing for a probability."""
    own = evidence["release"]["arms"]["unit"]
    return f" {own}" if own else ""


def outcome(evidence: Document) -> str:
    """The outcome, in words."""
    arms = evidence["release"]["arms"]
    if arms["kind"] == "restricted-mean":
        return f"mean time without “{arms['outcome']}” up to {arms['until']:g}{unit(evidence)}"
    return f"probability of “{arms['outcome']}”" if arms["kind"] == "probability" else f"mean {arms['outcome']}"


def meaning(evidence: Document, name: str, estimate: Document) -> str:
    """What one measure says, in a sentence or two."""
    value, (base, _, part) = estimate["value"], name.partition(":")
    if value is None:
        return "Not defined on these patients."
    arms = evidence["release"]["arms"]
    if base == "policy_gain":
        return _gain(part, estimate)
    if base == "average_effect":
        told = wording.side(
            estimate, 0.0, "It is lower.", "It is higher.", "The interval holds 0: no difference was shown."
        )
        return f"{_first_up(outcome(evidence))} with it for all, minus {arms['arms'][0]} for all. {told}".strip()
    if base in ("autoc", "qini"):
        told = wording.side(
            estimate, 0.0, "Those said to gain most gain less than others.", "Those said to gain most do gain more.",
            "The interval holds 0: it was not shown that the effects tell patients apart.",
        )  # fmt: skip
        return f"Gain of those said to gain most above that of all, summed over shares; 0 by chance. {told}".strip()
    if base == "effect_slope":
        told = wording.side(
            estimate, 1.0, "Predicted differences are too large.", "Predicted differences are too small.",
            "The interval holds 1.",
        )  # fmt: skip
        return f"How far effects differ for each unit by which they are predicted to differ; ideal 1. {told}".strip()
    value_of = f"{_first_up(outcome(evidence))}, had all patients had the arm so chosen."
    return {
        "policy_value": f"{value_of} {arms['better'].capitalize()} is better.",
        "effect_calibration": "Distance between predicted and found effects over groups of patients; 0 is ideal.",
        "e_value": "How strongly something unmeasured would have to go with both treatment and outcome, as a risk "
        "ratio, to explain the average effect away (of several arms, the one explained away most easily); 1: nothing "
        "is needed. Its lower limit is that of the interval's near end.",
        "recommended": f"{in_100(value)} patients get a recommendation; the others get {arms['arms'][arms['single']]}.",
        "overlap": f"For {in_100(value)} patients, enough patients like them got every arm.",
        "effective_sample_size": "As many patients, evenly weighted, would tell as much; of the arm with the fewest.",
        "balance": "Largest difference left between an arm and the control after weighting, in standard deviations; "
        f"0 is ideal, and above {FAR_APART:g} is a lot.",
        "abstained": f"The model gave no estimate for {in_100(value)} patients.",
    }.get(base, "")  # fmt: skip


def _first_up(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _gain(part: str, estimate: Document) -> str:
    told = wording.side(
        estimate, 0.0, "The rule is worse.", "The rule is better.", "The interval holds 0: no difference was shown."
    )
    if not told:
        told = "No interval: the rule differs for next to nobody."
    if part:
        return f"Above 0 favours the rule. {told}"
    return f"The smallest gain over any arm given to all; above 0 favours the rule. {told}"


def _ways(evidence: Document) -> list[dict[str, str]]:
    """Each way to choose an arm, what it is worth, and what the rule gains over it."""
    arms, measures = evidence["release"]["arms"]["arms"], evidence["measures"]
    control = arms[0]
    named = {
        "": "the rule that serves",
        BEST: "always the best estimate",
        **{name: f"{name} for all{' (control)' if name == control else ''}" for name in arms},
        PRACTICE: "current practice: the arms that they had",
    }
    floor = evidence["floor"].get("policy_value")
    found = [
        {
            "name": words,
            "value": wording.with_interval(measures.get(f"policy_value:{part}" if part else "policy_value")),
            "gain": wording.with_interval(measures.get(f"policy_gain:{part}")) if part else "–",
        }
        for part, words in named.items()
    ]
    if floor:
        gain = wording.with_interval(evidence["floor_difference"].get("policy_gain"))
        found.insert(
            2, {"name": "the rule of linear effects alone", "value": wording.with_interval(floor), "gain": gain}
        )
    return found


def _rows(facts: Document) -> list[list[str]]:
    few = "withheld"
    return [
        [
            row["arm"],
            few if row["n"] is None else str(row["n"]),
            wording.percent(row["share"]),
            few if row["recommended"] is None else str(row["recommended"]),
            f"{row['effective']:.0f}",
        ]
        for row in facts["rows"]
    ]


def _refuted(facts: Document) -> list[dict[str, Any]]:
    names = {"placebo-treatment": "Placebo treatment", "random-cause": "Random cause"}
    return [
        {
            "name": names.get(one["name"], one["name"]),
            "text": one["text"],
            "found": wording.with_interval(one["found"]),
            "actual": number(one["actual"]),
            "passed": one["passed"],
        }
        for one in facts["refuted"]
    ]


def _lines(evidence: Document, which: str) -> list[dict[str, Any]]:
    """The TOC or Qini curve of each effect."""
    curves, drawn = evidence["curves"].get("effects") or {}, []
    what = {"toc": "Who gains most (TOC)", "qini": "What targeting gains (Qini)"}[which]
    for name, one in curves.items():
        line = one[which]
        if line is None:
            continue
        title = figures.titled(what, name, curves)
        points = zip(line["share"], line["value"], line["low"], line["high"], strict=True)
        rows = [[wording.percent(x, 0), number(y), number(low), number(high)] for x, y, low, high in points]
        svg = plots_of_effects.priority(line, title, f"gain above that of all{unit(evidence)}")
        drawn.append(figures.figure(svg, title, ["share treated", "gain", "low", "high"], rows))
    return drawn


def _came_true(evidence: Document) -> list[dict[str, Any]]:
    curves, drawn = evidence["curves"].get("effects") or {}, []
    for name, one in curves.items():
        if not one["groups"]:
            continue
        title = figures.titled("Predicted and found gains", name, curves)
        rows = [
            [str(group["n"]), number(group["predicted"]), wording.with_interval(group["found"])]
            for group in one["groups"]
        ]
        svg = plots_of_effects.came_true(one["groups"], title, unit(evidence))
        drawn.append(figures.figure(svg, title, ["patients", "predicted gain", "found (95 % interval)"], rows))
    return drawn


def _balance(facts: Document) -> list[list[str]]:
    return [
        [row["variable"], row["arm"], number(row["unweighted"], 2), number(row["weighted"], 2)]
        for row in facts["balance"][:MOST_IMBALANCES]
    ]


def _simulated(evidence: Document) -> dict[str, str] | None:
    """How often intervals of single effects held the truth in simulations, as training reported it."""
    found = evidence["development"].get("coverage_by_simulation")
    if not found:
        return None
    return {
        "value": wording.percent(found["value"]),
        "nominal": wording.percent(found["nominal"], 0),
        "interval": ""
        if found.get("low") is None
        else f"{wording.percent(found['low'])} to {wording.percent(found['high'])}",
        "source": str(found.get("source", "")),
    }


def carried(evidence: Document) -> str:
    """What the data can carry."""
    if evidence["release"]["arms"]["randomised"]:
        return "From a randomised trial: the arms were drawn by lot."
    return "Observational: assumes that nothing unmeasured drives both the treatment and the outcome."


def beside(evidence: Document) -> dict[str, Any]:
    """What only the template of a treatment shows."""
    facts = evidence.get("treatment")
    return {
        "arms": evidence["release"]["arms"],
        "expected": outcome(evidence),
        "unit": unit(evidence),
        "carried": carried(evidence),
        "told": facts,
        "ways": _ways(evidence),
        "best_gain": wording.with_interval(evidence["measures"].get("policy_gain")),
        "rule_gain": wording.with_interval(evidence["floor_difference"].get("policy_gain")),
        "arm_rows": _rows(facts) if facts else [],
        "refuted": _refuted(facts) if facts else [],
        "balance": _balance(facts) if facts else [],
        "toc": _lines(evidence, "toc"),
        "qini": _lines(evidence, "qini"),
        "came_true": _came_true(evidence),
        "simulated": _simulated(evidence),
        "e_value": {name: one for name, one in evidence["measures"].items() if name.startswith("e_value")},
    }
