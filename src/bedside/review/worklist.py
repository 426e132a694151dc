"""The worklist: what waits for a physician, longest first; and the answers about one patient, by the patient's number.

The list shows no identity. Each reading of an identity is an entry in the ledger, and a list of fifty names on a screen
in a corridor is fifty readings that nobody needed; the answer's own page names its patient. A row shows a short
reference that is the same for all answers of one patient.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import Meta
from starlette.responses import Response

from bedside.ledger import Place, Tally, Wanted
from bedside.release import Arms, Outputs
from bedside.review import terms
from bedside.review.figures import ago
from bedside.review.reader import Reader, reader_of
from bedside.review.rendering import go, render
from bedside.review.words import Translate
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.documents import AnswerLine, PatientAnswers, PatientSearch
from bedside.serving.finding import by_number
from bedside.serving.service import Service
from bedside.serving.withholding import lines

PAGE = 50
Choice = Literal["waiting", "all", "preliminary", "final", "amended", "expired", "superseded", "entered-in-error"]
Only = Literal["alert", "no-alert", "abstained", "second", "mine"]


class WorklistFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rows to show.

    Attributes
    ----------
    show: ``waiting``: preliminary answers that the release's rule puts up for review, waiting longest first; any other
        status: newest first.
    only: of these, alerts; those below the threshold; those without an estimate; those with a second reading asked for;
        or ``mine``: what the reader asked for or reviewed last.
    after: the last row of the page before, as ``<created>_<entry>``.
    """

    show: Choice = "waiting"
    release: str | None = None
    only: Only | None = None
    after: Annotated[str, Meta(pattern=r"^[0-9TZ:.-]{27}_[0-9]{1,18}$")] | None = None


@dataclass(frozen=True)
class Row:
    """One answer in the list."""

    id: str
    patient: str
    release: str
    says: str
    tone: str
    status: str
    second: bool
    created: str
    waited: str


@dataclass(frozen=True)
class Tab:
    """One of the ways to look at the list, with how many answers it has."""

    words: str
    link: str
    count: str
    current: bool


def worklist(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /``: who treats no patients is sent to the releases instead."""
    if caller.user.role != "clinician":
        return go("/releases")
    asked, reader, me = call.filters(WorklistFilter), reader_of(call), caller.user.name
    wanted, newest = _wanted(asked, me), asked.show != "waiting"
    found = service.ledger.listed(wanted, limit=PAGE + 1, after=_place(asked.after), newest=newest)
    rows = lines(service, caller.user, found[:PAGE])
    further = f"{found[PAGE - 1].created}_{found[PAGE - 1].seq}" if len(found) > PAGE else ""
    # What the tabs count is the same list without the narrower choice.
    tally = service.ledger.tally(_wanted(msgspec.structs.replace(asked, only=None), me))
    return _page(service, call, caller, asked, rows, tally, further, reader)


def _page(
    service: Service,
    call: Call,
    caller: Caller,
    asked: WorklistFilter,
    rows: tuple[AnswerLine, ...],
    tally: Tally,
    further: str,
    reader: Reader,
) -> Response:
    t, now, about = reader.t, service.clock(), _about(service)
    return render(
        service,
        "worklist.html",
        call,
        caller,
        rows=[_row(line, now, about, t) for line in rows],
        tabs=_tabs(asked, tally, t),
        wanted=asked,
        releases=sorted(service.served.versions),
        choices=_choices(t),
        first=link(asked) if asked.after else "",
        later=link(asked, after=further) if further else "",
        searched="",
        patient=None,
        problem="",
    )


def search(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /patients``: by the patient's number, which stands in no address and in no log."""
    reader, number = reader_of(call), call.form().get("id", "").strip()
    t = reader.t
    try:
        found = by_number(service, caller.user, msgspec.convert({"id": number}, PatientSearch).id)
        problem, status = ("", 200) if found else (t("No patient has this number. Type it whole."), 404)
    except msgspec.ValidationError:
        found, problem, status = None, t("Type the patient's number, at most 64 characters."), 422
    return _found(service, call, caller, found, number, problem, status, t)


def _found(
    service: Service,
    call: Call,
    caller: Caller,
    found: PatientAnswers | None,
    number: str,
    problem: str,
    status: int,
    t: Translate,
) -> Response:
    now, about = service.clock(), _about(service)
    return render(
        service,
        "worklist.html",
        call,
        caller,
        status,
        rows=[_row(line, now, about, t) for line in found.answers] if found else [],
        tabs=[],
        wanted=WorklistFilter(),
        releases=sorted(service.served.versions),
        choices=_choices(t),
        first="",
        later="",
        searched=number,
        patient=found.identity if found else None,
        problem=problem,
    )


def _wanted(asked: WorklistFilter, me: str) -> Wanted:
    chosen: dict[str, Any] = {"release": asked.release, "reader": me}
    if asked.show == "waiting":
        chosen |= {"status": "preliminary", "queued": True}
    elif asked.show != "all":
        chosen |= {"status": asked.show}
    only: dict[str, dict[str, Any]] = {
        "alert": {"alert": True},
        "no-alert": {"alert": False},
        "abstained": {"abstained": True},
        "second": {"second": True},
        "mine": {"mine": me},
    }
    return Wanted(**chosen | (only[asked.only] if asked.only else {}))


def _place(after: str | None) -> Place | None:
    if after is None:
        return None
    created, _, seq = after.partition("_")
    return Place(created, int(seq))


def _tabs(asked: WorklistFilter, tally: Tally, t: Translate) -> list[Tab]:
    all_words = t("All waiting") if asked.show == "waiting" else t("All of these")
    words: dict[Only | None, tuple[str, int]] = {
        None: (all_words, tally.total),
        "alert": (t("▲ alert"), tally.alert),
        "abstained": (t("∅ no estimate"), tally.abstained),
        "second": (t("Second reading"), tally.second),
        "mine": (t("Mine"), tally.mine),
    }
    shown = {only: pair for only, pair in words.items() if only != "second" or asked.show in ("waiting", "preliminary")}
    return [
        Tab(name, link(asked, only=only), _counted(number, tally, whole=only is None, t=t), asked.only == only)
        for only, (name, number) in shown.items()
    ]


def _counted(number: int, tally: Tally, *, whole: bool, t: Translate) -> str:
    """A count as it is known: beyond the cap only that there are more."""
    if not tally.capped:
        return f"{number}"
    return t("more than {number}", number=f"{number}") if whole else t("at least {number}", number=f"{number}")


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


def _about(service: Service) -> dict[str, Outputs]:
    """By digest, what each loaded release answers with."""
    loaded = (one for versions in service.served.versions.values() for one in versions.values())
    return {one.digest: one.model.manifest.outputs for one in loaded}


def _row(line: AnswerLine, now: dt.datetime, about: Mapping[str, Outputs], t: Translate) -> Row:
    says, tone = _says(line, about.get(line.digest), t)
    return Row(
        id=line.id,
        patient=reference(line.patient, t),
        release=f"{line.release} {line.version}",
        says=says,
        tone=tone,
        status=terms.status(line.status, t),
        second=line.status == "preliminary" and line.reviewer is not None,
        created=line.created,
        waited=ago(line.created, now, t),
    )


def _says(line: AnswerLine, outputs: Outputs | None, t: Translate) -> tuple[str, str]:
    """What the model says, and its tone; nothing of it where the reader's own estimate is due."""
    if line.withheld:
        return t("your own estimate first"), "none"
    if line.abstained:
        return t("∅ no estimate"), "none"
    if line.alert is None:
        quantity = outputs.arms or outputs.dose if outputs is not None else None
        if quantity is None:
            return t("estimate, no threshold"), "low"
        return (t("treatments compared") if isinstance(quantity, Arms) else t("a dose")), "low"
    return (t("▲ alert"), "high") if line.alert else (t("▽ below threshold"), "low")


def reference(patient: str | None, t: Translate) -> str:
    """A short name for a patient's random reference: enough to see that two rows are the same patient."""
    return patient[:8] if patient else t("anonymous")


def link(asked: WorklistFilter, **changes: str | None) -> str:
    """The list with some choices changed, from its first page."""
    chosen = msgspec.structs.asdict(asked) | {"after": None} | changes
    given = {
        name: value for name, value in chosen.items() if value is not None and (name, value) != ("show", "waiting")
    }
    return "/?" + urlencode(given) if given else "/"
