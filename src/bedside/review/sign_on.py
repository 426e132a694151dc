"""Logging in through the hospital's own log-in: there, back, and on in a session of ours."""

from __future__ import annotations

import dataclasses
import logging

import msgspec
from starlette.responses import RedirectResponse, Response

from bedside.errors import BedsideError, NotFound
from bedside.review.accounts import LoginQuery, login_page, open_session, ours, refused
from bedside.review.reader import reader_of
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.cookies import PENDING
from bedside.serving.logs import log
from bedside.serving.oidc.flow import Pending, Returned, SignOn
from bedside.serving.oidc.wire import ProviderSilent
from bedside.serving.service import Service


def start(service: Service, call: Call, caller: Caller | None) -> Response:  # noqa: ARG001  # all are called alike
    """``GET /login/start``: to the provider, with a cookie that the way back is compared with."""
    sign_on = _sign_on(service)
    wanted = ours(call.filters(LoginQuery).next)
    try:
        address, pending = sign_on.begin(wanted)
    except ProviderSilent as error:
        return _silent(service, call, error, wanted)
    response = RedirectResponse(address, 303)
    PENDING.give(response, call, service.ledger.shut(msgspec.json.encode(pending)))
    return response


def finish(service: Service, call: Call, caller: Caller | None) -> Response:  # noqa: ARG001
    """``GET /login/return``: a session for whom the provider vouches for, or the log-in page and why not."""
    sign_on = _sign_on(service)
    wanted = "/"
    try:
        sealed = service.ledger.opened(PENDING.sent(call) or "")
        pending = msgspec.json.decode(sealed, type=Pending)
        wanted = pending.wanted
        user = service.ledger.admit_vouched(sign_on.finish(pending, call.filters(Returned), service.ledger))
    except BedsideError as error:
        response = login_page(service, _at_login(call), refused(error, reader_of(call)), wanted)
    except ProviderSilent as error:
        response = _silent(service, call, error, wanted)
    else:
        response = open_session(service, call, user, wanted)
    PENDING.take_back(response, call)
    return response


def _silent(service: Service, call: Call, error: ProviderSilent, wanted: str) -> Response:
    log("the log-in provider cannot be used", level=logging.WARNING, why=error.why)
    said = reader_of(call).t("The log-in provider does not answer as it should. Try again later.")
    return login_page(service, _at_login(call), (503, said), wanted)


def _at_login(call: Call) -> Call:
    """The page is the log-in page: what leads back to it must not come with the provider's code once more."""
    return dataclasses.replace(call, path="/login", query="")


def _sign_on(service: Service) -> SignOn:
    sign_on = service.admission.sign_on
    if sign_on is None:
        raise NotFound("no log-in provider is set up here", remedy="Log in with name and password")
    return sign_on
