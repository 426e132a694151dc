"""The ledger as an auditor reads it: who did what and when, who read whose identity; not what was said of patients."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import Meta
from starlette.responses import Response

from bedside.review.reader import reader_of
from bedside.review.rendering import go, render
from bedside.review.terms import KINDS
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.service import Service

PAGE = 50
_FACTS = ("name", "version", "mode", "role", "before", "full_name", "by_name", "reason", "requests", "rows")
_Filter = Annotated[str, Meta(max_length=200)] | None


class JournalFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entries to show; ``before``: those before this number. ``patient`` is the ledger's random reference."""

    kind: _Filter = None
    actor: _Filter = None
    subject: _Filter = None
    patient: _Filter = None
    before: Annotated[int, Meta(ge=1)] | None = None


def journal(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /ledger``."""
    return _page(service, call, caller, call.filters(JournalFilter), 200, "")


def find_patient(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /ledger``: from a patient's number to the entries about that patient.

    The number comes in the body and the page that follows has the random reference in its address: no browser's
    history keeps a patient's number.
    """
    ref = service.ledger.find_patient(call.form().get("patient", ""))
    if ref is None:
        problem = reader_of(call).t("The ledger knows no patient with this number.")
        return _page(service, call, caller, JournalFilter(), 404, problem)
    return go("/ledger?" + urlencode({"patient": ref}))


def _page(service: Service, call: Call, caller: Caller, wanted: JournalFilter, status: int, problem: str) -> Response:
    rows = service.ledger.noted(**msgspec.structs.asdict(wanted), limit=PAGE)
    return render(
        service,
        "ledger.html",
        call,
        caller,
        status,
        rows=[(row, {name: row.facts[name] for name in _FACTS if row.facts.get(name)}) for row in rows],
        wanted=wanted,
        kinds=KINDS,
        earlier=_link(wanted, rows[-1].seq) if len(rows) == PAGE else "",
        problem=problem,
    )


def _link(wanted: JournalFilter, before: int) -> str:
    asked = msgspec.structs.asdict(wanted) | {"before": before}
    return "/ledger?" + urlencode({name: value for name, value in asked.items() if value is not None})
