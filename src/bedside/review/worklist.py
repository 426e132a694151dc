"""The worklist: what waits for a physician, longest first.

It shows no identity. Each reading of an identity is an entry in the ledger, and a list of fifty names on a screen in a
corridor is fifty readings that nobody needed; the answer's own page names its patient. A row shows a short reference
that is the same for all answers of one patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import Meta
from starlette.responses import Response

from bedside.ledger import AnswerRow
from bedside.review.figures import ago
from bedside.review.reader import reader_of
from bedside.review.rendering import go, render
from bedside.review.words import Translate
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.service import Service

PAGE = 50
Choice = Literal["waiting", "all", "preliminary", "final", "amended", "expired", "superseded", "entered-in-error"]


class WorklistFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rows to show. ``waiting``: preliminary answers that the release's rule puts up for review."""

    show: Choice = "waiting"
    release: str | None = None
    says: Literal["alert", "no-alert", "abstained"] | None = None
    page: Annotated[int, Meta(ge=1)] = 1


@dataclass(frozen=True)
class Row:
    """One answer in the list."""

    id: str
    patient: str
    release: str
    says: str
    tone: str
    status: str
    created: str
    waited: str


def worklist(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /``: who treats no patients is sent to the releases instead."""
    if caller.user.role != "clinician":
        return go("/releases")
    t = reader_of(call).t
    wanted = call.filters(WorklistFilter)
    chosen = _chosen(wanted)
    total = service.ledger.count(**chosen)
    rows = service.ledger.worklist(**chosen, limit=PAGE, offset=(wanted.page - 1) * PAGE)
    return render(
        service,
        "worklist.html",
        call,
        caller,
        rows=[_row(row, service, t) for row in rows],
        total=total,
        wanted=wanted,
        first=(wanted.page - 1) * PAGE + 1,
        releases=list(service.releases),
        choices=_choices(t),
        earlier=_link(wanted, -1) if wanted.page > 1 else "",
        later=_link(wanted, 1) if wanted.page * PAGE < total else "",
    )


def _chosen(wanted: WorklistFilter) -> dict[str, Any]:
    chosen: dict[str, Any] = {"release": wanted.release}
    if wanted.show == "waiting":
        chosen |= {"status": "preliminary", "queued": True}
    elif wanted.show != "all":
        chosen |= {"status": wanted.show}
    says = {"alert": {"alert": True}, "no-alert": {"alert": False}, "abstained": {"abstained": True}}
    return chosen | (says[wanted.says] if wanted.says else {})


def _choices(t: Translate) -> dict[str, str]:
    return {
        "waiting": t("waiting for review"),
        "all": t("all"),
        "preliminary": t("preliminary"),
        "final": t("final"),
        "amended": t("amended"),
        "expired": t("expired"),
        "superseded": t("superseded"),
        "entered-in-error": t("entered in error"),
    }


def _row(row: AnswerRow, service: Service, t: Translate) -> Row:
    says, tone = t("▽ below threshold"), "low"
    if row.abstained:
        says, tone = t("∅ no estimate"), "none"
    elif row.alert:
        says, tone = t("▲ alert"), "high"
    elif row.alert is None:
        says, tone = t("estimate, no threshold"), "low"
    return Row(
        id=row.id,
        patient=reference(row.patient, t),
        release=f"{row.release} {row.version}",
        says=says,
        tone=tone,
        status=_choices(t).get(row.status, row.status),
        created=row.created,
        waited=ago(row.created, service.clock(), t),
    )


def reference(patient: str | None, t: Translate) -> str:
    """A short name for a patient's random reference: enough to see that two rows are the same patient."""
    return patient[:8] if patient else t("anonymous")


def _link(wanted: WorklistFilter, step: int) -> str:
    asked = msgspec.structs.asdict(wanted) | {"page": wanted.page + step}
    return "/?" + urlencode({name: value for name, value in asked.items() if value is not None})
