"""The answer's page, and the review signed on it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from bedside.errors import BedsideError
from bedside.review import answer_view as view
from bedside.review.accounts import refused
from bedside.review.reader import Reader, reader_of
from bedside.review.rendering import go, render
from bedside.serving import answers
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.documents import AnswerReply, ReviewRequest
from bedside.serving.service import Service
from bedside.sources import Schema

FIELDS = ("verdict", "conclusion", "action", "reason")


def answer(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /answers/{id}``."""
    return _page(service, call, caller, 200, "", {})


def review(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /answers/{id}``: sign; what is refused is said on the same page, with the words typed so far."""
    form = call.form()
    typed = {name: form.get(name, "") for name in FIELDS}
    try:
        request = msgspec.convert({**typed, "expected": form.get("seen") or None}, ReviewRequest)
    except msgspec.ValidationError:
        problem = reader_of(call).t("Choose a verdict; a text may have 4000 characters.")
        return _page(service, call, caller, 422, problem, typed)
    try:
        answers.review(service, caller.user, call.parameters["id"], request)
    except BedsideError as error:
        if error.status not in {400, 409, 422}:
            raise
        return _page(service, call, caller, *refused(error, reader_of(call)), typed)
    return go(f"/answers/{call.parameters['id']}")


def _page(
    service: Service, call: Call, caller: Caller, status: int, problem: str, typed: Mapping[str, str]
) -> Response:
    reader = reader_of(call)
    t = reader.t
    shown = answers.read(service, caller.user, call.parameters["id"])
    schema = _schema(service, shown)
    risks = view.risks(shown)
    return render(
        service,
        "answer.html",
        call,
        caller,
        status,
        answer=shown,
        banner=view.banner(shown, reader),
        identifiers=_identifiers(shown, reader),
        risks=risks,
        estimate=view.estimate_words(risks[0], t) if risks else "",
        alert=view.alert_words(shown, t),
        possible=view.set_words(shown, t),
        contributions=view.contributions(shown, schema, t),
        values=view.used_values(shown, schema, reader),
        others=[warning for warning in shown.warnings if warning not in _ribbon(service)],
        open=shown.status in {"preliminary", "final", "amended"},
        problem=problem,
        typed={name: typed.get(name, "") for name in FIELDS},
    )


def _ribbon(service: Service) -> set[str]:
    """What the top of every page says already."""
    from bedside.serving.service import NOT_FOR_CARE

    return {NOT_FOR_CARE} if service.solo else set()


def _identifiers(shown: AnswerReply, reader: Reader) -> list[tuple[str, str]]:
    if shown.identity is None:
        return []
    born = shown.identity.birth_date.isoformat() if shown.identity.birth_date else None
    t = reader.t
    pairs = ((t("Name"), shown.identity.name), (t("Born"), born), (t("Patient no."), shown.identity.id))
    return [(name, value) for name, value in pairs if value]


def _schema(service: Service, shown: AnswerReply) -> Schema | None:
    """The declarations of the very release that answered; another version may declare other units."""
    loaded = service.served.versions.get(shown.release.name, {}).get(shown.release.version)
    if loaded is None or loaded.digest != shown.release.digest:
        return None
    return loaded.model.manifest.schema
