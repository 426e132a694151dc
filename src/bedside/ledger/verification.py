"""Whether the chain holds, and whether everything that was derived from it agrees with it."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from sqlalchemy import Connection, delete, insert, select

from bedside.errors import BedsideError, LedgerError
from bedside.ledger import tables
from bedside.ledger.checkpoints import Checkpoint, Comparison
from bedside.ledger.dialect import guards_amiss
from bedside.ledger.entry import Entry
from bedside.ledger.implied import Implied
from bedside.ledger.patient_keys import PatientKeys
from bedside.ledger.scratch import scratch
from bedside.ledger.store import Store, opened
from bedside.ledger.walk import Walk, every, pieces

Progress = Callable[[str, int, int], None]
NAMED = 1000
"""Problems that are told one by one; of the others, how many."""
_PIECE = 500


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of the whole ledger found.

    Attributes
    ----------
    holds: whether there is no problem.
    entries: how many entries there are. head: digest of the last one (zeros where there is none).
    checkpoints: how many of those given hold. erased: how many patients were erased.
    problems: one sentence each, with the ``seq`` of the entry where there is one; the first ``NAMED`` of them.
    """

    holds: bool
    entries: int
    head: str
    problems: tuple[str, ...]
    checkpoints: int = 0
    erased: int = 0


class Verifying(Store):
    """Checks that need to see everything."""

    def verify(
        self,
        checkpoints: Mapping[str, Checkpoint] | None = None,
        key: EllipticCurvePublicKey | None = None,
        progress: Progress | None = None,
    ) -> Verification:
        """Read the whole ledger, as it stands at one moment, and name whatever does not hold; in bounded memory.

        Found are: entries changed, removed, added or put in another order by somebody without the master key; bodies
        that do not decrypt; rows of the worklist, of users and of patients that the entries do not imply; triggers that
        are gone; erased patients whose key is back, or who are missing in the list of the erased. Who has the master
        key and can write the file can make a new chain, and an old copy of the file holds: both are found by
        ``checkpoints`` (by name), signed with the private half of ``key``.
        """
        with self._reading() as connection:
            return self._verified(connection, checkpoints or {}, key, progress)

    def _verified(
        self,
        connection: Connection,
        checkpoints: Mapping[str, Checkpoint],
        key: EllipticCurvePublicKey | None,
        progress: Progress | None = None,
    ) -> Verification:
        found = _Found()
        walk, compared = Walk(), Comparison(checkpoints, key, self._vault.fingerprint())
        heads = connection.execute(select(tables.head).order_by(tables.head.c.id)).all()
        head = next((row for row in heads if row.id == 1), None)
        with scratch() as room:
            implied, keys = Implied(room, self._vault), PatientKeys(self, connection)
            for entry in every(connection):
                found.add(walk.step(entry))
                compared.step(entry)
                found.add(_taken(implied, entry, keys))
                if progress is not None and walk.number % _PIECE == 0:
                    progress("Entries", walk.number, getattr(head, "seq", walk.number))
            found.add(walk.end(head))
            compared.end(walk.seq)
            found.add(compared.problems)
            if head is None or not hmac.compare_digest(self._vault.seal(head.seq, head.digest), head.seal):
                found.add(["the seal of the last entry does not hold: it was written without the ledger's key"])
            found.add(f"the head has a second row, {row.id}" for row in heads if row.id != 1)
            found.add(implied.amiss(connection))
            found.add(self._unlisted(implied))
        found.add(f"the guard {name} is missing or altered" for name in guards_amiss(connection))
        return Verification(
            holds=not found.number,
            entries=walk.number,
            head=walk.digest,
            problems=found.told(),
            checkpoints=compared.held,
            erased=len(implied.erased),
        )

    def rebuild(self) -> int:
        """Make the worklist's rows anew from the entries; returns how many.

        Raises ``LedgerError`` where an entry cannot be read: then nothing is changed.
        """
        number = 0
        with self._writing() as connection, scratch() as room:
            implied, keys = Implied(room, self._vault), PatientKeys(self, connection)
            for entry in every(connection):
                for problem in _taken(implied, entry, keys):
                    raise LedgerError(problem, where=self.place, remedy="Restore a backup")
            connection.execute(delete(tables.answers))
            for piece in pieces(implied.answers.values()):
                connection.execute(insert(tables.answers), [msgspec.structs.asdict(row) for row in piece])
                number += len(piece)
        return number

    def _unlisted(self, implied: Implied) -> Iterator[str]:
        """An erased patient whom the list does not name would come back with a restored backup."""
        if implied.erased:
            listed = self._erasures.refs()
            for ref, seq in implied.erased.items():
                if ref not in listed:
                    yield f"entry {seq}: the erased patient {ref} is missing in {self._erasures.path}"


class _Found:
    """Problems: counted all, kept as far as anybody reads them."""

    def __init__(self) -> None:
        self.number = 0
        self._kept: list[str] = []

    def add(self, problems: Any) -> None:
        for problem in problems:
            self.number += 1
            if self.number <= NAMED:
                self._kept.append(problem)

    def told(self) -> tuple[str, ...]:
        more = self.number - NAMED
        return (*self._kept, f"and {more} more problems") if more > 0 else tuple(self._kept)


def _taken(implied: Implied, entry: Entry, keys: PatientKeys) -> list[str]:
    """Take one entry in; what cannot be read or cannot follow is a problem. What an erased patient's key hid is not."""
    try:
        key = None if entry.patient is None else keys.of(entry.patient)
        if entry.patient is None or key is not None:
            implied.take(entry, opened(entry, key))
    except BedsideError as error:
        return [f"entry {entry.seq}: {error.what}"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return [f"entry {entry.seq}: its body cannot be read ({type(error).__name__})"]
    return []
