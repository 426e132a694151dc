"""Whether the chain holds, and whether everything that was derived from it agrees with it."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from sqlalchemy import Connection, delete, insert, select

from bedside.errors import BedsideError, LedgerError
from bedside.ledger import projection, tables
from bedside.ledger.checkpoints import Checkpoint, Comparison
from bedside.ledger.dialect import guards_amiss
from bedside.ledger.entry import GENESIS, Entry, digest_of
from bedside.ledger.patients import normal_id
from bedside.ledger.projection import AnswerRow
from bedside.ledger.store import Store, opened

_USER_KINDS = ("user-added", "user-activated", "user-deactivated", "role-changed")


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of the whole ledger found.

    Attributes
    ----------
    holds: whether there is no problem.
    entries: how many entries there are. head: digest of the last one (zeros where there is none).
    checkpoints: how many of those given hold.
    problems: one sentence each, with the ``seq`` of the entry where there is one.
    """

    holds: bool
    entries: int
    head: str
    problems: tuple[str, ...]
    checkpoints: int = 0


class _Implied:
    """What the entries read so far say must stand in the other tables."""

    def __init__(self) -> None:
        self.answers: dict[str, AnswerRow] = {}
        self.erased: set[str] = set()
        self.users: dict[str, tuple[str | None, str, bool]] = {}
        self.lookups: dict[str, tuple[int, str]] = {}
        self.keys: dict[str, bytes | None] = {}


class Verifying(Store):
    """Checks that need to see everything."""

    def verify(
        self, checkpoints: Mapping[str, Checkpoint] | None = None, key: EllipticCurvePublicKey | None = None
    ) -> Verification:
        """Read the whole ledger, as it stands at one moment, and name whatever does not hold.

        Found are: entries changed, removed, added or put in another order by somebody without the master key; bodies
        that do not decrypt; rows of the worklist, of users and of patients that the entries do not imply; triggers that
        are gone. Who has the master key and can write the file can make a new chain, and an old copy of the file holds:
        both are found by ``checkpoints`` (by name), signed with the private half of ``key``.
        """
        problems: list[str] = []
        implied = _Implied()
        number, last = 0, GENESIS
        with self._reading() as connection:
            head = connection.execute(select(tables.head)).one_or_none()
            walk = _Walk()
            compared = Comparison(checkpoints or {}, key, self._vault.fingerprint())
            for entry in _every(connection):
                number += 1
                problems += walk.step(entry)
                compared.step(entry)
                problems += self._imply(connection, implied, entry)
            last = walk.digest
            problems += walk.end(head)
            compared.end(walk.seq)
            problems += compared.problems
            if head is None or not hmac.compare_digest(self._vault.seal(head.seq, head.digest), head.seal):
                problems.append("the seal of the last entry does not hold: it was written without the ledger's key")
            problems += _answers_amiss(connection, implied)
            problems += _users_amiss(connection, implied)
            problems += self._patients_amiss(connection, implied)
            problems += [f"the guard {name} is missing or altered" for name in guards_amiss(connection)]
        return Verification(
            holds=not problems, entries=number, head=last, problems=tuple(problems), checkpoints=compared.held
        )

    def rebuild(self) -> int:
        """Make the worklist's rows anew from the entries; returns how many. Rows of erased patients stay as they are.

        Raises ``LedgerError`` where an entry cannot be read: then nothing is changed.
        """
        implied = _Implied()
        with self._writing() as connection:
            for entry in _every(connection):
                problems = self._imply(connection, implied, entry)
                if problems:
                    raise LedgerError(problems[0], where=self.place, remedy="Restore a backup")
            connection.execute(delete(tables.answers).where(tables.answers.c.id.not_in(implied.erased)))
            rows = [msgspec.structs.asdict(row) for row in implied.answers.values()]
            if rows:
                connection.execute(insert(tables.answers), rows)
        return len(rows)

    def _imply(self, connection: Connection, implied: _Implied, entry: Entry) -> list[str]:
        """Take one entry in; what cannot be read or cannot follow is a problem."""
        try:
            key = self._key_of(connection, implied, entry.patient)
            if entry.patient is not None and key is None:
                implied.erased.add(entry.subject or "")
                return []
            body = opened(entry, key)
            _imply_row(implied, entry, body)
            if entry.kind == "patient" and entry.patient is not None:
                implied.lookups[entry.patient] = (entry.seq, self._vault.lookup(normal_id(body["id"])))
        except BedsideError as error:
            return [f"entry {entry.seq}: {error.what}"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return [f"entry {entry.seq}: its body cannot be read ({type(error).__name__})"]
        return []

    def _key_of(self, connection: Connection, implied: _Implied, ref: str | None) -> bytes | None:
        """The patient's key; None where there is no patient, or the key was destroyed."""
        if ref is None:
            return None
        if ref not in implied.keys:
            row = connection.execute(select(tables.patients).where(tables.patients.c.ref == ref)).one_or_none()
            if row is None:
                raise LedgerError(f"the row of its patient {ref} is missing")
            implied.keys[ref] = None if row.wrapped_key is None else self._vault.unwrap(row.wrapped_key, ref)
        return implied.keys[ref]

    def _patients_amiss(self, connection: Connection, implied: _Implied) -> list[str]:
        """A patient's row that another identifier leads to would give one patient's answers to another."""
        rows = {row.ref: row.lookup for row in connection.execute(select(tables.patients))}
        return [
            f"entry {seq}: the patient's row {ref} is not found by the identifier entered"
            for ref, (seq, lookup) in implied.lookups.items()
            if rows.get(ref) != lookup
        ]


class _Walk:
    """Follows the chain from entry to entry."""

    def __init__(self) -> None:
        self.seq = 0
        self.digest = GENESIS

    def step(self, entry: Entry) -> list[str]:
        """What is wrong with the next entry as such."""
        problems = []
        expected = self.seq + 1
        if entry.seq < expected:
            return [f"entry {entry.seq}: does not belong here, the chain begins with 1"]
        if entry.seq > expected:
            problems.append(f"{_span(expected, entry.seq - 1)} missing")
        elif entry.previous != self.digest:
            problems.append(f"entry {entry.seq}: does not follow entry {self.seq}; one of the two was replaced")
        try:
            digest = digest_of(entry)
        except TypeError:
            digest = ""
        if digest != entry.digest:
            problems.append(f"entry {entry.seq}: was changed after it was written")
        self.seq, self.digest = entry.seq, entry.digest
        return problems

    def end(self, head: Any) -> list[str]:
        """What is wrong with where the chain ends."""
        if head is None:
            return ["the row that names the last entry is missing"]
        if head.seq > self.seq:
            return [f"{_span(self.seq + 1, head.seq)} missing at the end"]
        if head.seq < self.seq:
            return [f"{_span(head.seq + 1, self.seq)} added without the ledger's key"]
        return [] if head.digest == self.digest else [f"entry {self.seq}: is not the last entry that was sealed"]


def _span(first: int, last: int) -> str:
    return f"entry {first}: is" if first == last else f"entries {first} to {last}: are"


def _every(connection: Connection) -> Iterator[Entry]:
    query = select(tables.entries).order_by(tables.entries.c.seq).execution_options(yield_per=500)
    for row in connection.execute(query).mappings():
        yield Entry(**row)


def _imply_row(implied: _Implied, entry: Entry, body: dict[str, Any]) -> None:
    subject = entry.subject or ""
    if entry.kind in projection.KINDS:
        row = projection.after(implied.answers.get(subject), entry, body)
        if row.id != subject or row.patient != entry.patient:
            raise LedgerError("it is about one answer and says another")
        implied.answers[subject] = row
    elif entry.kind == "user-added":
        implied.users[subject] = (body["full_name"], body["role"], True)
    elif entry.kind in _USER_KINDS:
        full_name, role, active = implied.users[subject]
        role = body["role"] if entry.kind == "role-changed" else role
        active = active if entry.kind == "role-changed" else entry.kind == "user-activated"
        implied.users[subject] = (full_name, role, active)


def _answers_amiss(connection: Connection, implied: _Implied) -> list[str]:
    problems = []
    waiting = dict(implied.answers)
    for found in connection.execute(select(tables.answers)).mappings():
        row = AnswerRow(**found)
        due = waiting.pop(row.id, None)
        if due is None and row.id not in implied.erased:
            problems.append(f"answer {row.id}: stands in the worklist and in no entry")
        elif due is not None and due != row:
            fields = [name for name in AnswerRow.__struct_fields__ if getattr(due, name) != getattr(row, name)]
            problems.append(f"entry {due.seq}: answer {row.id} has another {', '.join(fields)} in the worklist")
    return problems + [f"entry {row.seq}: answer {row.id} is missing in the worklist" for row in waiting.values()]


def _users_amiss(connection: Connection, implied: _Implied) -> list[str]:
    rows = {row.name: (row.full_name, row.role, row.active) for row in connection.execute(select(tables.users))}
    names = sorted(name for name in {*rows, *implied.users} if rows.get(name) != implied.users.get(name))
    return [f"user {name}: the account is not what was entered" for name in names]
