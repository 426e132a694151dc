"""Silent answers: kept like answers, on no worklist, and read for comparison only."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from bedside.ledger.entry import Entry
from bedside.ledger.suspensions import Suspensions


class Silent(Suspensions):
    """What a silent release answered: entries of their own kind, encrypted like answers, that no page looks for."""

    def record_silent(self, answer: dict[str, Any], *, actor: str, patient: str | None) -> Entry:
        """Enter what a silent release answered where no release of its name is live.

        Raises ``Refused`` where it is suspended, ``NotFound`` for an unknown patient.
        """
        with self._writing() as connection:
            self._refuse_suspended(connection, answer["release"]["digest"])
            return self._enter_silent(connection, answer, beside=None, actor=actor, patient=patient)

    def _enter_silent(
        self, connection: Connection, answer: dict[str, Any], *, beside: str | None, actor: str, patient: str | None
    ) -> Entry:
        body = {"answer": answer, "beside": beside}
        return self._enter(
            connection, "silent-answer", actor=actor, body=body, subject=str(answer["id"]), patient=patient
        )
