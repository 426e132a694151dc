"""The file that ``--oidc`` names: which provider, who bedside is there, and which role follows from which claim."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from bedside.errors import UsageError
from bedside.ledger import ROLES
from bedside.serving.call import is_loopback
from bedside.sources import nearest

RETURN_PATH = "/login/return"
PEOPLE = tuple(role for role in ROLES if role != "service")


class _Provider(msgspec.Struct, frozen=True, kw_only=True):
    issuer: str
    client_id: str
    redirect_uri: str
    name: str = "the hospital's log-in"
    client_secret_file: str | None = None
    client_secret_env: str | None = None
    scopes: tuple[str, ...] = ("openid", "profile")
    audiences: tuple[str, ...] = ()
    passwords: bool = True
    log_out: bool = False


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    role: str
    name: str = "preferred_username"
    full_name: str = "name"


KEYS: Mapping[str, tuple[str, ...]] = {
    "provider": _Provider.__struct_fields__,
    "claims": _Claims.__struct_fields__,
    "roles": PEOPLE,
}
"""Table → the keys that it may have."""


@dataclass(frozen=True)
class Provider:
    """A log-in provider, as the operator describes it.

    Attributes
    ----------
    issuer: what its tokens must say, and where its description is found.
    client_id, client_secret: who bedside is there; no secret: a public client.
    redirect_uri: where it sends people back to, registered there exactly so.
    name: as people call it. scopes: asked for. audiences: whom a token may be for beside ``client_id``.
    passwords: whether people may also log in with a password of ours. log_out: offer to log out there, too.
    name_claim, full_name_claim, role_claim: where a token says these; a dot leads into an object.
    roles: (role, values of the role's claim) in the file's order; the first that fits counts.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    redirect_uri: str
    name: str
    scopes: tuple[str, ...]
    audiences: tuple[str, ...]
    passwords: bool
    log_out: bool
    name_claim: str
    full_name_claim: str
    role_claim: str
    roles: tuple[tuple[str, frozenset[str]], ...]


def read_provider(path: str | Path) -> Provider:
    """The provider in a TOML file. Raises ``UsageError`` naming the key, for unknown ones with the nearest known."""
    path = Path(path)
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"this file cannot be read ({error.strerror})", where=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"this is not TOML ({error})", where=str(path)) from error
    _refuse_unknown(read, path)
    given = _converted(read, "provider", _Provider, path)
    claims = _converted(read, "claims", _Claims, path)
    _check_address(given.issuer, "issuer", path)
    _check_address(given.redirect_uri, "redirect_uri", path)
    if urlsplit(given.redirect_uri).path != RETURN_PATH or urlsplit(given.redirect_uri).query:
        raise UsageError(f"must be this server's address, then {RETURN_PATH}", where=f"{path}: [provider] redirect_uri")
    if "openid" not in given.scopes:
        raise UsageError('must hold "openid"', where=f"{path}: [provider] scopes")
    return Provider(
        issuer=given.issuer,
        client_id=given.client_id,
        client_secret=_secret(given, path),
        redirect_uri=given.redirect_uri,
        name=given.name,
        scopes=given.scopes,
        audiences=given.audiences,
        passwords=given.passwords,
        log_out=given.log_out,
        name_claim=claims.name,
        full_name_claim=claims.full_name,
        role_claim=claims.role,
        roles=_roles(read, path),
    )


def _refuse_unknown(read: Mapping[str, Any], path: Path) -> None:
    for table, content in read.items():
        if table not in KEYS or not isinstance(content, dict):
            raise UsageError(f"there is no table [{table}]", where=str(path), remedy=nearest(table, list(KEYS)))
        for key in content:
            if key not in KEYS[table]:
                raise UsageError(
                    f"there is no key {key}", where=f"{path}: [{table}]", remedy=nearest(key, list(KEYS[table]))
                )


def _converted(read: Mapping[str, Any], table: str, kind: Any, path: Path) -> Any:
    if table not in read:
        raise UsageError(f"the table [{table}] is missing", where=str(path))
    try:
        return msgspec.convert(read[table], kind)
    except msgspec.ValidationError as error:
        raise UsageError(str(error), where=f"{path}: [{table}]") from error


def _check_address(address: str, key: str, path: Path) -> None:
    """HTTPS, or plain HTTP where nothing leaves the machine."""
    parts = urlsplit(address)
    fine = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not (fine and parts.hostname) or parts.fragment:
        raise UsageError(f"{address!r} is no address with https://", where=f"{path}: [provider] {key}")


def _secret(given: _Provider, path: Path) -> str | None:
    where = f"{path}: [provider]"
    if given.client_secret_file is not None and given.client_secret_env is not None:
        raise UsageError("give client_secret_file or client_secret_env, not both", where=where)
    if given.client_secret_env is not None:
        secret = os.environ.get(given.client_secret_env, "")
        where = f"{where} client_secret_env"
    elif given.client_secret_file is not None:
        file = path.parent / given.client_secret_file
        where = str(file)
        try:
            secret = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError("the client's secret cannot be read", where=where) from error
    else:
        return None
    if not secret:
        raise UsageError("there is no secret", where=where)
    return secret


def _roles(read: Mapping[str, Any], path: Path) -> tuple[tuple[str, frozenset[str]], ...]:
    try:
        mapped = msgspec.convert(read.get("roles", {}), dict[str, list[str]])
    except msgspec.ValidationError as error:
        raise UsageError(str(error), where=f"{path}: [roles]") from error
    if not any(mapped.values()):
        raise UsageError("no role follows from any value: nobody could log in", where=f"{path}: [roles]")
    return tuple((role, frozenset(values)) for role, values in mapped.items())
