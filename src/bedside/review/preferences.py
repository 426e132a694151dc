"""The reader's language and time zone: two cookies, set by a plain form, before a log-in too."""

from __future__ import annotations

from starlette.responses import Response

from bedside.review.accounts import ours
from bedside.review.reader import LANGUAGE_COOKIE, ZONE_COOKIE, reader_of
from bedside.review.rendering import go, render
from bedside.review.words import LANGUAGES
from bedside.review.zones import choices, zone
from bedside.serving.access import Caller, known, require_token
from bedside.serving.call import Call
from bedside.serving.service import Service

_YEAR = 365 * 24 * 3600


def preferences_form(service: Service, call: Call, caller: Caller | None) -> Response:  # noqa: ARG001  # all are called alike
    """``GET /preferences``."""
    return _page(service, call, 200, "")


def preferences(service: Service, call: Call, caller: Caller | None) -> Response:  # noqa: ARG001
    """``POST /preferences``: keep what was chosen, and go back to the page it was chosen on.

    It is open to anyone; a form of somebody who is logged in must carry the session's token like any other.
    """
    form, reader = call.form(), known(service, call)
    if reader is not None and reader.token is not None:
        require_token(service.ledger, call, reader.token)
    language, named = form.get("language", ""), form.get("zone", "")
    if (language and language not in LANGUAGES) or (named and zone(named) is None):
        return _page(service, call, 422, reader_of(call).t("Choose one of the list."))
    response = go(ours(form.get("next", "")))
    for cookie, value in ((LANGUAGE_COOKIE, language), (ZONE_COOKIE, named)):
        if value:
            response.set_cookie(cookie, value, max_age=_YEAR, path="/", secure=not call.plain_loopback, samesite="lax")
    return response


def _page(service: Service, call: Call, status: int, problem: str) -> Response:
    return render(
        service,
        "preferences.html",
        call,
        known(service, call),
        status,
        problem=problem,
        zones=choices(),
        now=service.clock(),
    )
