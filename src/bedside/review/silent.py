"""The last silent report on the release's page: a silent version beside the live one, in figures of groups.

Every number stands in the report as ``bedside outcomes`` entered it; nothing is computed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bedside.errors import NotFound
from bedside.ledger import Ledger, SilentReport
from bedside.review.terms import measure
from bedside.review.times import duration
from bedside.review.words import Translate


@dataclass(frozen=True)
class Row:
    """One measure of the silent version, of the live one, and their difference; empty where there is none."""

    name: str
    silent: str
    live: str
    difference: str


@dataclass(frozen=True)
class Shown:
    """The report in words.

    Attributes
    ----------
    groups: whom the two would have had flagged, how many they were, and how many or which share of them had the
        outcome. until: by when, where the question is when something happens; else empty.
    """

    entered: SilentReport
    report: dict[str, Any]
    compared: dict[str, Any] | None
    rows: list[Row]
    groups: list[tuple[str, str, str]]
    until: str


def shown(ledger: Ledger, name: str, t: Translate) -> Shown | None:
    """The last report of any version of this name; None where there is none yet."""
    try:
        entered = ledger.silent_report(name)
    except NotFound:
        return None
    report = entered.report
    compared = report.get("compared")
    silent = (compared or {}).get("silent") or (None if compared else report.get("own"))
    live, difference = (compared or {}).get("live") or {}, (compared or {}).get("difference") or {}
    measures, course = (silent or {}).get("measures", {}), report.get("course")
    rows = [
        Row(
            _label(label, course, t),
            with_interval(value, t),
            with_interval(live.get("measures", {}).get(label), t),
            with_interval(difference.get(label), t),
        )
        for label, value in sorted(measures.items(), key=lambda item: _place(item[0]))
        if course is None or f"{label}_at_{course['decision']:g}" not in measures
    ]
    groups = [
        (_group(one["group"], t), t("withheld") if one["n"] is None else str(one["n"]), _events(one, t))
        for one in (compared or {}).get("decisions", ())
    ]
    until = "" if course is None else duration(course["decision"], course["unit"], t)
    return Shown(entered, report, compared, rows, groups, until)


def _place(name: str) -> tuple[float, str]:
    """Measures of one horizon stand together, after those of the whole."""
    horizon = name.partition("_at_")[2]
    return (float(horizon), name) if horizon else (0.0, name)


def _events(one: dict[str, Any], t: Translate) -> str:
    """How many of a group had the outcome, or which share of it."""
    share = one.get("share")
    if share is None:
        return str(one["n_events"])
    if not one["n"]:
        return "" if one["n"] == 0 else t("withheld")
    return with_interval(share, t)


def with_interval(value: dict[str, Any] | None, t: Translate) -> str:
    """``0.812 (0.770 to 0.850)``; nothing where there is no such figure, and no interval where none was computed."""
    if value is None:
        return ""
    if value.get("value") is None:
        return t("not defined")
    if value.get("low") is None or value.get("high") is None:
        return f"{value['value']:.3f}"
    return t("{value:.3f} ({low:.3f} to {high:.3f})", value=value["value"], low=value["low"], high=value["high"])


def _label(name: str, course: dict[str, Any] | None, t: Translate) -> str:
    if course is not None:
        bare, _, horizon = name.partition("_at_")
        if horizon:
            # The same words as for two classes: the horizon is named beside them.
            told = measure({"auc_t": "auroc"}.get(bare, bare), t)
            return t("{measure}, within {time}", measure=told, time=duration(float(horizon), course["unit"], t))
    base, _, part = name.partition(":")
    return f"{measure(base, t)}, {part}" if part else measure(base, t)


def _group(name: str, t: Translate) -> str:
    return {
        "flagged by both": t("flagged by both"),
        "newly flagged": t("newly flagged"),
        "no longer flagged": t("no longer flagged"),
        "flagged by neither": t("flagged by neither"),
    }.get(name, name)
