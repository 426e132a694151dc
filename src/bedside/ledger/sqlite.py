"""All that is particular to SQLite: where the file lies, how it is opened, locked and guarded."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import Connection, Engine, create_engine, event, insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError

from bedside.errors import LedgerError, UsageError
from bedside.ledger.tables import REVISION, metadata, revisions
from bedside.ledger.trouble import MAKING, WRITES, other_revision, reported

_SHORTEST = 512  # bytes: the smallest page there is
_APPLICATION = 0x62647367  # "bdsg", in the file's header
_LAYOUTS = {1: "0001", 2: None}  # in the file's header: the first revision, and "as the table alembic_version says"
_WAIT_SECONDS = 30.0
_CACHE_KIB = 512  # of pages, for each connection: the system keeps the file in memory anyway, once for all of them
_GUARDS = {
    "entries_no_update": "BEFORE UPDATE ON entries",
    "entries_no_delete": "BEFORE DELETE ON entries",
    # INSERT OR REPLACE deletes the row in its way without asking the trigger above.
    "entries_no_replace": "BEFORE INSERT ON entries WHEN EXISTS (SELECT 1 FROM entries WHERE seq = NEW.seq)",
}


@dataclass(frozen=True)
class SQLite:
    """A ledger in one file.

    Attributes
    ----------
    path: the file.
    """

    is_server: ClassVar[bool] = False
    path: Path

    @property
    def place(self) -> str:
        """The path."""
        return str(self.path)

    @property
    def key(self) -> Path:
        """``<file>.key``, beside it."""
        return Path(f"{self.path}.key")

    def examine(self, *, create: bool, current: bool = True) -> bool:
        """Whether there already is a ledger; False where one can be made. Makes nothing.

        Raises ``LedgerError`` for a missing folder, a missing file where ``create`` is not set, any other file, and
        tables of another revision where ``current`` is set.
        """
        path = self.path
        if not path.parent.is_dir():
            raise LedgerError("there is no such folder", where=str(path.parent), remedy="Make it first")
        if not path.exists():
            if not create:
                raise LedgerError("there is no ledger here", where=str(path))
            return False
        if not path.is_file():
            raise LedgerError("this is a folder, not a ledger", where=str(path))
        with reported(str(path)):
            # SQLite itself would take a very short file for an empty one, and write it. Never open the file to look:
            # closing it again would take the locks of whoever has the ledger open in this process.
            if 0 < path.stat().st_size < _SHORTEST:
                raise LedgerError("this is not a ledger", where=str(path))
            found = self._looked(create)
        if current and found not in (None, REVISION):
            raise other_revision(found, str(path))
        return found is not None

    def _looked(self, create: bool) -> str | None:
        """The revision in an existing file; None where it is empty and may be used."""
        connection = _connection(self.path)
        try:
            connection.execute("BEGIN")  # one view: another process may be making the ledger just now
            found = _revision(connection)
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            (application,) = connection.execute("PRAGMA application_id").fetchone()
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"this is not a ledger ({error})", where=self.place) from error
        finally:
            connection.close()
        if found is None and (tables or application or not create):
            raise LedgerError("this database is not a ledger", where=self.place)
        return found

    def engine(self, *, hurry: bool = True) -> Engine:  # noqa: ARG002
        """An engine on the file; each thread that uses it gets a connection of its own."""
        engine = create_engine(
            URL.create("sqlite", database=str(self.path)),
            creator=lambda: _connection(self.path),
            pool_size=8,
            max_overflow=56,
            hide_parameters=True,
        )
        event.listen(engine, "connect", self._set_up)
        event.listen(engine, "checkout", self._still_there)
        event.listen(engine, "begin", _begin)
        return engine

    def prepare(self, engine: Engine, *, known: bool) -> None:
        """Make tables and guards in a file that is not ``known`` to have them, once, however many processes try."""
        if not known:
            self.path.touch(mode=0o600)  # SQLite gives its log the mode of the file
            _make(engine)
        _log_ahead(self.path)

    def revision(self, connection: Connection) -> str | None:
        """By the file's header, or by the table that it points to."""
        return _revision(_raw(connection))

    def mark(self, connection: Connection) -> None:
        """Let the header point to the table, so that an older bedside refuses the file."""
        connection.exec_driver_sql(f"PRAGMA user_version = {max(_LAYOUTS)}")

    def discard(self) -> None:
        """Remove the file and its log."""
        for ending in ("", "-wal", "-shm"):
            Path(f"{self.path}{ending}").unlink(missing_ok=True)

    def grant(self, connection: Connection, role: str) -> None:  # noqa: ARG002
        """There are no roles: whoever can write the file can write all of it."""
        raise UsageError("SQLite knows no roles", where=self.place, remedy="Leave --grant out, or use PostgreSQL")

    def _set_up(self, connection: Any, record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        # A damaged byte must reach the check of its digest, not stop the reading.
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        record.info["file"] = self._file()

    def _still_there(self, _connection: object, record: Any, _proxy: object) -> None:
        """A file that was moved away or replaced would go on taking what nobody finds again: connect anew instead."""
        if record.info["file"] != self._file():
            raise DisconnectionError("the file is another one now")

    def _file(self) -> tuple[int, int] | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return stat.st_dev, stat.st_ino


def wipe(engine: Engine) -> bool:
    """Move the write-ahead log into the file and empty it: old pages stand there; in the file they are overwritten."""
    connection = engine.raw_connection()
    try:
        (busy, _, _) = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error:
        return False
    finally:
        connection.close()
    return not busy


class Presence:
    """A shared lock on a file of its own beside the ledger: the system ends it with the process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._held: int | None = None

    def stay(self) -> None:
        """Take the lock, unless it is held on the file that lies there now."""
        if self._held is not None and _same(self._held, self._file):
            return
        self.leave()
        self._held = os.open(self._file, os.O_RDONLY | os.O_CREAT, 0o600)
        fcntl.flock(self._held, fcntl.LOCK_SH)

    def leave(self) -> None:
        """Give the lock back."""
        if self._held is not None:
            os.close(self._held)
            self._held = None


def attended(file: Path) -> bool:
    """Whether anybody holds a lock on this file."""
    try:
        tried = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(tried, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(tried)
    return False


def _same(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False


def guards_amiss(connection: Connection) -> tuple[str, ...]:
    """Names of the triggers that are missing or not what they were."""
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    found = {str(row.name): str(row.sql) for row in rows}
    return tuple(sorted(name for name in {*_GUARDS, *found} if name not in _GUARDS or found.get(name) != _guard(name)))


def _guard(name: str) -> str:
    refusal = "SELECT RAISE(ABORT, 'the ledger is append-only')"
    return f"CREATE TRIGGER {name} {_GUARDS[name]} BEGIN {refusal}; END"


def _connection(path: Path) -> sqlite3.Connection:
    # mode=rw: SQLite would otherwise make an empty file where the ledger has gone, and fill that.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=_WAIT_SECONDS, check_same_thread=False)


def _raw(connection: Connection) -> sqlite3.Connection:
    raw: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
    return raw


def _revision(connection: sqlite3.Connection) -> str | None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION:
        return None
    if layout != max(_LAYOUTS):
        return _LAYOUTS.get(layout) or f"{layout:04}"
    return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def _begin(connection: Connection) -> None:
    # IMMEDIATE: what is read before writing must still be true at the time of writing.
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _make(engine: Engine) -> None:
    with engine.execution_options(**{WRITES: MAKING}).begin() as connection:
        if _revision(_raw(connection)) is None:
            metadata.create_all(connection)
            revisions.create(connection)
            connection.execute(insert(revisions), {"version_num": REVISION})
            for name in _GUARDS:
                connection.exec_driver_sql(_guard(name))
            connection.exec_driver_sql(f"PRAGMA user_version = {max(_LAYOUTS)}")
            connection.exec_driver_sql(f"PRAGMA application_id = {_APPLICATION}")


def _log_ahead(path: Path) -> None:
    """Switch to a write-ahead log: readers and the writer then do not wait for each other, and it stays so."""
    connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
    limit = time.monotonic() + _WAIT_SECONDS
    try:
        while True:  # the switch needs the file for itself, and does not wait for it
            try:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
                break
            except sqlite3.OperationalError:
                if time.monotonic() > limit:
                    raise
                time.sleep(0.01)
    finally:
        connection.close()
    if mode != "wal":
        raise LedgerError("the file cannot have a write-ahead log", where=str(path), remedy="Put it on a local disk")
