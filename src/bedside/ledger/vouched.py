"""People whom a log-in provider vouches for: known by what the provider calls them, never by a name alone."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from bedside.errors import AccessDenied, Conflict, ValueRefused
from bedside.ledger import tables
from bedside.ledger.accounts import Accounts
from bedside.ledger.entry import canonical
from bedside.ledger.user import ROLES, User, normal_name

PROVIDER = "log-in provider"
"""Who did what a provider told."""

_USER = tables.users.c


class Voucher(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of a person who has just logged in there.

    Attributes
    ----------
    issuer, subject: together who it is, for ever; nothing else of this is.
    name: for a person who comes for the first time. full_name, role: as they stand now.
    """

    issuer: str
    subject: str
    name: str
    full_name: str | None
    role: str


def link_of(issuer: str, subject: str) -> str:
    """What stands for a person at a provider in the database: SHA-256 of both, told apart by their lengths."""
    return hashlib.sha256(canonical(issuer, subject)).hexdigest()


class Vouched(Accounts):
    """Log-ins without a password of ours; each is entered, and so is every change that the provider tells."""

    def admit_vouched(self, voucher: Voucher) -> User:
        """The user whom this is; made at the first log-in, with role and name brought up to date at each.

        Raises ``AccessDenied`` (403) for somebody who was deactivated here, and for a newcomer whose name is taken or
        cannot be: an equal name is never taken for the same person.
        """
        if voucher.role not in ROLES or voucher.role == "service":
            raise ValueRefused({"role": f"{voucher.role!r} is no role of a person"})
        with self._writing() as connection:
            row = self._linked(connection, link_of(voucher.issuer, voucher.subject))
            name = normal_name(voucher.name) if row is None else str(row["name"])
            why = self._objection(connection, name, row)
            if why is not None:
                body = {"issuer": voucher.issuer, "reason": why}
                subject = None if row is None else name  # a newcomer's name is nobody's
                self._enter(connection, "log-in-failed", actor="unknown", body=body, subject=subject)
            else:
                brought = self._newcomer if row is None else self._renewed
                user = brought(connection, row or {"name": name}, voucher)
                self._enter(connection, "log-in", actor=name, body={"issuer": voucher.issuer}, subject=name)
        if why is not None:
            raise _refusal(why)
        return user

    def _objection(self, connection: Connection, name: str, row: dict[str, Any] | None) -> str | None:
        if row is not None:
            return None if row["active"] else "not active"
        if not name:
            return "a name that cannot be"
        return None if self._row_of_user(connection, name) is None else "a name that is taken"

    def link(self, name: str, issuer: str, subject: str, *, actor: str) -> User:
        """Let a user who is there already log in through a provider.

        Raises ``NotFound``, and ``Conflict`` for a service and where either of the two is linked already.
        """
        with self._writing() as connection:
            user = self._user(connection, name)
            if user.role == "service":
                raise Conflict("a service has a key and logs in nowhere")
            mine = connection.execute(select(_USER.linked).where(_USER.name == user.name)).scalar_one()
            if mine is not None or self._linked(connection, link_of(issuer, subject)) is not None:
                raise Conflict("this user, or this person at the provider, is linked already")
            self._link(connection, user.name, issuer, subject, actor)
        return user

    def _newcomer(self, connection: Connection, row: dict[str, Any], voucher: Voucher) -> User:
        name = row["name"]
        user = User(name=name, full_name=voucher.full_name, role=voucher.role, active=True)
        columns = {"must_change": False, "failures": 0}
        connection.execute(insert(tables.users), {**msgspec.structs.asdict(user), **columns})
        body = {"role": user.role, "full_name": user.full_name, "credential": self._credential(name, columns)}
        self._enter(connection, "user-added", actor=PROVIDER, body=body, subject=name)
        self._link(connection, name, voucher.issuer, voucher.subject, PROVIDER)
        return user

    def _renewed(self, connection: Connection, row: dict[str, Any], voucher: Voucher) -> User:
        """The user as the provider says they are now."""
        name = row["name"]
        if row["role"] != voucher.role:
            body = {"role": voucher.role, "before": row["role"]}
            self._alter(connection, "role-changed", name, {"role": voucher.role}, body, actor=PROVIDER)
            self._end_sessions(connection, name)
        full_name = voucher.full_name or row["full_name"]
        if row["full_name"] != full_name:
            told = {"full_name": full_name}
            self._alter(connection, "name-changed", name, told, told, actor=PROVIDER)
        return User(name=name, full_name=full_name, role=voucher.role, active=True)

    def _link(self, connection: Connection, name: str, issuer: str, subject: str, actor: str) -> None:
        linked = {"linked": link_of(issuer, subject)}
        self._alter(connection, "user-linked", name, linked, {"issuer": issuer, "subject": subject}, actor=actor)

    def _linked(self, connection: Connection, link: str) -> dict[str, Any] | None:
        row = connection.execute(select(tables.users).where(_USER.linked == link)).one_or_none()
        return None if row is None else row._asdict()


def _refusal(why: str) -> AccessDenied:
    if why == "not active":
        return AccessDenied("this account was deactivated here", remedy="Ask an administrator")
    if why == "a name that is taken":
        return AccessDenied(
            "somebody of your name is here already and logs in in another way",
            remedy="If that is you, an administrator links the two: bedside user link",
        )
    return AccessDenied(
        "the log-in provider gives you a name that cannot be used here",
        remedy="A name has letters, digits and . _ - @, at most 64; ask an administrator",
    )
