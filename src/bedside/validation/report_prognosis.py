"""What the report says of a prognosis: its measures in words, and the figures that only it has."""

from __future__ import annotations

from typing import Any

from bedside.validation import figures, plots_over_time, wording
from bedside.validation.prognosis import at, split_name
from bedside.validation.registry import MEASURES
from bedside.validation.wording import Document, in_100, number

LABELS = {
    "c_ipcw": "C-index of Uno (IPCW)",
    "c_harrell": "C-index of Harrell",
    "c_antolini": "C-index of Antolini (whole curve)",
    "auc_t": "AUC",
    "ibs": "Integrated Brier score",
    "brier": "Brier score",
    "observed_over_expected": "Observed over expected",
    "calibration_slope": "Calibration slope",
    "ici": "Integrated calibration index",
    "d_calibration_p": "D-calibration, P",
    "net_benefit": "Net benefit",
    "net_benefit_gain:treat-all": "Net benefit above treating everybody",
    "net_benefit_gain:treat-none": "Net benefit above treating nobody",
    "band_coverage": "Coverage of the band",
    "abstained": "Share without an estimate",
}
MOST_TIMES = 9
"""In the table of numbers at risk: those at which most groups can be told of."""


def _until(evidence: Document, horizon: float) -> str:
    return f"{horizon:g} {evidence['release']['course']['unit']}"


def label(evidence: Document, name: str) -> str:
    """A measure's name in words; ``brier_at_5`` becomes ``Brier score at 5 a``."""
    bare, horizon = split_name(name)
    words, course = LABELS.get(bare, bare), evidence["release"]["course"]
    if horizon is None and at(bare, course["decision"]) not in evidence["measures"]:
        return words
    return f"{words} at {_until(evidence, course['decision'] if horizon is None else horizon)}"


def hidden(evidence: Document, name: str) -> bool:
    """Whether the same number stands under the name with its horizon."""
    return at(name, evidence["release"]["course"]["decision"]) in evidence["measures"]


def meaning(evidence: Document, name: str, estimate: Document) -> str:
    """What one measure says, in a sentence or two."""
    value, (bare, horizon) = estimate["value"], split_name(name)
    if value is None:
        return "Not defined on these patients."
    course = evidence["release"]["course"]
    event, until = course["events"][0], _until(evidence, course["decision"] if horizon is None else horizon)
    if bare.startswith("net_benefit_gain"):
        told = wording.side(estimate, 0.0, "The model is worse.", "The model is better.", "No difference was shown.")
        return f"Difference in net benefit; above 0 favours the model. {told}".strip()
    if bare == "observed_over_expected":
        told = wording.side(
            estimate, 1.0, "Here risks are too high on average.", "Here risks are too low on average.",
            "The interval holds 1: no shift was shown.",
        )  # fmt: skip
        return f"Ideal 1; above 1, risks are too low on average. {told}".strip()
    if bare == "calibration_slope":
        return wording.meaning("calibration_slope", estimate, event)
    return {
        "c_ipcw": f"Of two patients whose “{event}” came at different times, the earlier one had the higher risk in "
        f"{in_100(value)} pairs; weighted, so that how patients were lost to follow-up does not count.",
        "c_harrell": f"The same in {in_100(value)} pairs that can be compared; depends on how patients were lost.",
        "c_antolini": f"The same in {in_100(value)} pairs, comparing the whole curves at the earlier one's time.",
        "auc_t": f"Of two patients, one with “{event}” by {until} and one without, the first gets the higher risk in "
        f"{in_100(value)} pairs.",
        "ibs": "Brier score, averaged over all times up to the last horizon; 0 is ideal.",
        "brier": f"Mean squared distance between the risk by {until} and what happened; 0 is ideal.",
        "ici": f"Risks by {until} are off by {100 * value:.1f} percentage points on average.",
        "d_calibration_p": "How surprising the times of the events are under the predicted curves; a small P, such as "
        "below 0.05, says that they do not fit. A large one is no proof that they do.",
        "net_benefit": f"Acting on the risk by {until} is worth {100 * value:.1f} rightly treated patients in 100, "
        "harms of needless treatment already taken off.",
        "band_coverage": f"The observed share of groups of similar patients lay within the band around their curve at "
        f"{in_100(value)} times.",
        "abstained": f"The model gave no estimate for {in_100(value)} patients.",
    }.get(bare, "")  # fmt: skip


def follow_up(evidence: Document) -> dict[str, Any]:
    """How long they were followed, and what is known at each horizon."""
    found = evidence["data"]["follow_up"]
    few = "withheld"
    return {
        "median": "not reached" if found["median"] is None else f"{found['median']:.4g} {found['unit']}",
        "late": found["late"],
        "competing": len(evidence["data"]["class_counts"]) > 2,
        "rows": [
            {
                "horizon": f"{row['horizon']:g} {found['unit']}",
                "counts": [few if row[name] is None else str(row[name]) for name in ("events", "free", "unknown")],
                "competing": few if row["competing"] is None else str(row["competing"]),
                "incidence": wording.with_interval(row["incidence"]),
            }
            for row in found["horizons"]
        ],
    }


def _scores(evidence: Document) -> list[dict[str, str]]:
    """Each score of the model, of Cox and of the same share for everybody."""
    marginal, apart = evidence.get("marginal") or {}, evidence.get("marginal_difference") or {}
    names = [name for name in evidence["measures"] if name in marginal or name in evidence["floor_difference"]]
    return [
        {
            "label": label(evidence, name),
            "model": wording.value_of(evidence["measures"][name]),
            "floor": wording.value_of(evidence["floor"].get(name)),
            "floor_difference": wording.with_interval(evidence["floor_difference"].get(name), 4),
            "marginal": wording.value_of(marginal.get(name)),
            "marginal_difference": wording.with_interval(apart.get(name), 4),
        }
        for name in names
        if not hidden(evidence, name)
    ]


def _groups(evidence: Document) -> list[dict[str, Any]]:
    groups = evidence["curves"].get("groups") or []
    unit = evidence["release"]["course"]["unit"]
    drawn = []
    for several, title in ((False, "Predicted and observed, everybody"), (True, "Predicted and observed by risk")):
        shown = groups[1:] if several else groups[:1]
        if not shown:
            continue
        rows = [
            [one["group"], f"{time:g}", *map(number, point)]
            for one in shown
            for time, *point in zip(
                one["time"], one["predicted"], one["observed"], one["low"], one["high"], strict=True
            )
        ]
        head = ["group", f"time ({unit})", "predicted", "observed", "low", "high"]
        svg = plots_over_time.groups(shown, title, unit, evidence["release"]["course"]["events"][0])
        drawn.append(figures.figure(svg, title, head, rows))
    return drawn


def _at_risk(evidence: Document) -> dict[str, Any]:
    """How many were still followed, at some of the times; a dash where that would tell of few."""
    groups = evidence["curves"].get("groups") or []
    if not groups:
        return {"head": [], "rows": []}
    times = groups[0]["time"]
    told = [sum(one["at_risk"][place] is not None for one in groups) for place in range(len(times))]
    places = sorted(sorted(range(len(times)), key=lambda place: -told[place])[:MOST_TIMES])
    return {
        "head": [f"{times[place]:g}" for place in places],
        "rows": [
            [one["group"], *("–" if (count := one["at_risk"][place]) is None else str(count) for place in places)]
            for one in groups
        ],
    }


def _over_time(evidence: Document) -> list[dict[str, Any]]:
    found = evidence["curves"].get("over_time")
    if not found:
        return []
    unit, floor, drawn = evidence["release"]["course"]["unit"], MEASURES["prognosis"].floor, []
    lines = {
        "AUC over time": {"model": "auc", floor: "floor_auc"},
        "Brier score over time": {
            "model": "brier",
            floor: "floor_brier",
            "the same share for everybody (Aalen-Johansen)": "marginal",
        },
    }
    for title, asked in lines.items():
        curves = {name: found[field] for name, field in asked.items() if found[field]}
        if not any(value is not None for value in curves["model"]):
            continue
        rows = [
            [f"{time:g}", *map(number, values)] for time, *values in zip(found["time"], *curves.values(), strict=True)
        ]
        svg = plots_over_time.over_time(found["time"], curves, title, unit, floor)
        drawn.append(figures.figure(svg, title, [f"time ({unit})", *curves], rows))
    return drawn


def _acted(evidence: Document) -> list[dict[str, Any]]:
    return [
        {
            "estimate": row["estimate"],
            "threshold": wording.plain(row["threshold"]),
            "per_100": {name: wording.plain(value) for name, value in row["per_100"].items()},
            "those": wording.with_interval(row["event_with_alert"], 2),
            "others": wording.with_interval(row["event_without"], 2),
        }
        for row in evidence.get("acted") or []
    ]


def _band(evidence: Document) -> dict[str, str] | None:
    band, found = evidence["release"]["course"]["band"], evidence["measures"].get("band_coverage")
    if band is None or found is None:
        return None
    return {
        "promise": wording.percent(1 - band["alpha"], 0),
        "group": str(band["group"]),
        "coverage": "not known: fewer than three groups" if found["value"] is None else wording.percent(found["value"]),
    }


def beside(evidence: Document) -> dict[str, Any]:
    """What only the template of a prognosis shows."""
    over_time, course = _over_time(evidence), evidence["release"]["course"]
    first = [one for one in over_time if one["caption"].startswith("AUC")]
    return {
        "course": {
            **course,
            "until": [_until(evidence, horizon) for horizon in course["horizons"]],
            "last": _until(evidence, course["edges"][-1]),
        },
        "decision_at": _until(evidence, course["decision"]),
        "follow_up": follow_up(evidence) if evidence["data"].get("follow_up") else None,
        "scores": _scores(evidence),
        "auc_over_time": first,
        "brier_over_time": [one for one in over_time if one not in first],
        "risk_groups": _groups(evidence),
        "at_risk": _at_risk(evidence),
        "acted": _acted(evidence),
        "band": _band(evidence),
    }
