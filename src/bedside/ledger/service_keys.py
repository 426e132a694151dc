"""Keys of services: each may have several, so that one takes over from another without an interruption."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, insert, select

from bedside.errors import AccessDenied, Conflict, NotFound, ValueRefused
from bedside.ledger import passwords, tables
from bedside.ledger.clock import stamp
from bedside.ledger.store import Store
from bedside.ledger.user import User, normal_name, user_of

LONGEST_DAYS = 3650
MAKING_A_KEY = ("user-added", "secret-renewed", "key-made")
"""Kinds of entries about a service with each of which it got one more key; keys are numbered by them."""

_KEY = tables.keys.c
_USER = tables.users.c
_ENTRY = tables.entries.c


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key that was not revoked, without its secret; moments are UTC as in entries.

    Attributes
    ----------
    service: whose it is. number: by which it is called; none is given twice to one service.
    made: when. expires: from when on it no longer works; None: never.
    """

    service: str
    number: int
    made: str
    expires: str | None

    def expired(self, now: str) -> bool:
        """Whether it has stopped working by itself."""
        return self.expires is not None and self.expires <= now


class ServiceKeys(Store):
    """Keys, known to the database by their SHA-256 only: they are random, and need no slow hash."""

    def add_key(self, service: str, *, days: int | None = None, actor: str) -> tuple[Key, str]:
        """One more key for a service, and its secret, which cannot be shown again; it works for ``days``, or for good.

        Raises ``NotFound``, ``Conflict`` for a person, and ``ValueRefused`` for days that cannot be.
        """
        with self._writing() as connection:
            name = self._service(connection, service)
            made = select(func.count()).where(_ENTRY.subject == name, _ENTRY.kind.in_(MAKING_A_KEY))
            number = 1 + connection.execute(made).scalar_one()
            return self._make_key(connection, "key-made", name, number, {}, days=days, actor=actor)

    def revoke_key(self, service: str, number: int, *, actor: str) -> Key:
        """End one key; the others of the service go on. Raises ``NotFound``, and ``Conflict`` for a person."""
        with self._writing() as connection:
            name = self._service(connection, service)
            key = next((key for key in self._keys(connection, name) if key.number == number), None)
            if key is None:
                raise NotFound(f"{name} has no key {number}", remedy="See: bedside key list")
            connection.execute(delete(tables.keys).where(_KEY.name == name, _KEY.number == number))
            self._enter(connection, "key-revoked", actor=actor, body={"number": number}, subject=name)
        return key

    def service_keys(self, service: str | None = None) -> tuple[Key, ...]:
        """The keys of a service, or of all, that were not revoked; expired ones too. Raises as ``revoke_key``."""
        with self._reading() as connection:
            name = None if service is None else self._service(connection, service)
            return self._keys(connection, name)

    def authenticate_key(self, key: str) -> User:
        """The active service whose key this is. Raises ``AccessDenied`` (401). Not entered: each request brings one."""
        query = select(tables.users, _KEY.expires).join(tables.keys, _KEY.name == _USER.name)
        with self._reading() as connection:
            row = connection.execute(query.where(_KEY.key_hash == passwords.token_hash(key))).one_or_none()
        if row is None or not row.active or row.role != "service":
            raise AccessDenied("this is not the key of an active service", logged_in=False)
        if row.expires is not None and row.expires <= self.now():
            raise AccessDenied(
                "this key has expired", logged_in=False, remedy="An administrator makes another: bedside key add"
            )
        return user_of(row._asdict())

    def _make_key(
        self,
        connection: Connection,
        kind: str,
        name: str,
        number: int,
        body: dict[str, Any],
        *,
        days: int | None,
        actor: str,
    ) -> tuple[Key, str]:
        """A key that the entry of this kind tells of."""
        if days is not None and not 1 <= days <= LONGEST_DAYS:
            raise ValueRefused({"days": f"a key lasts 1 to {LONGEST_DAYS} days"})
        secret = passwords.api_key()
        digest = passwords.token_hash(secret)
        expires = None if days is None else stamp(self._clock() + timedelta(days=days))
        credential = self._vault.credential(name, None, digest, expires)
        said = {**body, "number": number, "expires": expires, "credential": credential}
        entry = self._enter(connection, kind, actor=actor, body=said, subject=name)
        row = {"name": name, "number": number, "made": entry.at, "expires": expires}
        connection.execute(insert(tables.keys), {**row, "key_hash": digest})
        return Key(service=name, number=number, made=entry.at, expires=expires), secret

    def _keys(self, connection: Connection, service: str | None = None) -> tuple[Key, ...]:
        query = select(tables.keys).order_by(_KEY.name, _KEY.number)
        rows = connection.execute(query if service is None else query.where(_KEY.name == service)).all()
        return tuple(Key(service=row.name, number=row.number, made=row.made, expires=row.expires) for row in rows)

    def _service(self, connection: Connection, name: str) -> str:
        role = connection.execute(select(_USER.role).where(_USER.name == normal_name(name))).scalar_one_or_none()
        if role is None:
            raise NotFound(f"there is no user {name!r}")
        if role != "service":
            raise Conflict("only a service has keys", remedy="A person has a password: bedside user renew")
        return normal_name(name)
