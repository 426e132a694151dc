"""Passwords and keys: made, stored so that nobody can read them back, compared."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bedside.errors import ValueRefused

KEY_PREFIX = "bk_"
SHORTEST = 12
_LONGEST = 1024  # longer ones only serve to keep the server busy
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"  # without i, l, o, 0, 1: these are read off paper


def one_time_password() -> str:
    """Five groups of four, 20 of 31 signs: 99 random bits, easy to type once."""
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(4)) for _ in range(5))


def api_key() -> str:
    """``bk_`` and 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """SHA-256: enough for what is random already, and the same each time, so that it can be looked up."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def hashed(hasher: PasswordHasher, password: str) -> str:
    """Argon2id (RFC 9106) with a random salt."""
    return hasher.hash(_normal(password))


def matches(hasher: PasswordHasher, stored: str, password: str) -> bool:
    """Whether ``stored`` was made from this password."""
    if len(password) > _LONGEST:
        return False
    try:
        return hasher.verify(stored, _normal(password))
    except (VerificationError, InvalidHashError):
        return False


def check_new(name: str, old: str, new: str) -> None:
    """Length counts, rules about signs do not (NIST SP 800-63B). Raises ``ValueRefused`` with what is wrong."""
    if len(_normal(new)) < SHORTEST:
        raise ValueRefused({"new": f"a password has at least {SHORTEST} characters"})
    if len(new) > _LONGEST:
        raise ValueRefused({"new": f"a password has at most {_LONGEST} characters"})
    if name.casefold() in (_normal(new).casefold(), _normal(new).strip().casefold()):
        raise ValueRefused({"new": "a password cannot be the user's name"})
    if _normal(new) == _normal(old):
        raise ValueRefused({"new": "this is the old password"})


def _normal(password: str) -> str:
    # One word typed on two keyboards can come as different code points.
    return unicodedata.normalize("NFKC", password.encode("utf-8", "replace").decode())
