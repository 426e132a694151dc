"""Backing up a ledger while it is written to."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, select

from bedside.errors import Refused
from bedside.ledger import tables
from bedside.ledger.archive import FORMAT, TABLES, Manifest, Member, write_manifest, write_member
from bedside.ledger.entry import Entry
from bedside.ledger.new_file import new_file
from bedside.ledger.store import Store
from bedside.ledger.verification import Progress
from bedside.ledger.walk import Walk, every

_PIECE = 500


class BackedUp(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that was made: where, its last entry, and how many bytes it has."""

    out: str
    seq: int
    digest: str
    size: int


class BackingUp(Store):
    """Everything as it stands at one moment, in one file; whoever writes meanwhile does not wait."""

    def backup(self, out: Path, *, actor: str, progress: Progress | None = None) -> BackedUp:
        """Enter that a backup is made, then write it to a new file. The master key is not in it.

        Raises ``Refused`` where the chain does not hold (an earlier backup is worth more than one of that),
        ``Conflict`` where the file is there already, ``UsageError`` where it cannot be written.
        """
        self.append("backup", actor=actor, body={})
        with self._reading() as connection, new_file(out) as file:
            head = connection.execute(select(tables.head).where(tables.head.c.id == 1)).one()
            self._require_seal(head)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                members = {}
                for table in TABLES:
                    rows = self._rows(connection, table, head, progress)
                    members[f"{table.name}.ndjson"] = write_member(archive, table, rows)
                write_manifest(archive, self._manifest(head, members))
        return BackedUp(out=str(out), seq=head.seq, digest=head.digest, size=out.stat().st_size)

    def _manifest(self, head: Any, members: dict[str, Member]) -> Manifest:
        unsealed = Manifest(
            format=FORMAT,
            bedside=version("bedside"),
            revision=tables.REVISION,
            ledger=head.fingerprint,
            at=self.now(),
            seq=head.seq,
            digest=head.digest,
            members=members,
        )
        return unsealed.sealed(self._vault)

    def _rows(
        self, connection: Connection, table: Table, head: Any, progress: Progress | None
    ) -> Iterator[dict[str, Any]]:
        if table is tables.entries:
            for entry in self._holding(every(connection), head, progress):
                yield msgspec.structs.asdict(entry)
        else:
            query = select(table).order_by(*table.primary_key).execution_options(yield_per=_PIECE)
            for row in connection.execute(query).mappings():
                yield dict(row)

    def _holding(self, entries: Iterator[Entry], head: Any, progress: Progress | None) -> Iterator[Entry]:
        """The same entries; raises ``Refused`` where they are no chain that ends with the head."""
        walk = Walk()
        for entry in entries:
            self._refuse(walk.step(entry))
            yield entry
            if progress is not None and walk.number % _PIECE == 0:
                progress("Entries", walk.number, head.seq)
        self._refuse(walk.end(head))

    def _refuse(self, problems: list[str]) -> None:
        for problem in problems:
            remedy = "Run 'bedside ledger verify', then restore an earlier backup"
            raise Refused(f"the ledger does not hold: {problem}", where=self.place, remedy=remedy)
