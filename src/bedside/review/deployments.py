"""Which version answers: an administrator deploys one, lets one run silently, goes back to the one before."""

from __future__ import annotations

from typing import Literal

from starlette.responses import Response

from bedside.errors import BedsideError, NotFound
from bedside.review.accounts import refused
from bedside.review.reader import reader_of
from bedside.review.rendering import go, render
from bedside.serving import deployments, standing_api
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.service import Service

FIELDS = ("act", "name", "place", "mode", "reason", "expected")


def show(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /deployments``."""
    return _page(service, call, caller, 200, "", {})


def act(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /deployments``: what is refused is said on the same page, with the words typed so far."""
    form = call.form()
    typed = {name: form.get(name, "") for name in FIELDS}
    try:
        name = _do(service, caller, typed)
    except BedsideError as error:
        if error.status not in {400, 404, 409, 422}:
            raise
        status, words = refused(error, reader_of(call))
        return _page(service, call, caller, status, f"{error.where}: {words}" if error.where else words, typed)
    return go(f"/deployments#{name}")


def _do(service: Service, caller: Caller, typed: dict[str, str]) -> str:
    """The act that the form names; gives the name of the release that it was about."""
    user, reason = caller.user, typed["reason"]
    if typed["act"] == "deploy":
        mode: Literal["live", "silent"] = "silent" if typed["mode"] == "silent" else "live"
        return deployments.deploy(service, user, typed["place"].strip(), mode, reason).name
    if typed["act"] in {"roll-back", "end-silent"}:
        silent, expected = typed["act"] == "end-silent", typed["expected"] or None
        return deployments.rollback(service, user, typed["name"], reason, silent=silent, expected=expected).name
    raise NotFound("there is no such act", where=typed["act"][:100])


def _page(service: Service, call: Call, caller: Caller, status: int, problem: str, typed: dict[str, str]) -> Response:
    return render(
        service,
        "deployments.html",
        call,
        caller,
        status,
        names=[standing_api.standing_of(service, name) for name in service.served.versions],
        problem=problem,
        typed={name: typed.get(name, "") for name in FIELDS},
    )
