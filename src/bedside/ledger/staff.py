"""What an administrator sees of the users, and may change; every change is entered in the ledger."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from bedside.errors import Conflict, ValueRefused
from bedside.ledger import tables
from bedside.ledger.accounts import Accounts
from bedside.ledger.service_keys import Key
from bedside.ledger.user import ROLES, User, user_of

_USER = tables.users.c
_ENTRY = tables.entries.c
_LOG_IN, _ADDED, _RENEWED, _CHANGED = "log-in", "user-added", "secret-renewed", "password-changed"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A user as an administrator sees them; moments are UTC as in entries.

    Attributes
    ----------
    user: who it is. added: when; None where the ledger does not say.
    last_log_in: of a person; None for a service (a key comes with each request, and is not entered) and where never.
    locked_until: set while too many wrong passwords keep the user out.
    one_time_until: set until the one-time password is changed: after this moment it no longer works.
    linked: whether the log-in provider vouches for them.
    secret_since: since when a person's password or one-time password is what it is. keys: of a service.
    """

    user: User
    added: str | None
    last_log_in: str | None
    locked_until: str | None
    one_time_until: str | None
    linked: bool
    secret_since: str | None
    keys: tuple[Key, ...]


class Staff(Accounts):
    """The users, for whoever looks after them."""

    def staff(self) -> tuple[Account, ...]:
        """Everybody, by name, with the state of their account."""
        with self._reading() as connection:
            rows = connection.execute(select(tables.users).order_by(_USER.name)).all()
            latest = self._latest_of(connection, [row.name for row in rows])
            keys = self._keys(connection)
        return tuple(self._account(row._asdict(), latest, keys) for row in rows)

    def set_role(self, name: str, role: str, *, actor: str) -> User:
        """Give a person another role; open sessions end, so that no page shows what the old role saw.

        Raises ``NotFound``, ``ValueRefused`` for a role that is none, ``Conflict`` where a person would become a
        service or the other way round: these prove who they are in different ways.
        """
        if role not in ROLES:
            raise ValueRefused({"role": f"{role!r} is none of {', '.join(ROLES)}"})
        with self._writing() as connection:
            user = self._user(connection, name)
            if "service" in (role, user.role) and role != user.role:
                raise Conflict(
                    "a person does not become a service, nor a service a person", remedy="Add another user instead"
                )
            body = {"role": role, "before": user.role}
            self._alter(connection, "role-changed", user.name, {"role": role}, body, actor=actor)
            self._end_sessions(connection, user.name)
        return msgspec.structs.replace(user, role=role)

    def unlock(self, name: str, *, actor: str) -> User:
        """End a lock-out before its time; the password stays. Raises ``NotFound``."""
        with self._writing() as connection:
            user = self._user(connection, name)
            self._alter(connection, "unlocked", user.name, {"failures": 0, "locked_until": None}, {}, actor=actor)
        return user

    def end_sessions(self, name: str, *, actor: str) -> User:
        """Log a user out everywhere: a computer was left open, a telephone lost. Raises ``NotFound``."""
        with self._writing() as connection:
            user = self._user(connection, name)
            self._end_sessions(connection, user.name)
            self._enter(connection, "sessions-ended", actor=actor, body={}, subject=user.name)
        return user

    def _latest_of(self, connection: Connection, names: list[str]) -> dict[tuple[str, str], str]:
        """(user, kind) → when the last entry of this kind was made."""
        query = (
            select(_ENTRY.subject, _ENTRY.kind, func.max(_ENTRY.at).label("at"))
            .where(_ENTRY.subject.in_(names), _ENTRY.kind.in_((_LOG_IN, _ADDED, _RENEWED, _CHANGED)))
            .group_by(_ENTRY.subject, _ENTRY.kind)
        )
        return {(str(row.subject), row.kind): row.at for row in connection.execute(query)}

    def _account(self, row: dict[str, Any], latest: dict[tuple[str, str], str], keys: tuple[Key, ...]) -> Account:
        name, locked = row["name"], row["locked_until"]
        secrets = () if row["role"] == "service" else (_ADDED, _RENEWED, _CHANGED)
        since = [latest[name, kind] for kind in secrets if (name, kind) in latest]
        return Account(
            user=user_of(row),
            added=latest.get((name, _ADDED)),
            last_log_in=latest.get((name, _LOG_IN)),
            locked_until=locked if locked is not None and locked > self.now() else None,
            one_time_until=row["one_time_until"],
            linked=row["linked"] is not None,
            secret_since=max(since, default=None),
            keys=tuple(key for key in keys if key.service == name),
        )
