"""Who asks, and may they: sessions of people by cookie, keys of services, and the token that forms must carry."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from bedside.errors import AccessDenied, LedgerError
from bedside.ledger import Ledger, User
from bedside.serving.call import Call
from bedside.serving.cookies import SESSION
from bedside.serving.limits import LOG_INS, PEOPLE, STRANGERS, Rate, TooMany, network
from bedside.serving.route import Route
from bedside.serving.service import Service

CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"


class PasswordDue(AccessDenied):
    """Logged in with a one-time password, which must be changed before anything else."""


@dataclass(frozen=True)
class Caller:
    """A known user; ``token`` is the session's, None for a service that came with its key."""

    user: User
    token: str | None


def authenticate(service: Service, call: Call) -> Caller:
    """The user behind a request. Raises ``AccessDenied`` (401) where there is none or the log-in has run out."""
    authorization = call.headers.get("authorization")
    if authorization is not None:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise AccessDenied(
                "this kind of Authorization is not known", logged_in=False, remedy="Use Bearer and a key"
            )
        return Caller(service.ledger.authenticate_key(key.strip()), None)
    token = SESSION.sent(call)
    if token is None:
        raise AccessDenied(
            "nobody is logged in",
            logged_in=False,
            remedy="People log in at /login; services send Authorization: Bearer and their key",
        )
    return Caller(service.ledger.session_user(token, idle=service.admission.idle), token)


def known(service: Service, call: Call) -> Caller | None:
    """Who is logged in, if anybody and if it can be told: for what is shown to all, but says who reads it."""
    try:
        return authenticate(service, call)
    except (AccessDenied, LedgerError):
        return None


def admit(service: Service, call: Call, route: Route) -> Caller | None:
    """Who may go on to the endpoint: None where the route is open to anyone.

    Raises ``AccessDenied``: 401 without a log-in, 403 for a role without the right, for a one-time password that was
    not changed yet, and for a form or a cookie's POST without its token. Raises ``TooMany`` (429).
    """
    if route.method == "POST":
        _refuse_other_sites(call)
    if route.roles is None:
        _take(service, LOG_INS if route.log_in else STRANGERS, network(call.address), "stranger")
        return None
    caller = _known(service, call)
    if caller.user.role not in route.roles:
        allowed = ", ".join(sorted(route.roles))
        raise AccessDenied(f"the role {caller.user.role} has no right to this", remedy=f"It is open to: {allowed}")
    if caller.token is not None:
        if not route.with_one_time_password and service.ledger.must_change(caller.user):
            raise PasswordDue("the one-time password must be changed first", remedy="Change it at /password")
        if route.method == "POST":
            require_token(service.ledger, call, caller.token)
    return caller


def _known(service: Service, call: Call) -> Caller:
    try:
        caller = authenticate(service, call)
    except AccessDenied:
        count_stranger(service, call.address)
        raise
    count_known(service, caller.user)
    return caller


def count_known(service: Service, user: User) -> None:
    """One request of somebody who proved who they are. Raises ``TooMany`` (429)."""
    _take(service, service.admission.services if user.role == "service" else PEOPLE, user.name, "known")


def count_stranger(service: Service, address: str) -> None:
    """One request from this address of somebody who did not prove it. Raises ``TooMany`` (429)."""
    _take(service, STRANGERS, network(address), "stranger")


def _take(service: Service, rate: Rate, who: str, kind: str) -> None:
    try:
        service.limits.take(rate, who)
    except TooMany:
        service.metrics.limited(kind)
        raise


def require_token(ledger: Ledger, call: Call, token: str) -> None:
    """Raises ``AccessDenied`` (403) where the request does not carry the session's token, as a field or a header."""
    sent = call.form().get(CSRF_FIELD, "") if call.is_form else call.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(sent.encode(), ledger.csrf_token(token).encode()):
        raise AccessDenied(
            "the request does not carry the token of this session",
            remedy="Load the page again; programs send it in X-CSRF-Token, or use a service key",
        )


def _refuse_other_sites(call: Call) -> None:
    """Browsers say when another site made them send a form; this also guards the log-in, which has no token.

    Programs say neither Sec-Fetch-Site nor Origin, and browsers from before 2020 not always: these pass.
    """
    site = call.headers.get("sec-fetch-site")
    ours = _own_origin(call.headers) if site is None else site in {"same-origin", "none"}
    if not ours:
        raise AccessDenied(
            "this form was sent from another site", remedy="Open bedside's own page and send it from there"
        )


def _own_origin(headers: Mapping[str, str]) -> bool:
    """Whether Origin names the host that was asked. Ports are not compared: proxies often leave them out of Host."""
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        name = urlsplit(origin).hostname  # None for "null", which is what a page says that hides where it is from
        return name is not None and name == urlsplit(f"//{headers.get('host', '')}").hostname
    except ValueError:
        return False
