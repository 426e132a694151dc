"""The patients' keys for a reader of many entries: each is asked for once as long as it is in use."""

from __future__ import annotations

from sqlalchemy import Connection, select

from bedside.errors import LedgerError
from bedside.ledger import tables
from bedside.ledger.store import Store

_KEPT = 10_000


class PatientKeys:
    """The keys of the patients met last, as they stand in one view of the database; not for a server to keep."""

    def __init__(self, ledger: Store, connection: Connection) -> None:
        self._ledger = ledger
        self._connection = connection
        self._kept: dict[str, bytes | None] = {}

    def of(self, ref: str) -> bytes | None:
        """The patient's key; None where it was destroyed. Raises ``LedgerError``."""
        if ref not in self._kept:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            row = self._connection.execute(select(tables.patients).where(tables.patients.c.ref == ref)).one_or_none()
            if row is None:
                raise LedgerError(f"the row of its patient {ref} is missing", remedy="Run 'bedside ledger verify'")
            wrapped = row.wrapped_key
            self._kept[ref] = None if wrapped is None else self._ledger._vault.unwrap(wrapped, ref)
        return self._kept[ref]
