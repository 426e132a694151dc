"""What a release is and how well it did: its card, the figures of its evidence, its report."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from bedside.review.markdown import to_html
from bedside.review.rendering import render
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.service import Service

REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'none'; "
    "base-uri 'none'; sandbox"
)
"""The report is one file with its styles inside; nothing in it may run, load or send."""

HEADLINE = {
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "brier": "Brier score",
    "calibration_slope": "Calibration slope",
    "calibration_intercept": "Calibration intercept",
    "ici": "Integrated calibration index",
    "net_benefit": "Net benefit",
}
"""Name in evidence.json → what people call it."""


def listing(service: Service, call: Call, caller: Caller) -> Response:  # noqa: ARG001  # every endpoint is called alike
    """``GET /releases``."""
    rows = [(loaded, service.standing(loaded).approved) for loaded in service.releases.values()]
    return render(service, "releases.html", caller, rows=rows)


def card(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /releases/{name}``."""
    loaded = service.release(call.parameters["name"])
    return render(
        service,
        "release.html",
        caller,
        manifest=loaded.model.manifest,
        digest=loaded.model.digest,
        approved=service.standing(loaded).approved,
        card=to_html(loaded.card),
        measures=headline(loaded.evidence),
        gates=loaded.evidence.get("gates", []),
        verdict=loaded.evidence.get("verdict", ""),
        data=loaded.evidence.get("data", {}),
    )


def headline(evidence: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The measures that a reader asks for first: name, value, interval."""
    measures = evidence.get("measures", {})
    shown = ((label, measures[name]) for name, label in HEADLINE.items() if name in measures)
    return [(label, _figure(measure.get("value")), _interval(measure)) for label, measure in shown]


def _figure(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"


def _interval(measure: dict[str, Any]) -> str:
    low, high = measure.get("low"), measure.get("high")
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def report(service: Service, call: Call, caller: Caller) -> Response:  # noqa: ARG001
    """``GET /releases/{name}/report``: the signed report as it is."""
    body = service.release(call.parameters["name"]).report
    return Response(body, media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})
