"""All that is particular to PostgreSQL: how it is reached, what a transaction is, how the entries are guarded."""

from __future__ import annotations

import getpass
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from bedside.errors import LedgerError, UsageError
from bedside.ledger import tables
from bedside.ledger.tables import REVISION
from bedside.ledger.trouble import MAKING, WRITES, other_revision, reported

_PORT = 5432
_TIMEOUT = 10.0  # seconds for a connection, and for each reply: a dead database refuses, it does not hang
_LOCAL = (Path("/var/run/postgresql"), Path("/tmp"))  # noqa: S108  # where servers put their sockets
_KNOWN = {"host", "port", "user", "password", "dbname", "sslmode", "sslrootcert", "application_name"}
_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# The head's row is the write lock: each statement after it sees all that writers before have committed. What a server
# or a role may have set about the disk and about waiting does not count here.
_WRITE = (
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
    "SET LOCAL synchronous_commit = on; SET LOCAL lock_timeout = '8s'; "
    "SELECT seq FROM head WHERE id = 1 FOR UPDATE"
)
_MAKE = "BEGIN; SELECT pg_advisory_xact_lock(1650750311)"  # "bdsg": of several that find no ledger one makes it
_ATTEND = "SELECT pg_advisory_lock_shared(1650750312)"  # by each server as long as it follows the ledger
_ATTENDED = (
    "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
    "WHERE l.locktype = 'advisory' AND d.datname = current_database() AND l.classid = 0 AND l.objid = 1650750312)"
)
_REFUSE = "BEGIN RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'restrict_violation'; END"
_GUARDS = {f"entries_no_{verb}": f"BEFORE {verb.upper()} ON entries" for verb in ("update", "delete", "truncate")}

RIGHTS = {
    "entries": "SELECT, INSERT",
    "head": "SELECT, INSERT, UPDATE",
    "patients": "SELECT, INSERT, UPDATE",
    "answers": "SELECT, INSERT, UPDATE, DELETE",
    "users": "SELECT, INSERT, UPDATE",
    "keys": "SELECT, INSERT, DELETE",
    "sessions": "SELECT, INSERT, UPDATE, DELETE",
    "probe": "SELECT, INSERT, UPDATE",
    "alembic_version": "SELECT",
}
"""What a server needs on each table. Nothing lets it change an entry, make a table or switch a trigger off."""

_PRESENT = "SELECT to_regclass('entries') IS NOT NULL AND to_regclass('alembic_version') IS NOT NULL"
_ROLE = text(
    "SELECT r.rolsuper OR pg_has_role(r.oid, c.relowner, 'MEMBER') AS unbound, current_schema() AS schema "
    "FROM pg_roles r, pg_class c WHERE r.rolname = :role AND c.oid = 'entries'::regclass"
)
_TRIGGERS = text(
    "SELECT tgname, pg_get_triggerdef(t.oid, true) AS made, tgenabled, prosrc "
    "FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid "
    "WHERE NOT tgisinternal AND tgrelid IN (SELECT name::regclass FROM unnest(CAST(:ours AS text[])) AS name)"
)
_OWNS_PATIENTS = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'patients'::regclass"
_RULES = text(
    "SELECT rulename FROM pg_rewrite "
    "WHERE ev_class IN (SELECT name::regclass FROM unnest(CAST(:ours AS text[])) AS name)"
)


@dataclass(frozen=True)
class PostgreSQL:
    """A ledger in a database of its own.

    Attributes
    ----------
    url: without the password. options: keywords for the driver's ``connect``, password included.
    """

    is_server: ClassVar[bool] = True
    url: URL
    options: Mapping[str, Any] = field(repr=False)

    @classmethod
    def at(cls, url: URL) -> PostgreSQL:
        """What a URL as psql takes it means. Raises ``LedgerError`` for a parameter that is not known here.

        Host: a name, or the folder of a unix socket (``?host=/run/postgresql``); without one the local socket, else
        localhost. Where the URL has no password, PGPASSWORD is used. ``sslmode`` and ``sslrootcert`` as in libpq.
        """
        query = {name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()}
        name = url.database or query.get("dbname")
        user = url.username or query.get("user") or os.environ.get("PGUSER") or getpass.getuser()
        host = url.host or query.get("host") or ""
        named, socket = (None, {"host": host}) if host.startswith("/") else (host or None, {})
        bare = URL.create("postgresql+pg8000", user, None, named, url.port, name, socket)
        place = bare.set(drivername="postgresql").render_as_string()
        if unknown := set(query) - _KNOWN:
            known = ", ".join(sorted(_KNOWN))
            raise LedgerError(f"unknown parameter {min(unknown)!r}", where=place, remedy=f"Known are: {known}")
        if not name:
            raise LedgerError("the URL names no database", where=place, remedy="End it with /database")
        port = str(url.port or query.get("port") or os.environ.get("PGPORT") or _PORT)
        if not port.isdecimal():
            raise LedgerError(f"the port is no number: {port!r}", where=place)
        options = {
            "user": user,
            "password": url.password or query.get("password") or os.environ.get("PGPASSWORD"),
            "database": name,
            "application_name": query.get("application_name", "bedside"),
            "timeout": _TIMEOUT,
            **_address(host, int(port)),
        }
        if "unix_sock" not in options:
            options["ssl_context"] = _encryption(query.get("sslmode", "prefer"), query.get("sslrootcert"), place)
        return cls(bare, options)

    @property
    def place(self) -> str:
        """The URL without the password."""
        return self.url.set(drivername="postgresql").render_as_string()

    @property
    def key(self) -> Path:
        """``bedside-<database>.key`` in the current folder."""
        return Path(f"bedside-{quote(str(self.url.database), safe='')}.key")

    def examine(self, *, create: bool, current: bool = True) -> bool:
        """Whether a ledger has begun there: its tables are made and its key is fixed.

        Raises ``LedgerError`` where it cannot be reached, holds something else, nothing and ``create`` is not set, or
        tables of another revision and ``current`` is set.
        """
        engine = self.engine()
        try:
            with reported(self.place), engine.begin() as connection:
                found = self.revision(connection)
                if found is not None and current and found != REVISION:
                    raise other_revision(found, self.place)
                if found is not None:
                    return connection.execute(select(tables.head.c.id)).first() is not None
                others = inspect(connection).get_table_names()
        finally:
            engine.dispose()
        if others:
            remedy = "Give it a database of its own"
            raise LedgerError("this database is not a ledger", where=self.place, remedy=remedy)
        if not create:
            raise LedgerError("there is no ledger here", where=self.place)
        return False

    def engine(self, *, hurry: bool = True) -> Engine:
        """An engine; each connection is tried before it is used, so that the server may be stopped and started."""
        options = self.options if hurry else {**self.options, "timeout": None}
        engine = create_engine(
            self.url,
            creator=lambda: _connection(options),
            isolation_level="AUTOCOMMIT",  # the driver's own BEGIN would cost a round trip and say too little
            pool_pre_ping=True,
            pool_size=8,
            max_overflow=56,
            hide_parameters=True,
        )
        event.listen(engine, "begin", _begin)
        event.listen(engine, "handle_error", _cut_off)
        return engine

    def prepare(self, engine: Engine, *, known: bool) -> None:
        """Make tables and guards, once, however many processes try."""
        if known:
            return
        with engine.execution_options(**{WRITES: MAKING}).begin() as connection:
            if self.revision(connection) is None:
                tables.metadata.create_all(connection)
                tables.revisions.create(connection)
                connection.execute(insert(tables.revisions), {"version_num": REVISION})
                guard(connection)

    def revision(self, connection: Connection) -> str | None:
        """By the table ``alembic_version``, where those of a ledger stand beside it."""
        if connection.exec_driver_sql(_PRESENT).scalar_one():
            return str(connection.execute(select(tables.revisions.c.version_num)).scalar_one())
        return None

    def mark(self, connection: Connection) -> None:
        """Nothing: the table says it."""

    def discard(self) -> None:
        """Nothing: the tables may stay, they are empty."""

    def grant(self, connection: Connection, role: str) -> None:
        """As ``RIGHTS`` says; whatever else the role or everybody had on these tables is taken away.

        Raises ``UsageError`` where there is no such role, or it is a superuser or the tables' owner, whom rights do not
        bind.
        """
        found = connection.execute(_ROLE, {"role": role}).one_or_none()
        if found is None:
            raise UsageError(
                f"there is no role {role!r}", where=self.place, remedy="Make it first: CREATE ROLE ... LOGIN"
            )
        if found.unbound:
            raise UsageError(
                f"{role} is a superuser or owns the tables: no right would bind it",
                where=self.place,
                remedy="Name a role of its own for the server",
            )
        quoted = connection.dialect.identifier_preparer.quote_identifier(role)
        for table, rights in RIGHTS.items():
            connection.exec_driver_sql(f"REVOKE ALL ON {table} FROM PUBLIC, {quoted}")
            connection.exec_driver_sql(f"GRANT {rights} ON {table} TO {quoted}")
        schema = connection.dialect.identifier_preparer.quote_identifier(found.schema)
        connection.exec_driver_sql(f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {quoted}")
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {quoted}")


def guard(connection: Connection) -> None:
    """Make the triggers that refuse to change or remove an entry, in every mode of replication."""
    connection.exec_driver_sql(
        f"CREATE FUNCTION entries_refuse() RETURNS trigger LANGUAGE plpgsql AS $guard${_REFUSE}$guard$"
    )
    for name in _GUARDS:
        connection.exec_driver_sql(_guard(name))
        connection.exec_driver_sql(f"ALTER TABLE entries ENABLE ALWAYS TRIGGER {name}")


def _guard(name: str) -> str:
    return f"CREATE TRIGGER {name} {_GUARDS[name]} FOR EACH STATEMENT EXECUTE FUNCTION entries_refuse()"


def wipe(engine: Engine) -> bool:
    """Write the patients' table anew, without its dead rows. The server's own log and its archives keep them longer."""
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(_OWNS_PATIENTS)
        if cursor.fetchone() != [True]:
            return False  # PostgreSQL would only warn
        cursor.execute("SET lock_timeout = '8s'")
        cursor.execute("VACUUM (FULL) patients")
        cursor.execute("RESET lock_timeout")
    except Exception:  # whatever the driver raises: the patient is erased all the same
        connection.invalidate()
        return False
    finally:
        connection.close()
    return True


class Presence:
    """A shared advisory lock, held by a connection of its own: the server ends it with the connection."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def stay(self) -> None:
        """Take the lock, unless the connection that holds it still answers."""
        if self._connection is not None and self._answers(self._connection):
            return
        self.leave()
        connection = self._engine.connect()
        try:
            connection.exec_driver_sql(_ATTEND)
            connection.commit()
        except SQLAlchemyError:
            connection.close()
            raise
        self._connection = connection

    def leave(self) -> None:
        """End the connection, as it would keep the lock in the pool."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def _answers(self, connection: Connection) -> bool:
        try:
            connection.exec_driver_sql("SELECT 1")
            connection.commit()
        except SQLAlchemyError:
            return False
        return True


def attended(engine: Engine) -> bool:
    """Whether any connection to this database holds the lock."""
    with engine.begin() as connection:
        return bool(connection.exec_driver_sql(_ATTENDED).scalar_one())


def guards_amiss(connection: Connection) -> tuple[str, ...]:
    """Names of triggers on the ledger's tables that are missing, off or altered, and of rules, as there are none."""
    ours = {"ours": list(tables.metadata.tables)}
    rows = connection.execute(_TRIGGERS, ours)
    found = {str(row.tgname): (str(row.made), str(row.tgenabled), str(row.prosrc)) for row in rows}
    due = {name: (_guard(name), "A", _REFUSE) for name in _GUARDS}
    amiss = {name for name in {*due, *found} if due.get(name) != found.get(name)}
    return tuple(sorted({*amiss, *connection.execute(_RULES, ours).scalars()}))


def _connection(options: Mapping[str, Any]) -> Any:
    import pg8000.dbapi  # .1 s that nobody pays who has no PostgreSQL

    return pg8000.dbapi.connect(**options)


def _address(host: str, port: int) -> dict[str, Any]:
    folders = (Path(host),) if host.startswith("/") else () if host else _LOCAL
    sockets = [folder / f".s.PGSQL.{port}" for folder in folders]
    if host.startswith("/") or any(path.exists() for path in sockets):
        return {"unix_sock": str(next((path for path in sockets if path.exists()), sockets[0])), "ssl_context": False}
    return {"host": host or "localhost", "port": port}


def _encryption(mode: str, roots: str | None, place: str) -> Any:
    """What the driver wants: False, None (where the server can), or how to encrypt and whom to believe."""
    if mode not in _MODES:
        raise LedgerError(f"unknown sslmode {mode!r}", where=place, remedy=f"Known are: {', '.join(_MODES)}")
    if mode == "disable":
        return False
    if mode in ("allow", "prefer") and roots is None:
        return None
    try:
        context = ssl.create_default_context(cafile=roots)
    except OSError as error:
        raise LedgerError(f"sslrootcert cannot be read ({error.strerror})", where=place) from error
    context.check_hostname = mode == "verify-full"
    if mode != "verify-full" and not (mode == "verify-ca" or roots):
        context.verify_mode = ssl.CERT_NONE
    return context


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql({None: _READ, True: _WRITE, MAKING: _MAKE}[writes])


def _cut_off(context: Any) -> None:
    """Unless the server itself reported it, an error leaves a connection of which nobody knows what it will say."""
    told = context.original_exception.args[0] if context.original_exception.args else None
    if not isinstance(told, dict) or str(told.get("C", "")).startswith(("08", "57P")):
        context.is_disconnect = True
