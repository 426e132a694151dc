"""Users and keys: an administrator adds, renews, lets in and shuts out; each secret is shown exactly once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from starlette.responses import Response

from bedside.errors import BedsideError, Conflict, NotFound
from bedside.ledger import Account, User
from bedside.ledger.accounts import ROLES
from bedside.review.accounts import refused
from bedside.review.figures import ago
from bedside.review.reader import Reader, reader_of
from bedside.review.rendering import go, render
from bedside.review.words import Translate
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.service import Service

ADDED = ("name", "full_name", "role")


@dataclass(frozen=True)
class Row:
    """One user in the list.

    ``tone`` is ``good``, ``warn`` or ``bad``; ``until``: when the state ends by itself; ``since``: how old the password
    or key is.
    """

    account: Account
    state: str
    tone: str
    until: str
    since: str


def listing(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /users``."""
    return _list(service, call, caller, 200, "", {"role": "clinician"})


def add(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /users``: the reply shows the one-time password, or a service's key, and nothing ever shows it again."""
    form = call.form()
    typed = {name: form.get(name, "") for name in ADDED}
    try:
        user, secret = service.ledger.add_user(
            typed["name"], typed["role"], full_name=typed["full_name"], actor=caller.user.name
        )
    except BedsideError as error:
        if error.status not in {409, 422}:
            raise
        return _list(service, call, caller, *refused(error, reader_of(call)), typed)
    return _secret(service, call, caller, 201, user, secret)


def show(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /users/{name}``."""
    return _user(service, call, caller, 200, "")


def change(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /users/{name}``: one act, named by the form's ``act``."""
    form, name = call.form(), call.parameters["name"]
    user = service.ledger.user(name)
    act = form.get("act", "")
    try:
        _refuse_own(act, user, caller.user)
        if act == "renew":
            secret = service.ledger.renew_secret(user.name, actor=caller.user.name)
            return _secret(service, call, caller, 200, user, secret)
        _acts(service, user, form)[act](caller.user.name)
    except KeyError:
        raise NotFound("there is no such act", where=act[:100]) from None
    except BedsideError as error:
        if error.status not in {409, 422}:
            raise
        return _user(service, call, caller, *refused(error, reader_of(call)))
    return go(f"/users/{quote(user.name)}")


def _acts(service: Service, user: User, form: Mapping[str, str]) -> dict[str, Callable[[str], object]]:
    """What can be done to a user; each takes the name of who does it."""
    ledger = service.ledger
    return {
        "deactivate": lambda actor: ledger.set_active(user.name, False, actor=actor),
        "activate": lambda actor: ledger.set_active(user.name, True, actor=actor),
        "unlock": lambda actor: ledger.unlock(user.name, actor=actor),
        "end-sessions": lambda actor: ledger.end_sessions(user.name, actor=actor),
        "role": lambda actor: ledger.set_role(user.name, form.get("role", ""), actor=actor),
    }


def _refuse_own(act: str, user: User, admin: User) -> None:
    """Nobody shuts themselves out: so there is always an administrator who can let others in."""
    if user.name == admin.name and act in {"deactivate", "role", "renew"}:
        raise Conflict("you cannot do this to your own account", remedy="Another administrator can")


def _row(service: Service, account: Account, reader: Reader) -> Row:
    state, tone, until = _state(account, service.clock(), reader.t)
    since = ago(account.secret_since, service.clock(), reader.t) if account.secret_since else ""
    return Row(account, state, tone, until, since)


def _state(account: Account, now: dt.datetime, t: Translate) -> tuple[str, str, str]:
    if not account.user.active:
        return t("deactivated"), "bad", ""
    if account.locked_until is not None:
        return t("locked"), "warn", account.locked_until
    if account.one_time_until is None:
        return t("active"), "good", ""
    if dt.datetime.fromisoformat(account.one_time_until) <= now:
        return t("one-time password expired"), "warn", ""
    return t("one-time password"), "warn", account.one_time_until


def _user(service: Service, call: Call, caller: Caller, status: int, problem: str) -> Response:
    name = service.ledger.user(call.parameters["name"]).name
    account = next(one for one in service.ledger.staff() if one.user.name == name)
    row = _row(service, account, reader_of(call))
    return render(
        service,
        "user.html",
        call,
        caller,
        status,
        row=row,
        shown=account.user,
        own=account.user.name == caller.user.name,
        roles=[role for role in ROLES if role != "service"],
        problem=problem,
    )


def _list(
    service: Service, call: Call, caller: Caller, status: int, problem: str, typed: Mapping[str, str]
) -> Response:
    reader = reader_of(call)
    rows = [_row(service, account, reader) for account in service.ledger.staff()]
    return render(
        service,
        "users.html",
        call,
        caller,
        status,
        people=[row for row in rows if row.account.user.role != "service"],
        services=[row for row in rows if row.account.user.role == "service"],
        problem=problem,
        typed={name: typed.get(name, "") for name in ADDED},
        roles=ROLES,
    )


def _secret(service: Service, call: Call, caller: Caller, status: int, user: User, secret: str) -> Response:
    return render(service, "secret.html", call, caller, status, shown=user, secret=secret)
