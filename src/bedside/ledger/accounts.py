"""Who may do what: users, their roles, and the passwords by which people prove who they are."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from bedside.errors import AccessDenied, Conflict, NotFound, ValueRefused
from bedside.ledger import passwords, tables
from bedside.ledger.clock import stamp
from bedside.ledger.service_keys import ServiceKeys
from bedside.ledger.user import ROLES, User, normal_name, user_of

ONE_TIME_LASTS = timedelta(hours=72)
LOCKED_FOR = timedelta(minutes=15)
FAILURES_ALLOWED = 5

_USER = tables.users.c
_NO_PASSWORD: dict[str, Any] = {
    "password_hash": None,
    "must_change": False,
    "one_time_until": None,
    "failures": 0,
    "locked_until": None,
}


class Accounts(ServiceKeys):
    """Users; all that happens to them is entered, never a secret."""

    def add_user(
        self, name: str, role: str, *, full_name: str | None = None, days: int | None = None, actor: str
    ) -> tuple[User, str]:
        """A new user and their secret, which cannot be shown again: a one-time password, or a service's first key.

        A one-time password holds for 72 hours and must be changed at the first log-in; a key for ``days``, or for good.
        Raises ``ValueRefused`` for a name, role or days that cannot be, ``Conflict`` where the name is taken.
        """
        name = normal_name(name)
        if not name:
            raise ValueRefused({"name": "letters, digits and . _ - @, at most 64, beginning with a letter or digit"})
        if role not in ROLES:
            raise ValueRefused({"role": f"{role!r} is none of {', '.join(ROLES)}"})
        if days is not None and role != "service":
            raise ValueRefused({"days": "only the key of a service expires after days"})
        user = User(name=name, full_name=(full_name or "").strip() or None, role=role, active=True)
        secret, columns = self._one_time_password() if role != "service" else ("", _NO_PASSWORD)
        with self._writing() as connection:
            if self._row_of_user(connection, name) is not None:
                raise Conflict(f"there already is a user {name}")
            connection.execute(insert(tables.users), {**msgspec.structs.asdict(user), **columns})
            body = {"role": role, "full_name": user.full_name}
            if role == "service":
                _, secret = self._make_key(connection, "user-added", name, 1, body, days=days, actor=actor)
            else:
                body["credential"] = self._credential(name, columns)
                self._enter(connection, "user-added", actor=actor, body=body, subject=name)
        return user, secret

    def renew_secret(self, name: str, *, actor: str) -> str:
        """A new one-time password in place of the old; ends a lock-out and all sessions.

        Raises ``NotFound``, and ``Conflict`` for a service, which has keys.
        """
        user = self.user(name)
        if user.role == "service":
            raise Conflict(
                f"{user.name} is a service and has no password",
                remedy="Its keys: bedside key add, then bedside key revoke",
            )
        secret, columns = self._one_time_password()
        with self._writing() as connection:
            body = {"credential": self._credential(user.name, columns)}
            self._alter(connection, "secret-renewed", user.name, columns, body, actor=actor)
            self._end_sessions(connection, user.name)
        return secret

    def set_active(self, name: str, active: bool, *, actor: str) -> User:
        """Let a user in, or out for good: open sessions end. Nobody is ever removed. Raises ``NotFound``."""
        kind = "user-activated" if active else "user-deactivated"
        with self._writing() as connection:
            user = self._user(connection, name)
            self._alter(connection, kind, user.name, {"active": active}, {}, actor=actor)
            self._end_sessions(connection, user.name)
        return msgspec.structs.replace(user, active=active)

    def user(self, name: str) -> User:
        """The user of this name. Raises ``NotFound``."""
        with self._reading() as connection:
            return self._user(connection, name)

    def users(self) -> tuple[User, ...]:
        """Everybody, by name."""
        with self._reading() as connection:
            rows = connection.execute(select(tables.users).order_by(_USER.name)).all()
        return tuple(user_of(row._asdict()) for row in rows)

    def authenticate(self, name: str, password: str) -> User:
        """The user whose password this is.

        Five wrong ones lock the account for 15 minutes. Raises ``AccessDenied`` (401), in the same words whatever was
        wrong, after about the same time; which it was stands in the ledger.
        """
        name = normal_name(name)
        with self._reading() as connection:
            row = self._row_of_user(connection, name)
        stored = row["password_hash"] if row is not None else None
        nobodys = self._nobodys_hash  # asked for each time: the first unknown name must not take longer
        # Hashing takes long on purpose; it is done before the write lock is taken.
        proven = passwords.matches(self._hasher, stored or nobodys, password) and stored is not None
        with self._writing() as connection:
            user = self._settled(connection, name, stored if proven else None)
        if user is None:
            raise AccessDenied(
                "the name or the password is not right, or the account is locked for a while",
                logged_in=False,
                remedy="Wait 15 minutes after five attempts; an administrator can give a new one-time password",
            )
        return user

    def must_change(self, user: User) -> bool:
        """Whether this user still has the one-time password. Raises ``NotFound``."""
        with self._reading() as connection:
            row = self._row_of_user(connection, user.name)
        if row is None:
            raise NotFound(f"there is no user {user.name!r}")
        return bool(row["must_change"])

    def change_password(self, name: str, old: str, new: str) -> None:
        """Replace a password; all sessions of the user end.

        Raises ``AccessDenied`` as ``authenticate`` does, and ``ValueRefused`` for a new one that is shorter than 12
        characters, the user's name, or the old one.
        """
        with self._reading() as connection:
            before = self._row_of_user(connection, normal_name(name))
        user = self.authenticate(name, old)
        passwords.check_new(user.name, old, new)
        columns = {
            "password_hash": passwords.hashed(self._hasher, new),
            "must_change": False,
            "one_time_until": None,
        }
        with self._writing() as connection:
            row = self._row_of_user(connection, user.name)
            # An administrator may have given a new one, or shut the user out, while the new password was hashed.
            if row is None or before is None or _standing(row) != _standing(before):
                raise AccessDenied("the account was changed meanwhile", logged_in=False, remedy="Log in")
            body = {"credential": self._credential(user.name, columns)}
            self._alter(connection, "password-changed", user.name, columns, body, actor=user.name)
            self._end_sessions(connection, user.name)

    @cached_property
    def _nobodys_hash(self) -> str:
        """Compared with where a name is unknown, so that the time taken does not tell."""
        return passwords.hashed(self._hasher, passwords.one_time_password())

    def _one_time_password(self) -> tuple[str, dict[str, Any]]:
        secret = passwords.one_time_password()
        until = stamp(self._clock() + ONE_TIME_LASTS)
        hashed = passwords.hashed(self._hasher, secret)
        return secret, {**_NO_PASSWORD, "password_hash": hashed, "must_change": True, "one_time_until": until}

    def _credential(self, name: str, columns: Mapping[str, Any]) -> str:
        return self._vault.credential(name, columns.get("password_hash"), None, columns.get("one_time_until"))

    def _settled(self, connection: Connection, name: str, proven: str | None) -> User | None:
        """Decide under the write lock, so that guesses made at once cannot all be the first; enter what happened."""
        row = self._row_of_user(connection, name)
        if row is None:
            # The name itself stays out: people type passwords into the wrong field.
            self._enter(connection, "log-in-failed", actor="unknown", body={"reason": "no such user"})
            return None
        why = self._refusal(row, proven)
        if why is None:
            connection.execute(update(tables.users).where(_USER.name == name), {"failures": 0, "locked_until": None})
            self._enter(connection, "log-in", actor=name, body={}, subject=name)
            return user_of(row)
        self._enter(connection, "log-in-failed", actor=name, body={"reason": why}, subject=name)
        if why == "wrong password":
            self._count_failure(connection, row)
        return None

    def _refusal(self, row: dict[str, Any], proven: str | None) -> str | None:
        now = self.now()
        if row["locked_until"] is not None and now < row["locked_until"]:
            return "locked"
        if proven is None or not hmac.compare_digest(proven, row["password_hash"] or ""):
            return "wrong password"
        if not row["active"]:
            return "not active"
        if row["one_time_until"] is not None and now >= row["one_time_until"]:
            return "one-time password expired"
        return None

    def _count_failure(self, connection: Connection, row: dict[str, Any]) -> None:
        failures = row["failures"] + 1
        change: dict[str, Any] = {"failures": failures}
        if failures >= FAILURES_ALLOWED:
            change = {"failures": 0, "locked_until": stamp(self._clock() + LOCKED_FOR)}
            self._enter(connection, "locked-out", actor="bedside", body=change, subject=row["name"])
        connection.execute(update(tables.users).where(_USER.name == row["name"]), change)

    def _alter(
        self,
        connection: Connection,
        kind: str,
        name: str,
        columns: Mapping[str, Any],
        body: dict[str, Any],
        *,
        actor: str,
    ) -> None:
        """Change a user's row and enter that it was changed."""
        connection.execute(update(tables.users).where(_USER.name == name), columns)
        self._enter(connection, kind, actor=actor, body=body, subject=name)

    def _user(self, connection: Connection, name: str) -> User:
        row = self._row_of_user(connection, normal_name(name))
        if row is None:
            raise NotFound(f"there is no user {name!r}")
        return user_of(row)

    def _row_of_user(self, connection: Connection, name: str) -> dict[str, Any] | None:
        row = connection.execute(select(tables.users).where(_USER.name == name)).one_or_none()
        return None if row is None else row._asdict()

    def _end_sessions(self, connection: Connection, name: str) -> None:
        connection.execute(delete(tables.sessions).where(tables.sessions.c.name == name))


def _standing(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["password_hash"], row["active"]
