"""Who logged in: the ID token, believed only as far as OpenID Connect Core 1.0, section 3.1.3.7, allows."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode
from typing import Any

from bedside.serving.oidc.directory import ALGORITHMS, Directory
from bedside.serving.oidc.provider import Provider

LEEWAY = 60
"""Seconds by which two clocks may differ."""

_OLDEST = 600
_LONGEST = 64 * 1024


class NotProven(Exception):  # noqa: N818  # it says what happened
    """The token does not prove who it is; ``why`` is a constant text for log and ledger."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def claims_of(token: str, provider: Provider, directory: Directory, *, nonce: str, now: float) -> dict[str, Any]:
    """What the ID token says, once its signature and all that it must say hold. Raises ``NotProven``."""
    claims = _signed(token, directory)
    _check_parties(claims, provider)
    _check_times(claims, now)
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        raise NotProven("the token answers another log-in")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
        raise NotProven("the token names nobody")
    return claims


def _signed(token: str, directory: Directory) -> dict[str, Any]:
    from joserfc import jwt
    from joserfc.errors import JoseError

    header = _header(token)
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise NotProven("the token is signed in a way that is not taken")
    if key_id is not None and not isinstance(key_id, str):
        raise NotProven("the token is no signed token")
    key: Any = directory.key(algorithm, key_id)
    if key is None:
        raise NotProven("the token is signed with an unknown key")
    try:
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=[algorithm]).claims
    except (JoseError, ValueError, TypeError) as error:
        raise NotProven("the token's signature does not hold") from error
    return claims


def _header(token: str) -> dict[str, Any]:
    head, _, rest = token.partition(".")
    if len(token) > _LONGEST or rest.count(".") != 1:
        raise NotProven("the token is no signed token")
    try:
        header = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError) as error:
        raise NotProven("the token is no signed token") from error
    if not isinstance(header, dict):
        raise NotProven("the token is no signed token")
    return header


def _check_parties(claims: dict[str, Any], provider: Provider) -> None:
    if claims.get("iss") != provider.issuer:
        raise NotProven("the token is of another issuer")
    said = claims.get("aud")
    audience = [said] if isinstance(said, str) else said
    if not isinstance(audience, list) or provider.client_id not in audience:
        raise NotProven("the token is for somebody else")
    if any(one not in (provider.client_id, *provider.audiences) for one in audience):
        raise NotProven("the token is also for somebody unknown")
    party = claims.get("azp")
    if (party is None and len(audience) > 1) or party not in (None, provider.client_id):
        raise NotProven("the token was given to somebody else")


def _check_times(claims: dict[str, Any], now: float) -> None:
    ends, issued, begins = (_moment(claims.get(name)) for name in ("exp", "iat", "nbf"))
    if ends is None or issued is None:
        raise NotProven("the token has no times")
    if not now < ends + LEEWAY:
        raise NotProven("the token has expired")
    early = max(issued, begins or 0.0) > now + LEEWAY
    if early or issued < now - _OLDEST - LEEWAY:
        raise NotProven("the token is not of this time")


def _moment(said: object) -> float | None:
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) else None
