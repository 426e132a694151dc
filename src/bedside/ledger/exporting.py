"""Exporting the entries as FHIR AuditEvents, for a hospital's own audit repository."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import msgspec
from sqlalchemy import func, select

from bedside.errors import UsageError
from bedside.ledger import tables
from bedside.ledger.audit_events import audit_event
from bedside.ledger.clock import stamp
from bedside.ledger.entry import Entry
from bedside.ledger.new_file import new_file
from bedside.ledger.store import Store
from bedside.ledger.verification import Progress

_PIECE = 500
_ROW = tables.answers.c


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """An export that was written: how many events, and the first and last entry in it."""

    out: str
    events: int
    first: int
    last: int


class Exporting(Store):
    """Events come from what stands beside the bodies: nothing is decrypted, and no identity is in them."""

    def export(self, out: Path, *, start: str = "1", actor: str, progress: Progress | None = None) -> Exported:
        """Enter that an export is made, then write all entries from ``start`` to that one, one event a line.

        ``start`` is the number of an entry, or a date or moment (UTC where it says nothing else). Raises
        ``UsageError`` where it is neither or nothing comes after it, ``Conflict`` where the file is there already.
        """
        first = self._first(start)
        last = self.append("export", actor=actor, body={"from": first}).seq
        with new_file(out) as file:
            seq = first - 1
            while seq < last:
                page = list(self.entries(after=seq, limit=min(_PIECE, last - seq)))
                file.writelines(self._lines(page))
                seq = page[-1].seq
                if progress is not None:
                    progress("Events", seq - first + 1, last - first + 1)
        return Exported(out=str(out), events=last - first + 1, first=first, last=last)

    def _first(self, start: str) -> int:
        if start.isdecimal():
            first: int | None = int(start)
        else:
            try:
                moment = dt.datetime.fromisoformat(start)
            except ValueError as error:
                text = f"{start!r} is neither the number of an entry nor a date"
                raise UsageError(text, remedy="Write --from 120, or --from 2026-03-01") from error
            at = stamp(moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC))
            query = select(func.min(tables.entries.c.seq)).where(tables.entries.c.at >= at)
            with self._reading() as connection:
                first = connection.execute(query).scalar_one_or_none()
        with self._reading() as connection:
            head = connection.execute(select(tables.head.c.seq).where(tables.head.c.id == 1)).scalar_one()
        if first is None or not 1 <= first <= max(head, 1):
            raise UsageError(f"the ledger has no entry from {start} on", where=self.place)
        return first

    def _lines(self, page: Sequence[Entry]) -> list[bytes]:
        answers = {entry.subject for entry in page if entry.kind == "answer"}
        with self._reading() as connection:
            rows = connection.execute(select(tables.answers).where(_ROW.id.in_(answers))).all()
            roles = {row.name: row.role for row in connection.execute(select(tables.users))}
        releases = {row.id: (f"{row.release} {row.version}", row.digest) for row in rows}
        ledger = self._vault.fingerprint()
        return [
            msgspec.json.encode(
                audit_event(entry, ledger=ledger, roles=roles, release=releases.get(entry.subject or ""))
            )
            + b"\n"
            for entry in page
        ]
