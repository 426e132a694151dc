"""Answers: recorded whole, found again, listed for those who review them."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, insert, select, update

from bedside.errors import Conflict, NotFound
from bedside.ledger import tables
from bedside.ledger.entry import Entry
from bedside.ledger.projection import AnswerRow, after, row_of, status_at
from bedside.ledger.silent import Silent
from bedside.ledger.tables import OWN_ESTIMATE

_ROW = tables.answers.c


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """What one clinician said about one answer.

    Attributes
    ----------
    answer: the answer's id.
    verdict: ``agree``, ``disagree`` or ``unsure``; ``entered-in-error`` for a withdrawal.
    conclusion: the clinician's own words; where empty and agreed, the estimate's words stand.
    action: what is done about it. reason: why, in words; reason_codes: why, as constants of ``REASONS``.
    reviewer, reviewer_name: the user's name, and the person's name as it is signed.
    at: when, UTC.
    status: the answer's status from then on.
    """

    answer: str
    verdict: str
    conclusion: str
    action: str
    reason: str
    reviewer: str
    reviewer_name: str
    at: str
    status: str
    reason_codes: tuple[str, ...] = ()


class OwnEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a clinician expected before seeing the model's estimate.

    Attributes
    ----------
    answer: the answer's id. estimate: probability by class, or a dose in `unit`; None: the clinician could not say, or
        said a choice. choice: the treatment that the clinician would give. unit: UCUM, where `estimate` has one.
    clinician, clinician_name: the user's name, and the person's. at: when, UTC.
    """

    answer: str
    estimate: dict[str, float] | None
    clinician: str
    clinician_name: str
    at: str
    choice: str | None = None
    unit: str | None = None


class StoredAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it was recorded, and what became of it.

    Attributes
    ----------
    answer: the answer as recorded, with the status that it has now.
    patient: reference of the patient, or None.
    reviews, own_estimates: oldest first.
    recorded: the entry that holds the answer.
    """

    answer: dict[str, Any]
    patient: str | None
    reviews: tuple[Review, ...]
    own_estimates: tuple[OwnEstimate, ...]
    recorded: Entry


class Answers(Silent):
    """Answers in the chain, and beside it their rows for the worklist, changed in the same transaction."""

    def record_answer(
        self,
        answer: dict[str, Any],
        *,
        actor: str,
        patient: str | None,
        supersedes: str | None = None,
        silent: dict[str, Any] | None = None,
    ) -> Entry:
        """Enter a new answer; with a patient, all of it is encrypted under that patient's key.

        ``supersedes`` names a preliminary answer about the same patient that this one replaces; ``silent`` is what a
        silent release answered beside this one.
        Raises ``Refused`` where the release is suspended, whoever did it; ``Conflict`` where the id is taken, the
        answer is not preliminary or the other cannot be replaced; ``NotFound`` for an unknown patient or answer;
        ``LedgerError`` where a key is missing.
        """
        row = row_of(answer, seq=0, patient=patient, asker=actor)
        if row.status != "preliminary":
            raise Conflict(f"a new answer is preliminary, not {row.status}", where=row.id)
        with self._writing() as connection:
            self._refuse_suspended(connection, row.digest)
            if self._find(connection, row.id) is not None:
                raise Conflict("there already is an answer with this id", where=row.id)
            if supersedes is not None:
                self._supersede(connection, supersedes, by=row, actor=actor)
            entry = self._enter(connection, "answer", actor=actor, body=answer, subject=row.id, patient=patient)
            connection.execute(insert(tables.answers), msgspec.structs.asdict(replace(row, seq=entry.seq)))
            if silent is not None and self._suspension(connection, silent["release"]["digest"]) is None:
                self._enter_silent(connection, silent, beside=row.id, actor=actor, patient=patient)
            return entry

    def answer(self, answer_id: str) -> StoredAnswer:
        """One answer with its reviews. Raises ``NotFound``, and ``PatientErased``."""
        with self._reading() as connection:
            row = self._row(connection, answer_id)
            entries = self._entries(connection, subject=answer_id)
            recorded = next(entry for entry in entries if entry.kind == "answer")
            said = [
                (entry.kind, {**self._decoded(connection, entry), "answer": answer_id, "at": entry.at})
                for entry in entries
                if entry.kind in ("review", "withdrawal", OWN_ESTIMATE)
            ]
            answer = {**self._decoded(connection, recorded), "status": status_at(row, self.now())}
            return StoredAnswer(
                answer=answer,
                patient=row.patient,
                reviews=tuple(msgspec.convert(body, Review) for kind, body in said if kind != OWN_ESTIMATE),
                own_estimates=tuple(msgspec.convert(body, OwnEstimate) for kind, body in said if kind == OWN_ESTIMATE),
                recorded=recorded,
            )

    def _find(self, connection: Connection, answer_id: str) -> AnswerRow | None:
        row = connection.execute(select(tables.answers).where(_ROW.id == answer_id)).mappings().one_or_none()
        return None if row is None else AnswerRow(**row)

    def _row(self, connection: Connection, answer_id: str) -> AnswerRow:
        """The row of an answer. Raises ``NotFound``, and ``PatientErased`` where the answer was but is gone."""
        row = self._find(connection, answer_id)
        if row is None:
            for entry in self._entries(connection, kind="answer", subject=answer_id):
                self._decoded(connection, entry)
            raise NotFound("there is no such answer", where=answer_id)
        return row

    def _has_own(self, connection: Connection, answer_id: str, clinician: str) -> bool:
        entry = tables.entries.c
        query = select(entry.seq).where(
            entry.kind == OWN_ESTIMATE, entry.subject == answer_id, entry.actor == clinician
        )
        return connection.execute(query.limit(1)).one_or_none() is not None

    def _moved(self, connection: Connection, row: AnswerRow, kind: str, *, actor: str, body: dict[str, Any]) -> Entry:
        """Enter what happened to an answer, and change its row to what the entry implies."""
        entry = self._enter(connection, kind, actor=actor, body=body, subject=row.id, patient=row.patient)
        new = after(row, entry, body)
        change = {"status": new.status, "reviewer": new.reviewer}
        connection.execute(update(tables.answers).where(_ROW.id == row.id), change)
        return entry

    def _supersede(self, connection: Connection, answer_id: str, *, by: AnswerRow, actor: str) -> None:
        row = self._row(connection, answer_id)
        status = status_at(row, self.now())
        if status != "preliminary" or row.patient != by.patient or row.release != by.release:
            raise Conflict(
                f"only a preliminary answer of the same release about the same patient is superseded, this is {status}",
                where=answer_id,
            )
        self._moved(connection, row, "superseded", actor=actor, body={"by": by.id})
