"""Erasing a patient by law: the one key that opens everything said about the patient is destroyed.

The entries stay, so the chain still holds; nobody can read them again. Before the key goes, the erasure is written into
a list beside the master key. Whatever old copy of the ledger comes back later, its patients in that list are erased
from it again: when it is opened, and when a backup is restored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from sqlalchemy import Connection, delete, func, select, update

from bedside.errors import AccessDenied, NotFound, ValueRefused
from bedside.ledger import dialect, tables
from bedside.ledger.entry import Entry
from bedside.ledger.patients import Patients
from bedside.ledger.user import User

_ROW = tables.patients.c
AGAIN = "in the list of erased patients; an older copy of the ledger had brought the patient back"


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """One patient who was erased.

    Attributes
    ----------
    ref: the patient's random reference; nothing leads from it to a person any more.
    seq, at: the entry that tells of it, and when.
    answers: how many answers can no longer be read.
    wiped: whether the database's files were cleared of what it had deleted; if not, its administrator must do so.
    """

    ref: str
    seq: int
    at: str
    answers: int
    wiped: bool


class Erasing(Patients):
    """Patients can be erased, by an administrator and for a reason, never brought back."""

    def erase_patient(self, identifier: str, *, reason: str, user: User) -> Erasure:
        """Destroy the key and the lookup of the patient with this id; all answers leave the worklist.

        The same id is a new patient afterwards. Where this fails once the list of the erased was written, the patient
        is erased when the ledger is next opened. Raises ``AccessDenied`` for any role but admin, ``ValueRefused``
        without a reason, ``NotFound`` for an unknown patient.
        """
        if user.role != "admin" or not user.active:
            raise AccessDenied("only an admin can erase a patient")
        if not reason.strip():
            raise ValueRefused({"reason": "an erasure needs a reason, such as the law or the request; name no patient"})
        with self._writing() as connection:
            ref = self._ref(connection, identifier)
            if ref is None:
                raise NotFound(
                    "the ledger knows no patient with this id", remedy="Perhaps the patient is erased already"
                )
            known = select(func.count()).select_from(tables.answers).where(tables.answers.c.patient == ref)
            answers = int(connection.execute(known).scalar_one())
            entry = self._enter_erasure(connection, ref, actor=user.name, reason=reason.strip())
            self._erasures.add(ref, entry.seq)
            self._destroy(connection, [ref])
        wiped = dialect.wipe(self._engine)
        return Erasure(ref=ref, seq=entry.seq, at=entry.at, answers=answers, wiped=wiped)

    def erase_listed(self) -> tuple[str, ...]:
        """Erase again whoever is in the list of the erased and has a key in the database; returns their references."""
        refs = self._erasures.refs()
        with self._reading() as connection:
            back = tuple(self._with_key(connection, refs))
        if back:
            with self._writing() as connection:
                back = tuple(self._with_key(connection, refs))
                for ref in back:
                    self._enter_erasure(connection, ref, actor="bedside", reason=AGAIN)
                self._destroy(connection, back)
            dialect.wipe(self._engine)
        return back

    def _with_key(self, connection: Connection, refs: Iterable[str]) -> Iterator[str]:
        listed = sorted(refs)
        for start in range(0, len(listed), 500):
            has_key = (_ROW.ref.in_(listed[start : start + 500]), _ROW.wrapped_key.is_not(None))
            yield from connection.execute(select(_ROW.ref).where(*has_key)).scalars()

    def _enter_erasure(self, connection: Connection, ref: str, *, actor: str, reason: str) -> Entry:
        return self._enter(connection, "patient-erased", actor=actor, body={"reason": reason}, subject=ref)

    def _destroy(self, connection: Connection, refs: Iterable[str]) -> None:
        for ref in refs:
            gone = {"lookup": None, "wrapped_key": None}
            connection.execute(update(tables.patients).where(_ROW.ref == ref), gone)
            connection.execute(delete(tables.answers).where(tables.answers.c.patient == ref))
