"""Logging in, changing the one-time password, logging out."""

from __future__ import annotations

import dataclasses

import msgspec
from starlette.responses import Response

from bedside.errors import AccessDenied, BedsideError, ValueRefused
from bedside.ledger import User
from bedside.review.reader import Reader, reader_of
from bedside.review.rendering import go, render
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.cookies import SESSION
from bedside.serving.failures import failure_of
from bedside.serving.service import Service


class LoginQuery(msgspec.Struct, frozen=True, kw_only=True):
    """``next``: the page that was asked for without a log-in. ``left``: whether somebody has just logged out."""

    next: str = ""
    left: bool = False


def login_form(service: Service, call: Call, caller: Caller | None) -> Response:  # noqa: ARG001  # all are called alike
    """``GET /login``."""
    asked = call.filters(LoginQuery)
    return login_page(service, call, (200, ""), asked.next, left=asked.left)


def login(service: Service, call: Call, caller: Caller | None) -> Response:  # noqa: ARG001
    """``POST /login``: a session where name and password are right; the same words for any that are not."""
    form = call.form()
    if not service.admission.passwords:
        raise AccessDenied("passwords are switched off here", remedy="Log in through the log-in provider")
    try:
        user = service.ledger.authenticate(form.get("name", "").strip(), form.get("password", ""))
    except AccessDenied as error:
        return login_page(service, call, refused(error, reader_of(call)), form.get("next", ""))
    first = service.ledger.must_change(user)
    return entered(service, call, user, "/password" if first else ours(form.get("next", "")))


def entered(service: Service, call: Call, user: User, path: str) -> Response:
    """On to a page of ours in a session of its own; the one that this browser had before ends."""
    return _in_session(service, call, user, go(path))


def open_session(service: Service, call: Call, user: User, path: str) -> Response:
    """The same for somebody who comes from elsewhere: by a page of ours that leads on by itself.

    On a redirect from another site the browser would not send the session's cookie, which is for this site only.
    """
    wanted = "/password" if service.ledger.must_change(user) else path
    shown = render(service, "entered.html", dataclasses.replace(call, path=wanted, query=""), None, wanted=wanted)
    return _in_session(service, call, user, shown)


def _in_session(service: Service, call: Call, user: User, response: Response) -> Response:
    before = SESSION.sent(call)
    if before is not None:
        service.ledger.close_session(before)
    SESSION.give(response, call, service.ledger.open_session(user))
    return response


def login_page(service: Service, call: Call, said: tuple[int, str], wanted: str, *, left: bool = False) -> Response:
    """The log-in form, with what went wrong; with a provider, the way there, and after logging out, out of there."""
    status, problem = said
    sign_on = service.admission.sign_on
    return render(
        service,
        "login.html",
        call,
        None,
        status,
        problem=problem,
        wanted=ours(wanted),
        provider=sign_on.provider.name if sign_on else "",
        passwords=service.admission.passwords,
        leave=sign_on.end_session_address() if sign_on and left else None,
    )


def ours(path: str) -> str:
    """The path asked for before the log-in, if it can be one of ours: never another site's address."""
    fine = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if fine else "/"


def logout(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /logout``."""
    if caller.token is not None:
        service.ledger.close_session(caller.token)
    response = go("/login?left=true" if service.admission.sign_on else "/login")
    SESSION.take_back(response, call)
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
