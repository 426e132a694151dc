"""Appending to the chain and reading it: what every other part of the ledger stands on."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from argon2 import PasswordHasher
from sqlalchemy import ColumnElement, Connection, Engine, insert, select, update

from bedside.errors import LedgerError, NotFound, PatientErased
from bedside.ledger import tables
from bedside.ledger.clock import Clock, stamp
from bedside.ledger.dialect import WRITES, place_of, reported
from bedside.ledger.entry import Entry, canonical, chained, encoded
from bedside.ledger.erasure_list import ErasureList
from bedside.ledger.keys import Vault, decrypt, encrypt

_PAGE = 500
_HEAD = select(tables.head).where(tables.head.c.id == 1).with_for_update()
_ADD = insert(tables.entries)
_MOVE_HEAD = update(tables.head).where(tables.head.c.id == 1)
_WRAPPED = select(tables.patients.c.wrapped_key)
_ENTRIES = select(tables.entries).order_by(tables.entries.c.seq)
_PROBE_BYTES = 32 * 1024
_PROBE_SECONDS = 1.0


class _Probe:
    """What the last attempt to write found, and until when that counts."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.until = 0.0
        self.found: LedgerError | None = None


class Store:
    """A hash-chained store of entries.

    Each write is one transaction that takes the database's write lock first, so entries follow one another whatever
    number of threads and processes write; what has returned is on the disk.
    """

    def __init__(
        self, engine: Engine, vault: Vault, erasures: ErasureList, clock: Clock, hasher: PasswordHasher
    ) -> None:
        self._engine = engine
        self._write_engine = engine.execution_options(**{WRITES: True})
        self._turn = threading.Lock()
        self._probe = _Probe()
        self._vault = vault
        self._erasures = erasures
        self._clock = clock
        self._hasher = hasher

    @property
    def place(self) -> str:
        """Where the ledger lies, as people may read it."""
        return place_of(self._engine)

    def append(
        self,
        kind: str,
        *,
        actor: str,
        body: msgspec.Struct | dict[str, Any],
        subject: str | None = None,
        patient: str | None = None,
    ) -> Entry:
        """Add one entry; when this returns, it is on the disk.

        With ``patient`` the body is encrypted under that patient's key. Raises ``NotFound`` for an unknown patient,
        ``PatientErased``, ``LedgerError`` where the chain's head does not hold or nothing can be written.
        """
        with self._writing() as connection:
            return self._enter(connection, kind, actor=actor, body=body, subject=subject, patient=patient)

    def entries(
        self, *, kind: str | None = None, subject: str | None = None, after: int = 0, limit: int | None = None
    ) -> Iterator[Entry]:
        """Entries in their order, from the one that follows ``after``; at most ``limit``.

        They are read in pages, each as the chain stands then, so that a slow reader holds nobody up.
        """
        while limit is None or limit > 0:
            size = _PAGE if limit is None else min(_PAGE, limit)
            with self._reading() as connection:
                page = self._entries(connection, kind=kind, subject=subject, after=after, limit=size)
            yield from page
            if len(page) < size:
                return
            after = page[-1].seq
            limit = None if limit is None else limit - size

    def decoded(self, entry: Entry) -> dict[str, Any]:
        """The entry's body, decrypted. Raises ``PatientErased``, ``LedgerError`` where the key does not fit."""
        with self._reading() as connection:
            return self._decoded(connection, entry)

    def now(self) -> str:
        """The ledger's time as it stands in entries."""
        return stamp(self._clock())

    def check_writable(self) -> None:
        """Write about as much as an answer takes, at most once a second. Raises ``LedgerError`` where that fails."""
        with self._probe.turn:
            if time.monotonic() >= self._probe.until:
                self._probe.found = self._probed()
                self._probe.until = time.monotonic() + _PROBE_SECONDS
            found = self._probe.found
        if found is not None:
            raise LedgerError(found.what, where=found.where, remedy=found.remedy)

    def _probed(self) -> LedgerError | None:
        try:
            with self._writing() as connection:
                # Random, as neither database writes what is already there, and PostgreSQL would compress the rest.
                row = {"filler": secrets.token_bytes(_PROBE_BYTES)}
                if not connection.execute(update(tables.probe), row).rowcount:
                    connection.execute(insert(tables.probe), {"id": 1, **row})
        except LedgerError as error:
            return error
        return None

    def close(self) -> None:
        """Give the database's file back."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """One consistent view of the database."""
        with reported(self.place), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """One transaction: all of it is written, or nothing. Never open one inside another."""
        # Threads of one process queue here: cheaper and fairer than polling the database's own lock.
        with reported(self.place), self._turn, self._write_engine.begin() as connection:
            yield connection

    def _enter(
        self,
        connection: Connection,
        kind: str,
        *,
        actor: str,
        body: msgspec.Struct | dict[str, Any],
        subject: str | None = None,
        patient: str | None = None,
    ) -> Entry:
        """Add one entry within a transaction that does more."""
        head = connection.execute(_HEAD).one()
        self._require_seal(head)
        stored = encoded(body)
        if patient is not None:
            stored = encrypt(self._patient_key(connection, patient), stored, canonical(kind, subject, patient))
        entry = chained(
            Entry(
                seq=head.seq + 1,
                at=self.now(),
                kind=kind,
                actor=actor,
                subject=subject,
                patient=patient,
                body=stored,
                previous=head.digest,
                digest="",
            )
        )
        connection.execute(_ADD, msgspec.structs.asdict(entry))
        seal = self._vault.seal(entry.seq, entry.digest)
        connection.execute(_MOVE_HEAD, {"seq": entry.seq, "digest": entry.digest, "seal": seal})
        return entry

    def _require_seal(self, head: Any) -> None:
        """Going on would put a fresh seal on a chain that somebody has rewritten: raises ``LedgerError``."""
        if head is not None and not hmac.compare_digest(self._vault.seal(head.seq, head.digest), head.seal):
            raise LedgerError(
                "the seal of the last entry does not hold: somebody changed the ledger without its key",
                where=self.place,
                remedy="Run 'bedside ledger verify', then restore a backup",
            )

    def _entries(
        self,
        connection: Connection,
        *,
        kind: str | None = None,
        subject: str | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> list[Entry]:
        query = _ENTRIES.where(tables.entries.c.seq > after)
        column: ColumnElement[str] = tables.entries.c.kind
        if subject is not None:
            query = query.where(tables.entries.c.subject == subject)
            column = column.concat("")  # or SQLite would read every entry of the kind, not the few about the subject
        if kind is not None:
            query = query.where(column == kind)
        return [Entry(**row) for row in connection.execute(query.limit(limit)).mappings()]

    def _decoded(self, connection: Connection, entry: Entry) -> dict[str, Any]:
        return opened(entry, None if entry.patient is None else self._patient_key(connection, entry.patient))

    def _patient_key(self, connection: Connection, ref: str) -> bytes:
        row = connection.execute(_WRAPPED.where(tables.patients.c.ref == ref)).one_or_none()
        if row is None:
            raise NotFound("the ledger knows no such patient", where=ref)
        if row.wrapped_key is None:
            raise PatientErased("this patient's key was destroyed: what was said about the patient is gone", where=ref)
        return self._vault.unwrap(row.wrapped_key, ref)


def opened(entry: Entry, key: bytes | None) -> dict[str, Any]:
    """The body of an entry, with the key of the patient that it is about. Raises ``LedgerError``."""
    plain = entry.body
    try:
        if key is not None:
            plain = decrypt(key, plain, canonical(entry.kind, entry.subject, entry.patient))
        return msgspec.json.decode(plain, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise LedgerError("the body is not JSON", where=f"entry {entry.seq}") from error
    except LedgerError as error:
        raise LedgerError(error.what, where=f"entry {entry.seq}", remedy=error.remedy) from error
