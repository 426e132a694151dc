"""What a release is and how well it did: its card, the figures of its evidence, its report."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from bedside.review.markdown import to_html
from bedside.review.reader import reader_of
from bedside.review.rendering import render
from bedside.review.words import Translate
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.service import Service

REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'none'; "
    "base-uri 'none'; sandbox"
)
"""The report is one file with its styles inside; nothing in it may run, load or send."""

HEADLINE = (
    "auroc",
    "average_precision",
    "brier",
    "calibration_slope",
    "calibration_intercept",
    "ici",
    "net_benefit",
)
"""Measures of evidence.json that a reader asks for first."""


def listing(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /releases``."""
    rows = [(loaded, service.standing(loaded).approved) for loaded in service.releases.values()]
    return render(service, "releases.html", call, caller, rows=rows)


def card(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /releases/{name}``."""
    loaded = service.release(call.parameters["name"])
    return render(
        service,
        "release.html",
        call,
        caller,
        manifest=loaded.model.manifest,
        digest=loaded.model.digest,
        approved=service.standing(loaded).approved,
        card=to_html(loaded.card),
        measures=headline(loaded.evidence, reader_of(call).t),
        gates=loaded.evidence.get("gates", []),
        verdict=loaded.evidence.get("verdict", ""),
        data=loaded.evidence.get("data", {}),
    )


def headline(evidence: dict[str, Any], t: Translate) -> list[tuple[str, str, str]]:
    """Name, value and interval of each measure in ``HEADLINE`` that the evidence holds."""
    measures = evidence.get("measures", {})
    shown = ((name, measures[name]) for name in HEADLINE if name in measures)
    return [(name, _figure(measure.get("value"), t), _interval(measure, t)) for name, measure in shown]


def _figure(value: float | None, t: Translate) -> str:
    return t("not defined") if value is None else f"{value:.3f}"


def _interval(measure: dict[str, Any], t: Translate) -> str:
    low, high = measure.get("low"), measure.get("high")
    return "" if low is None or high is None else t("{low:.3f} to {high:.3f}", low=low, high=high)


def report(service: Service, call: Call, caller: Caller) -> Response:  # noqa: ARG001  # all are called alike
    """``GET /releases/{name}/report``: the signed report as it is."""
    body = service.release(call.parameters["name"]).report
    return Response(body, media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})
