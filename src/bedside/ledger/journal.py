"""The entries as an auditor reads them: newest first, who did what when, without what was said about patients."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import select

from bedside.ledger import tables
from bedside.ledger.entry import Entry
from bedside.ledger.store import Store

_ENTRY = tables.entries.c

OPEN_KINDS = frozenset(
    {
        "approval",
        "backup",
        "checkpoint",
        "deployed",
        "deployment-refused",
        "export",
        "log-in-failed",
        "oip-use",
        "patient-erased",
        "reinstatement",
        "restored",
        "role-changed",
        "rolled-back",
        "suspended",
        "taken-over",
        "user-added",
    }
)
"""Kinds whose bodies hold nothing about a patient; an answer's does even where nobody said who the patient is."""


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """One entry without its body; ``facts`` holds what an entry of ``OPEN_KINDS`` says, else nothing."""

    seq: int
    at: str
    kind: str
    actor: str
    subject: str | None
    patient: str | None
    facts: dict[str, Any]


class Journal(Store):
    """Reads the chain from its end."""

    def noted(
        self,
        *,
        kind: str | None = None,
        actor: str | None = None,
        subject: str | None = None,
        patient: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> tuple[Noted, ...]:
        """The newest entries that match, those before number ``before`` where it is given; at most ``limit``."""
        query = select(tables.entries).order_by(_ENTRY.seq.desc()).limit(limit)
        wanted = ((_ENTRY.kind, kind), (_ENTRY.actor, actor), (_ENTRY.subject, subject), (_ENTRY.patient, patient))
        for column, value in wanted:
            if value is not None:
                query = query.where(column == value)
        if before is not None:
            query = query.where(_ENTRY.seq < before)
        with self._reading() as connection:
            return tuple(_noted(Entry(**row)) for row in connection.execute(query).mappings())


def _noted(entry: Entry) -> Noted:
    shown = entry.kind in OPEN_KINDS and entry.patient is None
    return Noted(
        seq=entry.seq,
        at=entry.at,
        kind=entry.kind,
        actor=entry.actor,
        subject=entry.subject,
        patient=entry.patient,
        facts=msgspec.json.decode(entry.body, type=dict[str, Any]) if shown else {},
    )
