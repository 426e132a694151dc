"""What the report says of the model itself: how it was made, from how many patients, and the files that hold it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bedside.validation import figures, plots, wording
from bedside.validation.shown import shown_as
from bedside.validation.wording import Document


def learning(evidence: Document) -> list[dict[str, Any]]:
    """Each measure of the learning curve, drawn."""
    points = evidence["development"].get("learning_curve") or []
    drawn = []
    for name, axis in shown_as(evidence).learning:
        known = [point for point in points if isinstance(point, Mapping) and point.get(name) is not None]
        if len(known) > 1:
            title = f"Learning curve: {axis}"
            rows = [[str(point["patients"]), wording.number(point[name])] for point in known]
            drawn.append(
                figures.figure(plots.learning(known, name, title, axis), title, ["patients trained on", axis], rows)
            )
    return drawn


def last_step(evidence: Document) -> str:
    """What the last patients added, as training measured it."""
    step = evidence["development"].get("learning_curve_last_step")
    if not isinstance(step, Mapping) or step.get("value") is None:
        return ""
    return (
        f"From {step['from']} to {step['to']} patients the log-loss changed by {wording.with_interval(step, 4)}; "
        "below 0, more patients helped."
    )


def sample_size(evidence: Document) -> list[dict[str, str]]:
    """What Riley's criteria ask for and what there was, per class that counts as an event."""
    found = (evidence["development"].get("data_check") or {}).get("sample_size") or []
    return [
        {
            "outcome": str(one["outcome"]),
            "needed": f"{one['needed']} ({one['needed_events']} with the outcome)",
            "available": f"{one['available']} ({one['available_events']} with the outcome)",
            "enough": "yes" if one["available"] >= one["needed"] else "no",
            "parameters": str(one["parameters"]),
            "r2": wording.number(one["r2_nagelkerke"], 2),
            "criteria": "; ".join(f"{name} {patients}" for name, patients in one["criteria"].items()),
        }
        for one in found
    ]


def network(evidence: Document) -> dict[str, str] | None:
    """What was packed and what was asked for; None where nothing is known of it."""
    found = evidence["release"]["network"]
    if found is None:
        return None
    named = {**wording.PACKED, "floor": shown_as(evidence).floor}
    return {
        "packed": named.get(found["packed"], found["packed"]),
        "asked": named.get(found["asked"], found["asked"]),
        "same": found["packed"] == found["asked"],
        "members": str(found["members"]),
        "parameters": str(found["parameters"]),
        "compressed": _compressed(found, evidence.get("development", {}).get("compression")),
        "difference": wording.number(found["log_loss_difference"], 4)
        if found["log_loss_difference"] is not None
        else "",
    }


def _compressed(network: Document, compression: Document | None) -> str:
    """How the packed network was made smaller and what that cost out of fold; empty where it was not."""
    distilled, pruned = network.get("distilled_from"), network.get("pruned")
    if compression is None or not (distilled or pruned):
        return ""
    ways = []
    if distilled:
        ways.append(f"it learned the mean probability of {distilled} networks (distillation)")
    if pruned:
        ways.append(f"{pruned:.0%} of its hidden units were taken out and the rest was trained on (pruning)")
    difference, before = compression["log_loss_difference"], compression["parameters"]["before"]
    return (
        f"Made smaller in training: {' and '.join(ways)}; {network['parameters']} fitted numbers instead of {before}. "
        f"Log-loss minus that of the larger network over folds of the development patients: "
        f"{wording.number(difference['value'], 4)} (below 0 favours the smaller one)."
    )


def origin(evidence: Document) -> list[tuple[str, str]]:
    """What is known and what is unknown of a model that was trained elsewhere."""
    found = evidence["release"]["adopted"]
    if found is None:
        return []
    proof = found["proof"]
    return [
        ("File", f"{found['format']}, {found['file']}, SHA-256 {found['digest']}"),
        *((f"The file says: {about}", text) for about, text in found["says"].items()),
        ("How it was trained", _stated(found["trained_how"])),
        ("On whom it was trained", _stated(found["trained_on"])),
        ("Patients of this table among them", "none, as the study states" if found["unseen"] else "unknown"),
        ("Recalibrated on the development patients", "yes" if found["recalibrated"] else "no"),
        ("Rows on which graph and original were compared", f"{proof['random']} random, {proof['edge']} edge rows"),
        ("Largest difference of a probability", f"{proof['largest']:.2g} ({proof['tolerance']:g} was allowed)"),
        (
            "Rows on a tree's boundary, counted apart",
            f"{proof['boundary']}, of which {proof['boundary_differing']} differ",
        ),
    ]


def _stated(text: str | None) -> str:
    return "unknown" if text is None else f"{text} (as the study states)"


def predictors(evidence: Document) -> list[dict[str, str]]:
    """What the model takes."""
    return [
        {
            "label": one["label"],
            "name": one["name"],
            "unit": ", ".join(one["categories"]) if one["categories"] else one["unit"] or "no unit",
            "range": f"{wording.plain(one['range'][0])} to {wording.plain(one['range'][1])}" if one["range"] else "–",
        }
        for one in evidence["release"]["predictors"]
    ]


def targets(evidence: Document) -> list[dict[str, Any]]:
    """Each file that a runtime can serve, with what it costs and what it changes."""
    return [
        {
            "name": name,
            "validated": one["validated"],
            "ran": _ran(one),
            "size": wording.size(one["size"]),
            "latency": wording.seconds(one["latency"]),
            "memory": wording.size(one["memory"]),
            "auroc": wording.with_interval(one["measures"].get(shown_as(evidence).ranking)),
            "slope": wording.value_of(one["measures"].get("calibration_slope")),
            "benefit": wording.value_of(one["measures"].get("net_benefit")),
            "loss": _or_dash(one["auroc_loss"], lambda value: wording.number(value, 4)),
            "flips": _or_dash(one["flips"], lambda value: wording.percent(value, 2)),
            "change": _or_dash(one["largest_change"], wording.change),
            "p99": _or_dash(one["change_p99"], wording.change),
        }
        for name, one in evidence["targets"].items()
    ]


def _ran(one: Document) -> str:
    """With what, on what, and when."""
    runtime = f"{one['runtime']} {one['version'] or ''}".strip()
    if not one["validated"]:
        return f"not validated here ({runtime} is missing)"
    where = one["processor_name"] or one["processor"]
    kind = f" ({one['processor']})" if one["processor_name"] and one["processor"] else ""
    return ", ".join(part for part in (runtime, f"{where}{kind}" if where else "", one["date"]) if part)


def _or_dash(value: float | None, words: Callable[[float], str]) -> str:
    return "\N{EN DASH}" if value is None else words(value)
