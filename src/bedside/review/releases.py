"""What a release is, how well it did and what stands of it: card, evidence, report, approvals, suspension, history."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import Meta
from starlette.responses import Response

from bedside.errors import BedsideError, NotFound
from bedside.ledger import User
from bedside.ledger.approvals import APPROVING_ROLES
from bedside.review import silent
from bedside.review.accounts import refused
from bedside.review.markdown import to_html
from bedside.review.reader import reader_of
from bedside.review.rendering import go, render
from bedside.review.words import Translate
from bedside.serving import standing_api
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.served import Loaded, Served
from bedside.serving.service import Service
from bedside.serving.standing_api import VersionStanding

REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'none'; "
    "base-uri 'none'; sandbox"
)
"""The report is one file with its styles inside; nothing in it may run, load or send."""

HEADLINE = (
    "auroc",
    "average_precision",
    "c_ipcw",
    "c_harrell",
    "auc_t",
    "ibs",
    "brier",
    "calibration_slope",
    "calibration_intercept",
    "ici",
    "net_benefit",
    "band_coverage",
    "policy_gain",
    "policy_value",
    "autoc",
    "qini",
    "effect_slope",
    "recommended",
    "overlap",
    "effective_sample_size",
    "mae",
    "within_tolerance",
    "bias",
    "r2",
    "interval_coverage",
)
"""Measures of evidence.json that a reader asks for first."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which version; by default the one that answers, or the silent one where none does."""

    version: Annotated[str, Meta(max_length=100)] | None = None


def listing(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /releases``."""
    served = service.served
    shown = [shown_of(served, name) for name in served.versions]
    rows = [(loaded, served.standings[loaded.digest]) for loaded in shown]
    return render(service, "releases.html", call, caller, rows=rows)


def shown_of(served: Served, name: str) -> Loaded:
    """Of one name the release that answers, or else the silent one, or else the highest version."""
    return served.live.get(name) or served.silent.get(name) or next(iter(served.versions[name].values()))


def card(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /releases/{name}``."""
    return _page(service, call, caller, call.filters(Wanted).version, 200, "")


def act(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /releases/{name}``: approve, suspend or reinstate, as the form's ``act`` says."""
    form, name = call.form(), call.parameters["name"]
    version = form.get("version") or None
    acts = {"approve": standing_api.approve, "suspend": standing_api.suspend, "reinstate": standing_api.reinstate}
    if form.get("act") not in acts:
        raise NotFound("there is no such act", where=form.get("act", "")[:100])
    try:
        acts[form["act"]](service, caller.user, name, version, form.get("reason", ""))
    except BedsideError as error:
        if error.status not in {403, 409, 422}:
            raise
        return _page(service, call, caller, version, *refused(error, reader_of(call)))
    return go(_address(name, version))


def _address(name: str, version: str | None) -> str:
    return f"/releases/{quote(name)}" + (f"?version={quote(version)}" if version else "")


def _page(service: Service, call: Call, caller: Caller, version: str | None, status: int, problem: str) -> Response:
    name, t = call.parameters["name"], reader_of(call).t
    stands = standing_api.standing_of(service, name)
    loaded = standing_api.named(service, name, version) if version else shown_of(service.served, name)
    manifest = loaded.model.manifest
    this = next(one for one in stands.versions if one.digest == loaded.digest)
    return render(
        service,
        "release.html",
        call,
        caller,
        status,
        manifest=manifest,
        loaded=loaded,
        stands=stands,
        this=this,
        may=_may(this, caller.user),
        people=_people(service),
        silent=silent.shown(service.ledger, name, t),
        problem=problem,
        card=to_html(loaded.card),
        measures=headline(loaded.evidence, t),
        gates=loaded.evidence.get("gates", []),
        verdict=loaded.evidence.get("verdict", ""),
        data=loaded.evidence.get("data", {}),
    )


def _may(this: VersionStanding, user: User) -> frozenset[str]:
    """The acts that this user can still do to this version: nobody approves or reinstates twice."""
    given = {approval.approver for approval in this.approvals}
    said = {one.by for one in this.suspended.reinstating} if this.suspended else set()
    able = {
        "approve": user.role in APPROVING_ROLES and user.name not in given,
        "suspend": user.role == "clinician" and this.suspended is None,
        "reinstate": user.role in APPROVING_ROLES and this.suspended is not None and user.name not in said,
    }
    return frozenset(name for name, possible in able.items() if possible)


def _people(service: Service) -> dict[str, str]:
    """User name → how people know them."""
    return {user.name: user.full_name or user.name for user in service.ledger.users()}


def headline(evidence: dict[str, Any], t: Translate) -> list[tuple[str, str, str]]:
    """Name, value and interval of each measure in ``HEADLINE`` that the evidence holds."""
    measures = evidence.get("measures", {})
    shown = ((name, measures[name]) for name in HEADLINE if name in measures)
    return [(name, _figure(measure.get("value"), t), _interval(measure, t)) for name, measure in shown]


def _figure(value: float | None, t: Translate) -> str:
    return t("not defined") if value is None else _number(value)


def _number(value: float) -> str:
    """Three decimals of what is near 1, and one of what is in the unit of an outcome."""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _interval(measure: dict[str, Any], t: Translate) -> str:
    low, high = measure.get("low"), measure.get("high")
    return "" if low is None or high is None else t("{low} to {high}", low=_number(low), high=_number(high))


def report(service: Service, call: Call, caller: Caller) -> Response:  # noqa: ARG001  # all are called alike
    """``GET /releases/{name}/report``: the signed report as it is."""
    name, version = call.parameters["name"], call.filters(Wanted).version
    body = standing_api.named(service, name, version).report
    return Response(body, media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})
