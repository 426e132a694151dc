"""Logging in, changing the one-time password, logging out."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from bedside.errors import AccessDenied, BedsideError, ValueRefused
from bedside.ledger import User
from bedside.review.reader import Reader, reader_of
from bedside.review.rendering import go, render
from bedside.serving.access import Caller, clear_session, cookie_name, set_session
from bedside.serving.call import Call
from bedside.serving.failures import failure_of
from bedside.serving.service import Service


class LoginQuery(msgspec.Struct, frozen=True, kw_only=True):
    """``next``: the page that was asked for without a log-in."""

    next: str = ""


def login_form(service: Service, call: Call, caller: Caller | None) -> Response:  # noqa: ARG001  # all are called alike
    """``GET /login``."""
    return _login(service, call, 200, "", call.filters(LoginQuery).next)


def login(service: Service, call: Call, caller: Caller | None) -> Response:  # noqa: ARG001
    """``POST /login``: a session where name and password are right; the same words for any that are not."""
    form = call.form()
    try:
        user = service.ledger.authenticate(form.get("name", "").strip(), form.get("password", ""))
    except AccessDenied as error:
        return _login(service, call, *refused(error, reader_of(call)), form.get("next", ""))
    first = service.ledger.must_change(user)
    return entered(service, call, user, "/password" if first else ours(form.get("next", "")))


def entered(service: Service, call: Call, user: User, path: str) -> Response:
    """On to a page of ours in a session of its own; the one that this browser had before ends."""
    before = call.cookies.get(cookie_name(call))
    if before is not None:
        service.ledger.close_session(before)
    response = go(path)
    set_session(response, call, service.ledger.open_session(user))
    return response


def _login(service: Service, call: Call, status: int, problem: str, wanted: str) -> Response:
    return render(service, "login.html", call, None, status, problem=problem, wanted=ours(wanted))


def ours(path: str) -> str:
    """The path asked for before the log-in, if it can be one of ours: never another site's address."""
    fine = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if fine else "/"


def logout(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /logout``."""
    if caller.token is not None:
        service.ledger.close_session(caller.token)
    response = go("/login")
    clear_session(response, call)
    return response


def password_form(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /password``."""
    return _password(service, call, caller, 200, "")


def password(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /password``: the new one must be typed twice alike; what else it must be, the ledger says."""
    form = call.form()
    if form.get("new", "") != form.get("again", ""):
        return _password(service, call, caller, 422, reader_of(call).t("The two new passwords are not the same."))
    try:
        # Every session of this user ends, this one too: whoever knew the old password, or held this token, is out.
        service.ledger.change_password(caller.user.name, form.get("old", ""), form.get("new", ""))
    except (ValueRefused, AccessDenied) as error:
        return _password(service, call, caller, 422, refused(error, reader_of(call))[1])
    return entered(service, call, caller.user, "/")


def _password(service: Service, call: Call, caller: Caller, status: int, problem: str) -> Response:
    first = service.ledger.must_change(caller.user)
    return render(service, "password.html", call, caller, status, problem=problem, first=first)


def refused(error: BedsideError, reader: Reader) -> tuple[int, str]:
    """Status and words of an error for the page on which it happened."""
    status, failure = failure_of(error)
    said = error.problems.values() if isinstance(error, ValueRefused) else (failure.what, failure.remedy)
    return status, reader.sentences(*said)
