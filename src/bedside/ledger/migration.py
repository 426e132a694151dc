"""Bringing a ledger to the newest layout, and giving a role the rights that a server needs and no more."""

from __future__ import annotations

from pathlib import Path

import msgspec
from sqlalchemy import Connection

from bedside.ledger import dialect
from bedside.ledger.tables import REVISION
from bedside.ledger.trouble import other_revision


class Migrated(msgspec.Struct, frozen=True, kw_only=True):
    """What ``migrate`` did.

    Attributes
    ----------
    place: the ledger. before: its revision, None where there was nothing. after: its revision now.
    granted: the role that got the rights of a server; None where none was named.
    """

    place: str
    before: str | None
    after: str
    granted: str | None


def migrate(url: str | Path, *, grant: str | None = None) -> Migrated:
    """Bring the ledger's tables to the newest revision, all or nothing; entries are not touched.

    In an empty PostgreSQL database the tables are made, owned by the user in the URL. ``grant`` names a role that may
    then serve: it can add entries, and the database refuses it to change or remove one or to switch a guard off.
    Stop the servers first. Raises ``LedgerError`` for what is no ledger, is newer than this bedside, or cannot be
    written, and ``UsageError`` for a role that is not there or could lift its own limits.
    """
    database = dialect.database(url)
    engine = database.engine(hurry=False)  # an index on a million rows takes its time
    try:
        with dialect.reported(database.place):
            database.examine(create=database.is_server, current=False)
            making = engine.execution_options(**{dialect.WRITES: dialect.MAKING})
            with making.begin() as connection:
                before = database.revision(connection)
                if before != REVISION:
                    _upgrade(connection, before, database.place)
                    database.mark(connection)
                if grant is not None:
                    database.grant(connection, grant)
    finally:
        engine.dispose()
    return Migrated(place=database.place, before=before, after=REVISION, granted=grant)


def _upgrade(connection: Connection, before: str | None, place: str) -> None:
    """Let Alembic run every revision after ``before``, within the transaction that is open."""
    if before is not None and before > REVISION:
        raise other_revision(before, place)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    if before is not None:
        command.stamp(config, before)  # a file of the first layout has no note of its revision
    command.upgrade(config, "head")
