"""Which database keeps the ledger: one small interface, SQLite and PostgreSQL behind it, chosen by the URL."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from bedside.errors import LedgerError
from bedside.ledger import sqlite
from bedside.ledger.trouble import MAKING, WRITES, reported

__all__ = [
    "MAKING",
    "WRITES",
    "Database",
    "Presence",
    "attended",
    "database",
    "guards_amiss",
    "place_of",
    "presence",
    "reported",
    "wipe",
]

_FORMS = "Give a path, sqlite:///path/ledger.db or postgresql://user@host/database"


@runtime_checkable
class Database(Protocol):
    """A place where a ledger is, or can be made.

    Attributes
    ----------
    place: how it is named to people, never with a password.
    key: where the master key lies unless somebody says otherwise.
    is_server: whether somebody else makes the database itself, and there are roles with rights.
    """

    is_server: ClassVar[bool]

    @property
    def place(self) -> str: ...  # noqa: D102

    @property
    def key(self) -> Path: ...  # noqa: D102

    def examine(self, *, create: bool, current: bool = True) -> bool:
        """Whether a ledger has begun there; False where it can. Makes nothing.

        Raises ``LedgerError`` where there is something else, nothing and ``create`` is not set, or tables of another
        revision and ``current`` is set.
        """
        ...

    def engine(self, *, hurry: bool = True) -> Engine:
        """Connections to it. A transaction with the option ``WRITES`` is alone; any other sees one moment.

        With ``hurry`` a reply that is long in coming counts as none.
        """
        ...

    def prepare(self, engine: Engine, *, known: bool) -> None:
        """Make tables and guards where they are not ``known`` to be, once, however many processes try at once."""
        ...

    def revision(self, connection: Connection) -> str | None:
        """The revision of the tables; None where there are none."""
        ...

    def mark(self, connection: Connection) -> None:
        """Write down outside the tables, where this database does that, that they are the newest."""
        ...

    def discard(self) -> None:
        """Take away again what was made where nothing had been; what an administrator made stays."""
        ...

    def grant(self, connection: Connection, role: str) -> None:
        """Give a role the rights of a server and no more. Raises ``UsageError`` where that cannot be."""
        ...


@runtime_checkable
class Presence(Protocol):
    """What others see of a process that follows the ledger, until it leaves or ends."""

    def stay(self) -> None:
        """Be there, also where that had ended without our doing."""
        ...

    def leave(self) -> None:
        """Be there no more."""
        ...


def database(url: str | Path) -> Database:
    """The database that a path, ``sqlite:///path`` or ``postgresql://user:password@host/database`` names.

    Raises ``LedgerError`` for any other URL.
    """
    text = str(url)
    if "://" not in text:
        return sqlite.SQLite(Path(text))
    try:
        parsed = make_url(text)
    except (ArgumentError, ValueError):
        raise LedgerError("this is not the URL of a database", remedy=_FORMS) from None
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        from bedside.ledger.postgresql import PostgreSQL

        return PostgreSQL.at(parsed)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        where = parsed.render_as_string(hide_password=True)
        raise LedgerError("a ledger is kept in an SQLite file or in PostgreSQL", where=where, remedy=_FORMS)
    return sqlite.SQLite(Path(str(parsed.database)))


def place_of(engine: Engine) -> str:
    """Where an engine's ledger lies: the file, or the URL without its password."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def wipe(engine: Engine) -> bool:
    """Clear the database's files of what was deleted; False where that has to be done by its administrator."""
    if engine.dialect.name == "sqlite":
        return sqlite.wipe(engine)
    from bedside.ledger import postgresql

    return postgresql.wipe(engine)


def guards_amiss(connection: Connection) -> tuple[str, ...]:
    """Names of the triggers that are missing, switched off or not what they were."""
    if connection.dialect.name == "sqlite":
        return sqlite.guards_amiss(connection)
    from bedside.ledger import postgresql

    return postgresql.guards_amiss(connection)


def presence(engine: Engine) -> Presence:
    """A process's own, which is not there yet."""
    if engine.dialect.name == "sqlite":
        return sqlite.Presence(_lock_file(engine))
    from bedside.ledger import postgresql

    return postgresql.Presence(engine)


def attended(engine: Engine) -> bool:
    """Whether any process is there."""
    if engine.dialect.name == "sqlite":
        return sqlite.attended(_lock_file(engine))
    from bedside.ledger import postgresql

    return postgresql.attended(engine)


def _lock_file(engine: Engine) -> Path:
    return Path(f"{engine.url.database}.servers")
