"""Routes for whoever runs the server: is it up, is it ready, how is it doing, what does it speak."""

from __future__ import annotations

from starlette.responses import Response

from bedside.serving.access import Caller
from bedside.serving.api import reply
from bedside.serving.call import Call
from bedside.serving.documents import Health
from bedside.serving.metrics import CONTENT_TYPE
from bedside.serving.route import EVERYONE, Route
from bedside.serving.service import Service


def alive(service: Service, call: Call, caller: Caller | None) -> Response:  # noqa: ARG001  # every endpoint is called alike
    """``GET /livez``."""
    return reply(Health(status="ok"))


def ready(service: Service, call: Call, caller: Caller | None) -> Response:  # noqa: ARG001
    """``GET /readyz``: 503 until the golden cases hold on this machine, and while the ledger cannot be written."""
    service.require_ready()
    service.ledger.check_writable()
    return reply(Health(status="ok"))


def metrics(service: Service, call: Call, caller: Caller) -> Response:  # noqa: ARG001
    """``GET /metrics``."""
    unreviewed = service.ledger.count(status="preliminary", queued=True)
    text = service.metrics.text(unreviewed, _standings(service), ready=service.ready)
    return Response(text, media_type=CONTENT_TYPE)


def _standings(service: Service) -> list[tuple[str, str, str, bool]]:
    """Name, version, mode and whether it is suspended, of each release that is loaded."""
    served = service.served
    return [
        (name, version, standing.mode, standing.suspended is not None)
        for name, versions in sorted(served.versions.items())
        for version, loaded in versions.items()
        if (standing := served.standings.get(loaded.digest)) is not None
    ]


OPERATORS = (
    Route("GET", "/livez", None, "Whether the process answers at all", alive, response=Health),
    Route(
        "GET",
        "/readyz",
        None,
        "Whether answers are given: 503 until the golden cases hold here, and while the ledger cannot be written",
        ready,
        response=Health,
        statuses=(503,),
    ),
    Route(
        "GET",
        "/metrics",
        frozenset({"admin", "service"}),
        "Counts and latencies in Prometheus' text format",
        metrics,
        content_type=CONTENT_TYPE,
    ),
)


def describes(document: bytes) -> Route:
    """The route that serves the description of all routes; ``document`` is made once, at the start."""

    def openapi(service: Service, call: Call, caller: Caller) -> Response:  # noqa: ARG001
        return Response(document, media_type="application/json")

    return Route("GET", "/openapi.json", EVERYONE, "This description, as OpenAPI 3.1", openapi)
