"""Users and keys: an administrator adds, renews, lets in and shuts out; each secret is shown exactly once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from starlette.responses import Response

from bedside.errors import BedsideError, Conflict, NotFound
from bedside.ledger import Account, Key, Ledger, User
from bedside.ledger.user import ROLES
from bedside.review.accounts import refused
from bedside.review.figures import ago
from bedside.review.reader import Reader, reader_of
from bedside.review.rendering import go, render
from bedside.review.words import Translate
from bedside.serving.access import Caller
from bedside.serving.call import Call
from bedside.serving.service import Service

ADDED = ("name", "full_name", "role", "days")


@dataclass(frozen=True)
class Row:
    """One user in the list.

    ``tone`` is ``good``, ``warn`` or ``bad``; ``until``: when the state ends by itself. ``keys``: of a service,
    each with whether it has expired; ``oldest``: how old the first of them is.
    """

    account: Account
    state: str
    tone: str
    until: str
    keys: tuple[tuple[Key, bool], ...]
    oldest: str


def listing(service: Service, call: Call, caller: Caller) -> Response:
    """``GET /users``."""
    return _list(service, call, caller, 200, "", {"role": "clinician"})


def add(service: Service, call: Call, caller: Caller) -> Response:
    """``POST /users``: the reply shows the one-time password, or a service's key, and nothing ever shows it again."""
    form = call.form()
    typed = {name: form.get(name, "") for name in ADDED}
    try:
        days = _number(typed["days"])
        user, secret = service.ledger.add_user(
            typed["name"], typed["role"], full_name=typed["full_name"], days=days, actor=caller.user.name
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
    form, ledger = call.form(), service.ledger
    user, actor, act = ledger.user(call.parameters["name"]), caller.user.name, form.get("act", "")
    try:
        _refuse_own(act, user, caller.user)
        if act == "renew":
            return _secret(service, call, caller, 200, user, ledger.renew_secret(user.name, actor=actor))
        if act == "new-key":
            _, key = ledger.add_key(user.name, days=_number(form.get("days", "")), actor=actor)
            return _secret(service, call, caller, 200, user, key)
        acts = _acts(ledger, user, form)
        if act not in acts:
            raise NotFound("there is no such act", where=act[:100])
        acts[act](actor)
    except BedsideError as error:
        if error.status not in {409, 422}:
            raise
        return _user(service, call, caller, *refused(error, reader_of(call)))
    return go(f"/users/{quote(user.name)}")


def _number(text: str) -> int | None:
    """None where nothing was typed, and 0, which the ledger refuses, for what is no number."""
    text = text.strip()
    return None if not text else int(text) if text.isdecimal() and len(text) < 10 else 0


def _acts(ledger: Ledger, user: User, form: Mapping[str, str]) -> dict[str, Callable[[str], object]]:
    """What can be done to a user; each takes the name of who does it."""
    return {
        "revoke-key": lambda actor: ledger.revoke_key(user.name, _number(form.get("key", "")) or 0, actor=actor),
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
    keys = tuple((key, key.expired(service.ledger.now())) for key in account.keys)
    state, tone, until = _state(account, keys, service.clock(), reader.t)
    oldest = ago(min(key.made for key, _ in keys), service.clock(), reader.t) if keys else ""
    return Row(account, state, tone, until, keys, oldest)


def _state(
    account: Account, keys: tuple[tuple[Key, bool], ...], now: dt.datetime, t: Translate
) -> tuple[str, str, str]:
    if not account.user.active:
        return t("deactivated"), "bad", ""
    if account.user.role == "service" and all(expired for _, expired in keys):
        return t("no key that works"), "warn", ""
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
