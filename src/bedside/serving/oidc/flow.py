"""One log-in at the provider: there with a state, a nonce and a PKCE challenge, and back with a code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from bedside.errors import AccessDenied
from bedside.ledger import Ledger, Voucher
from bedside.serving.logs import log
from bedside.serving.oidc.directory import Directory, Endpoints
from bedside.serving.oidc.identity import NotProven, claims_of
from bedside.serving.oidc.provider import Provider
from bedside.serving.oidc.wire import ProviderSilent, fetch

LASTS_SECONDS = 600
"""How long a person may take at the provider."""

_REMEMBERED = 10_000


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A log-in that was begun, as its cookie carries it, sealed; ``wanted`` is the page to go on to."""

    state: str
    nonce: str
    verifier: str
    wanted: str
    begun: float


class Returned(msgspec.Struct, frozen=True, kw_only=True):
    """The query with which the provider sends a person back; what else it may hold is not looked at."""

    state: str = ""
    code: str = ""
    error: str = ""
    iss: str | None = None


@dataclass
class SignOn:
    """Log-ins through one provider. ``clock``: seconds since 1970, as tokens count them."""

    provider: Provider
    clock: Callable[[], float] = time.time
    directory: Directory = field(init=False)
    _used: dict[str, None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.directory = Directory(self.provider.issuer, self.clock)

    def begin(self, wanted: str) -> tuple[str, Pending]:
        """The provider's address for one log-in, and what must be kept until it is back. ``ProviderSilent``."""
        endpoint = self.directory.endpoints().authorization_endpoint
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self.provider.redirect_uri,
            "scope": " ".join(self.provider.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        pending = Pending(state=state, nonce=nonce, verifier=verifier, wanted=wanted, begun=self.clock())
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}", pending

    def finish(self, pending: Pending, returned: Returned, ledger: Ledger) -> Voucher:
        """Who came back. Raises ``AccessDenied`` (401, 403) and enters why in the ledger; ``ProviderSilent``."""
        try:
            self._check_return(pending, returned)
            if returned.error or not returned.code:
                raise NotProven("the provider did not log in")
            claims = self._claims(pending, returned.code)
        except NotProven as error:
            log("log-in through the provider failed", level=logging.WARNING, why=error.why)
            body = {"issuer": self.provider.issuer, "reason": error.why}
            ledger.append("log-in-failed", actor="unknown", body=body)
            raise AccessDenied(
                "the log-in through the provider did not succeed", logged_in=False, remedy="Begin again"
            ) from error
        return self._voucher(claims, ledger)

    def end_session_address(self) -> str | None:
        """Where a person logs out at the provider, too; None where that is not offered or not known now."""
        if not self.provider.log_out:
            return None
        try:
            address = self.directory.endpoints().end_session_endpoint
        except ProviderSilent:
            return None
        parts = urlsplit(self.provider.redirect_uri)
        back = {
            "client_id": self.provider.client_id,
            "post_logout_redirect_uri": f"{parts.scheme}://{parts.netloc}/login",
        }
        return address and f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(back)}"

    def _check_return(self, pending: Pending, returned: Returned) -> None:
        if not hmac.compare_digest(returned.state.encode(), pending.state.encode()):
            raise NotProven("another log-in came back")
        if self.clock() - pending.begun > LASTS_SECONDS:
            raise NotProven("the log-in took too long")
        with self._lock:
            if pending.state in self._used:
                raise NotProven("the log-in came back a second time")
            self._used[pending.state] = None
            if len(self._used) > _REMEMBERED:
                del self._used[next(iter(self._used))]
        told = self.directory.endpoints().authorization_response_iss_parameter_supported
        if returned.iss != self.provider.issuer and (told or returned.iss is not None):
            raise NotProven("another issuer sent the log-in back")  # RFC 9207

    def _claims(self, pending: Pending, code: str) -> dict[str, Any]:
        endpoints = self.directory.endpoints()
        status, said = fetch(endpoints.token_endpoint, **self._token_request(endpoints, pending, code))
        token, access = said.get("id_token"), said.get("access_token")
        if status != 200 or not isinstance(token, str):
            raise NotProven("the provider does not take the code")
        claims = claims_of(token, self.provider, self.directory, nonce=pending.nonce, now=self.clock())
        silent = value_of(claims, self.provider.role_claim) is None
        if silent and endpoints.userinfo_endpoint and isinstance(access, str):
            status, more = fetch(endpoints.userinfo_endpoint, headers={"Authorization": f"Bearer {access}"})
            if status != 200 or more.get("sub") != claims["sub"]:
                raise NotProven("the provider tells of somebody else")
            claims = more | claims
        return claims

    def _token_request(self, endpoints: Endpoints, pending: Pending, code: str) -> dict[str, Any]:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.provider.redirect_uri,
            "code_verifier": pending.verifier,
            "client_id": self.provider.client_id,
        }
        secret, known = self.provider.client_secret, endpoints.token_endpoint_auth_methods_supported
        if secret is None:
            return {"fields": fields}
        if "client_secret_basic" not in known and "client_secret_post" in known:
            return {"fields": fields | {"client_secret": secret}}
        pair = f"{quote(self.provider.client_id, safe='')}:{quote(secret, safe='')}"  # RFC 6749, section 2.3.1
        basic = base64.b64encode(pair.encode()).decode()
        return {"fields": fields, "headers": {"Authorization": f"Basic {basic}"}}

    def _voucher(self, claims: dict[str, Any], ledger: Ledger) -> Voucher:
        role = self._role(value_of(claims, self.provider.role_claim))
        name = value_of(claims, self.provider.name_claim)
        full_name = value_of(claims, self.provider.full_name_claim)
        if role is None:
            body = {"issuer": self.provider.issuer, "reason": "no role", "subject": claims["sub"]}
            ledger.append("log-in-failed", actor="unknown", body=body)
            raise AccessDenied(
                "the log-in provider gives you no role here", remedy="Ask whoever looks after your account there"
            )
        return Voucher(
            issuer=self.provider.issuer,
            subject=claims["sub"],
            name=name if isinstance(name, str) else "",
            full_name=full_name.strip()[:200] or None if isinstance(full_name, str) else None,
            role=role,
        )

    def _role(self, said: object) -> str | None:
        listed = said if isinstance(said, list) else [said]
        values = {one for one in listed if isinstance(one, str)}
        return next((role for role, wanted in self.provider.roles if wanted & values), None)


def value_of(claims: dict[str, Any], claim: str) -> Any:
    """A claim by its name, or by the way to it: ``realm_access.roles``. None where there is none."""
    if claim in claims:
        return claims[claim]
    found: Any = claims
    for step in claim.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found
