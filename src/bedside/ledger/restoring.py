"""Restoring a backup: into an empty place, all of it or nothing, and without those who were erased since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from bedside.errors import Conflict, LedgerError, Refused, UsageError
from bedside.ledger import dialect, tables
from bedside.ledger.archive import TABLES, Archive
from bedside.ledger.clock import Clock, utc_now
from bedside.ledger.erasing import AGAIN
from bedside.ledger.erasure_list import ErasureList
from bedside.ledger.keys import Vault, key_path, master_key
from bedside.ledger.ledger import Ledger
from bedside.ledger.verification import Progress
from bedside.ledger.walk import pieces


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that was restored.

    Attributes
    ----------
    place: where the ledger is now. at, seq, digest: when the backup was made, and its last entry.
    entries: how many there are now, with the one that tells of this.
    erased: how many patients of the backup had been erased since, and were not brought back.
    """

    place: str
    at: str
    seq: int
    digest: str
    entries: int
    erased: int


def restore(
    path: Path, url: str | Path, *, actor: str, clock: Clock = utc_now, progress: Progress | None = None
) -> Restored:
    """Make the ledger of a backup at ``url``, in either database, and check all of it before anything is kept.

    The master key, and beside it the list of the erased, must lie where that ledger looks for them. Nobody is logged in
    afterwards. Raises ``UsageError`` or ``DataError`` for a file that is no backup, ``Conflict`` where there is a
    ledger with entries already, ``Refused`` where the backup is not what this ledger wrote, ``LedgerError`` where key
    or list are missing.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
    with file:
        archive = Archive(file, str(path))
        database = dialect.database(url)
        listed = _secrets(archive, key_path(database.key), str(path))
        known = database.examine(create=True)
        try:
            with Ledger.open(url, clock=clock) as ledger, ledger._writing() as connection:
                return _taken_in(ledger, connection, archive, listed, actor, progress)
        except BaseException:
            if not known:
                database.discard()
            raise


def _secrets(archive: Archive, key: Path, where: str) -> frozenset[str]:
    """Who was erased, once it is sure that key, list and backup belong together."""
    manifest = archive.manifest
    vault = Vault(master_key(key, make=False))
    if vault.fingerprint() != manifest.ledger:
        raise LedgerError(
            f"the master key in {key} is not this backup's", where=where, remedy="Put the right key there"
        )
    if not manifest.made_with(vault):
        raise Refused("the manifest is not what was backed up", where=where, remedy="Use another copy of the backup")
    if manifest.revision != tables.REVISION:
        raise Refused(
            f"the backup has revision {manifest.revision}, this bedside writes {tables.REVISION}",
            where=where,
            remedy=f"Restore it with bedside {manifest.bedside}, then run 'bedside ledger migrate'",
        )
    erasures = ErasureList.beside(key, vault)
    if not erasures.there:
        raise LedgerError(
            "the list of erased patients is missing: restoring could bring somebody back",
            where=str(erasures.path),
            remedy="Put it back from where the master key is kept; only if nobody was ever erased, make an empty file",
        )
    return erasures.refs()


def _taken_in(
    ledger: Ledger,
    connection: Connection,
    archive: Archive,
    listed: frozenset[str],
    actor: str,
    progress: Progress | None,
) -> Restored:
    _require_empty(ledger, connection)
    back: list[str] = []
    for table in TABLES:
        rows = archive.rows(table)
        if table is tables.head:
            _set_head(connection, rows)
        else:
            for piece in pieces(_without(listed, table, rows, back)):
                connection.execute(insert(table), piece)
    manifest = archive.manifest
    body = {"backup": {"at": manifest.at, "seq": manifest.seq, "digest": manifest.digest}, "erased": len(back)}
    ledger._enter(connection, "restored", actor=actor, body=body)
    for ref in back:
        ledger._enter_erasure(connection, ref, actor="bedside", reason=AGAIN)
    found = ledger._verified(connection, {}, None, progress)
    if not found.holds:
        raise Refused(f"the backup does not hold: {found.problems[0]}", remedy="Use another copy of the backup")
    return Restored(
        place=ledger.place,
        at=manifest.at,
        seq=manifest.seq,
        digest=manifest.digest,
        entries=found.entries,
        erased=len(back),
    )


def _require_empty(ledger: Ledger, connection: Connection) -> None:
    for table in TABLES:
        if table is not tables.head and connection.execute(select(*table.primary_key).limit(1)).first() is not None:
            raise Conflict(
                "there is a ledger already; a backup is restored into an empty place",
                where=ledger.place,
                remedy="Move it away, or name another --ledger",
            )


def _set_head(connection: Connection, rows: Iterator[dict[str, Any]]) -> None:
    for row in rows:  # updated: a server's role may not remove it
        connection.execute(update(tables.head).where(tables.head.c.id == row["id"]), row)


def _without(
    listed: frozenset[str], table: Any, rows: Iterator[dict[str, Any]], back: list[str]
) -> Iterator[dict[str, Any]]:
    """The rows without what would bring a listed patient back; ``back`` gets those whom the backup still knew."""
    for row in rows:
        if table is tables.patients and row["ref"] in listed:
            if row["wrapped_key"] is not None:
                back.append(row["ref"])
            yield row | {"lookup": None, "wrapped_key": None}
        elif table is not tables.answers or row["patient"] not in listed:
            yield row
