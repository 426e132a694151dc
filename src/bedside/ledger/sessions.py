"""Sessions of people who logged in: a random token each, known to the database by its digest only."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import delete, insert, select, update

from bedside.errors import AccessDenied, LedgerError
from bedside.ledger import tables
from bedside.ledger.accounts import Accounts
from bedside.ledger.clock import stamp
from bedside.ledger.passwords import token_hash
from bedside.ledger.user import User, user_of

IDLE = timedelta(minutes=15)
LONGEST = timedelta(hours=12)
_TOUCH = timedelta(seconds=30)

_SESSION = tables.sessions.c


class Sessions(Accounts):
    """A session ends some time (15 minutes) after its last use, 12 hours after its beginning, or when it is closed."""

    def open_session(self, user: User) -> str:
        """A token of 256 random bits for a user who has just proven who they are. Sessions long over are removed."""
        token = secrets.token_urlsafe(32)
        moment = self._clock()
        over = _SESSION.opened <= stamp(moment - LONGEST)
        row = {"token_hash": token_hash(token), "name": user.name, "opened": stamp(moment), "seen": stamp(moment)}
        with self._writing() as connection:
            connection.execute(delete(tables.sessions).where(over))
            connection.execute(insert(tables.sessions), row)
        return token

    def session_user(self, token: str, *, idle: timedelta = IDLE) -> User:
        """Whose session this is, as that user stands now; keeps it alive. Raises ``AccessDenied`` (401) once over.

        Use is written down at most every 30 seconds (a write for each request would be felt), so a session may end
        that much before ``idle`` is over, never after.
        """
        moment = self._clock()
        query = (
            select(tables.users, _SESSION.seen)
            .join(tables.sessions, _SESSION.name == tables.users.c.name)
            .where(
                _SESSION.token_hash == token_hash(token),
                _SESSION.seen > stamp(moment - idle),
                _SESSION.opened > stamp(moment - LONGEST),
                tables.users.c.active,
            )
        )
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise AccessDenied("nobody is logged in", logged_in=False, remedy="Log in")
        if row.seen <= stamp(moment - _TOUCH):
            with self._writing() as connection:
                touched = update(tables.sessions).where(_SESSION.token_hash == token_hash(token))
                connection.execute(touched, {"seen": stamp(moment)})
        return user_of(row._asdict())

    def close_session(self, token: str) -> None:
        """Log out. A token that is no session's is no error."""
        with self._writing() as connection:
            connection.execute(delete(tables.sessions).where(_SESSION.token_hash == token_hash(token)))

    def shut(self, plain: bytes) -> str:
        """A secret for the time of a log-in, as a cookie's text that only servers of this ledger can open."""
        return self._vault.shut(plain)

    def opened(self, shut: str) -> bytes:
        """What was ``shut``. Raises ``AccessDenied`` (401) for anything else."""
        try:
            return self._vault.opened(shut)
        except LedgerError as error:
            raise AccessDenied("this log-in was not begun here", logged_in=False, remedy="Begin again") from error

    def csrf_token(self, token: str) -> str:
        """What a form in this session must send back; compare with ``hmac.compare_digest``."""
        return self._vault.csrf(token)
