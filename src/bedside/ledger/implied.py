"""What the entries say must stand in the other tables: gathered entry by entry, then compared row by row."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from bedside.errors import LedgerError
from bedside.ledger import projection, tables
from bedside.ledger.entry import Entry
from bedside.ledger.keys import Vault
from bedside.ledger.patients import normal_id
from bedside.ledger.projection import AnswerRow
from bedside.ledger.scratch import Shelf
from bedside.ledger.vouched import link_of

_USER_KINDS = (
    "user-added",
    "user-activated",
    "user-deactivated",
    "role-changed",
    "name-changed",
    "user-linked",
    "secret-renewed",
    "key-made",
    "key-revoked",
    "password-changed",
)
_OF_USER = ("full_name", "role", "active", "linked")
_PIECE = 500


class _Known(msgspec.Struct, frozen=True):
    """The entry that says who a patient is, and the lookup of the identifier in it."""

    seq: int
    lookup: str


class _Made(msgspec.Struct, frozen=True):
    """What the entry that made a service's key says of it; the first bedside said nothing of its hash."""

    seq: int
    made: str
    expires: str | None
    credential: str | None


class Implied:
    """What the entries read so far imply for the other tables; users and their keys are held in memory."""

    def __init__(self, scratch: sqlite3.Connection, vault: Vault) -> None:
        self.answers: Shelf[AnswerRow] = Shelf(scratch, "answers", AnswerRow)
        self.patients: Shelf[_Known] = Shelf(scratch, "patients", _Known)
        self.users: dict[str, dict[str, Any]] = {}
        self.credentials: dict[str, str | None] = {}
        self.keys: dict[tuple[str, int], _Made] = {}
        self.keys_made: Counter[str] = Counter()
        self.erased: dict[str, int] = {}
        self._vault = vault

    def take(self, entry: Entry, body: dict[str, Any]) -> None:
        """Take one entry in, by its decrypted body. Raises ``LedgerError`` for one that cannot follow."""
        subject = entry.subject or ""
        if entry.kind in projection.KINDS:
            row = projection.after(self.answers.get(subject), entry, body)
            if row.id != subject or row.patient != entry.patient:
                raise LedgerError("it is about one answer and says another")
            self.answers.put(subject, row)
        elif entry.kind == "patient" and entry.patient is not None:
            self.patients.put(entry.patient, _Known(entry.seq, self._vault.lookup(normal_id(body["id"]))))
        elif entry.kind == "patient-erased":
            self.erased[subject] = entry.seq
        elif entry.kind in _USER_KINDS:
            self._take_user(entry, subject, body)

    def _take_user(self, entry: Entry, subject: str, body: dict[str, Any]) -> None:
        if entry.kind == "user-added":
            added = {"full_name": body["full_name"], "role": body["role"], "active": True, "linked": None}
            self.users[subject] = added
            self._take_secret(entry, subject, body)
        elif entry.kind in ("secret-renewed", "password-changed", "key-made"):
            self._take_secret(entry, subject, body)
        elif entry.kind == "key-revoked":
            del self.keys[subject, body["number"]]
        elif entry.kind == "role-changed":
            self.users[subject]["role"] = body["role"]
        elif entry.kind == "name-changed":
            self.users[subject]["full_name"] = body["full_name"]
        elif entry.kind == "user-linked":
            self.users[subject]["linked"] = link_of(body["issuer"], body["subject"])
        else:
            self.users[subject]["active"] = entry.kind == "user-activated"

    def _take_secret(self, entry: Entry, subject: str, body: dict[str, Any]) -> None:
        credential = body.get("credential")
        if self.users[subject]["role"] != "service":
            self.credentials[subject] = credential
            return
        self.credentials[subject] = self._vault.credential(subject, None, None, None)  # no password, ever
        if entry.kind == "secret-renewed":  # as long as a service had one key, a new one took its place
            self.keys = {key: made for key, made in self.keys.items() if key[0] != subject}
        self.keys_made[subject] += 1
        made = _Made(entry.seq, entry.at, body.get("expires"), credential)
        self.keys[subject, self.keys_made[subject]] = made

    def amiss(self, connection: Connection) -> Iterator[str]:
        """Every row that is not as implied, and every one that is missing."""
        yield from self._answers_amiss(connection)
        yield from self._patients_amiss(connection)
        yield from self._users_amiss(connection)
        yield from self._keys_amiss(connection)

    def _answers_amiss(self, connection: Connection) -> Iterator[str]:
        for found in _rows(connection, tables.answers):
            row = AnswerRow(**found)
            due = self.answers.pop(row.id)
            if due is None:
                yield f"answer {row.id}: stands in the worklist and in no entry that can be read"
            elif due != row:
                fields = [name for name in AnswerRow.__struct_fields__ if getattr(due, name) != getattr(row, name)]
                yield f"entry {due.seq}: answer {row.id} has another {', '.join(fields)} in the worklist"
        for row in self.answers.values():
            yield f"entry {row.seq}: answer {row.id} is missing in the worklist"

    def _patients_amiss(self, connection: Connection) -> Iterator[str]:
        """A patient's row that another identifier leads to would give one patient's answers to another."""
        for row in _rows(connection, tables.patients):
            ref = row["ref"]
            known = self.patients.pop(ref)
            gone = row["lookup"] is None and row["wrapped_key"] is None
            if ref in self.erased:
                if not gone:
                    yield f"entry {self.erased[ref]}: the patient {ref} was erased and has a key or a lookup again"
            elif row["wrapped_key"] is None:
                yield f"patient {ref}: the key is gone, and no entry says that the patient was erased"
            elif known is None:
                yield f"patient {ref}: has a row, and no entry that can be read says who it is"
            elif row["lookup"] != known.lookup:
                yield f"entry {known.seq}: the patient's row {ref} is not found by the identifier entered"
        for known in self.patients.values():
            yield f"entry {known.seq}: the row of its patient is missing"

    def _users_amiss(self, connection: Connection) -> Iterator[str]:
        found = {}
        for row in _rows(connection, tables.users):
            found[row["name"]] = {column: row[column] for column in _OF_USER}
            secret = (row["password_hash"], None, row["one_time_until"])
            if not self._has_secret(row["name"], secret, self.credentials.get(row["name"])):
                yield f"user {row['name']}: the password is not the one that was entered"
        for name in sorted({*found, *self.users}, key=repr):
            if found.get(name) != self.users.get(name):
                yield f"user {name}: the account is not what was entered"

    def _keys_amiss(self, connection: Connection) -> Iterator[str]:
        for row in _rows(connection, tables.keys):
            name, number = row["name"], row["number"]
            due = self.keys.pop((name, number), None)
            if due is None:
                yield f"key {number} of {name}: has a row, and no entry made it, or it was revoked"
            elif (row["made"], row["expires"]) != (due.made, due.expires) or not self._has_secret(
                name, (None, row["key_hash"], row["expires"]), due.credential
            ):
                yield f"entry {due.seq}: the key {number} of {name} is not the one that was entered"
        for (name, number), due in self.keys.items():
            yield f"entry {due.seq}: the row of key {number} of {name} is missing"

    def _has_secret(self, name: str, secret: tuple[Any, Any, Any], due: str | None) -> bool:
        """Entries of the first bedside say nothing of it."""
        try:
            return due is None or self._vault.credential(name, *secret) == due
        except TypeError:  # no text
            return False


def _rows(connection: Connection, table: Any) -> Iterator[Any]:
    return iter(connection.execute(select(table).execution_options(yield_per=_PIECE)).mappings())
