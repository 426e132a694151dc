"""What the provider publishes about itself: where to ask what, and its keys (OpenID Connect Discovery 1.0)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from bedside.serving.oidc.wire import ProviderSilent, fetch, secure

if TYPE_CHECKING:
    from joserfc.jwk import Key

ALGORITHMS = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "Ed25519": "OKP"}
"""How a token may be signed, and with what kind of key. Never ``none``, never with a shared secret."""

_HOLDS = 3600.0
_RENEW_AFTER = 30.0
_SHORTEST_RSA = 2048


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a provider's description that is used here; the names are the standard's."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


@dataclass
class Directory:
    """Description and keys of one issuer, asked for when needed and kept for an hour; safe from several threads.

    A key that is not known makes the keys be asked for anew, at most every 30 seconds.
    """

    issuer: str
    clock: Callable[[], float]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _endpoints: tuple[Endpoints, float] | None = None
    _keys: tuple[list[Key], float] | None = None

    def endpoints(self) -> Endpoints:
        """Where to ask what. Raises ``ProviderSilent``."""
        with self._lock:
            if self._endpoints is None or self.clock() - self._endpoints[1] > _HOLDS:
                self._endpoints = self._described(), self.clock()
            return self._endpoints[0]

    def key(self, algorithm: str, key_id: str | None) -> Key | None:
        """The one key that may have signed so, or None. A token without ``kid`` needs that only one fits."""
        address = self.endpoints().jwks_uri
        with self._lock:
            if self._keys is None or self.clock() - self._keys[1] > _HOLDS:
                self._keys = _keys(address), self.clock()
            found = _fitting(self._keys[0], algorithm, key_id)
            if found is None and self.clock() - self._keys[1] > _RENEW_AFTER:
                self._keys = _keys(address), self.clock()
                found = _fitting(self._keys[0], algorithm, key_id)
            return found

    def _described(self) -> Endpoints:
        status, said = fetch(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
        try:
            found = msgspec.convert(said, Endpoints)
        except msgspec.ValidationError as error:
            raise ProviderSilent(f"status {status} and no description") from error
        if found.issuer != self.issuer:
            raise ProviderSilent("a description of another issuer")
        asked = (found.authorization_endpoint, found.token_endpoint, found.jwks_uri, found.userinfo_endpoint)
        if not all(secure(address) for address in asked if address is not None):
            raise ProviderSilent("an address without TLS")
        return found


def _keys(address: str) -> list[Key]:
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    status, said = fetch(address)
    listed = said.get("keys")
    if status != 200 or not isinstance(listed, list):
        raise ProviderSilent(f"status {status} and no keys")
    found: list[Any] = []
    for one in listed:
        if isinstance(one, dict) and one.get("kty") in ALGORITHMS.values() and one.get("use", "sig") == "sig":
            try:
                found.append(import_key(one))
            except (JoseError, ValueError, TypeError, KeyError):
                continue  # a kind of key that is not known here is no reason not to use the others
    return found


def _fitting(keys: list[Key], algorithm: str, key_id: str | None) -> Key | None:
    fitting = [key for key in keys if _may_sign(key, algorithm) and key_id in (None, key.kid)]
    return fitting[0] if len(fitting) == 1 else None


def _may_sign(key: Any, algorithm: str) -> bool:
    curve = {"ES256": "P-256", "Ed25519": "Ed25519"}.get(algorithm)
    return bool(
        key.key_type == ALGORITHMS[algorithm]
        and key.get("alg", algorithm) == algorithm
        and (curve is None or key.get("crv") == curve)
        and (key.key_type != "RSA" or key.raw_value.key_size >= _SHORTEST_RSA)
    )
