"""The ledger: one class, one door to everything that is kept."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from argon2 import PasswordHasher
from sqlalchemy import Connection, insert, select

from bedside.errors import LedgerError
from bedside.ledger import dialect, tables
from bedside.ledger.approvals import Approvals
from bedside.ledger.attending import Attending
from bedside.ledger.backup import BackingUp
from bedside.ledger.checkpoints import Checkpoints
from bedside.ledger.clock import Clock, utc_now
from bedside.ledger.deployments import Deployments
from bedside.ledger.entry import GENESIS
from bedside.ledger.erasing import Erasing
from bedside.ledger.erasure_list import ErasureList
from bedside.ledger.exporting import Exporting
from bedside.ledger.journal import Journal
from bedside.ledger.keys import Vault, key_path, master_key
from bedside.ledger.outcomes import Outcomes
from bedside.ledger.own_estimates import OwnEstimates
from bedside.ledger.reviews import Reviews
from bedside.ledger.sessions import Sessions
from bedside.ledger.staff import Staff
from bedside.ledger.verification import Verifying
from bedside.ledger.vouched import Vouched
from bedside.ledger.worklist import Worklists

_FINGERPRINT = select(tables.head.c.fingerprint).where(tables.head.c.id == 1)


class Ledger(
    Erasing,
    Reviews,
    OwnEstimates,
    Worklists,
    Approvals,
    Deployments,
    Attending,
    Outcomes,
    Sessions,
    Staff,
    Vouched,
    Checkpoints,
    BackingUp,
    Exporting,
    Journal,
    Verifying,
):
    """Everything that happened, append-only and hash-chained; safe from several threads and processes at once.

    What it keeps is told by the classes that it is made of: ``Store`` (entries), ``Patients``, ``Erasing``,
    ``Answers``, ``Reviews``, ``OwnEstimates`` and ``Worklists``, ``Approvals``, ``Suspensions`` and ``Deployments``,
    ``Attending``, ``Outcomes``, ``ServiceKeys``, ``Accounts``, ``Sessions``, ``Staff``, ``Vouched``, ``Checkpoints``,
    ``BackingUp``, ``Exporting``, ``Journal`` and ``Verifying``. Open it with ``Ledger.open``.
    """

    @classmethod
    def open(
        cls,
        url: str | Path,
        *,
        create: bool = True,
        clock: Clock = utc_now,
        hasher: PasswordHasher | None = None,
    ) -> Ledger:
        """Open the ledger at a path, ``sqlite:///path`` or ``postgresql://user:password@host/database``.

        Where ``create`` is set and there is none, it is made there (in PostgreSQL, in a database that exists).
        The master key lies beside the file as ``<file>.key``, for PostgreSQL as ``bedside-<database>.key`` in the
        current folder, or where the environment variable BEDSIDE_LEDGER_KEY says; the list of erased patients beside
        it. Whoever is in that list and in the ledger, as in an old copy put in its place, is erased again.
        ``clock`` gives the time (with a time zone); ``hasher`` the cost of a password's hash, RFC 9106's by default.
        Raises ``LedgerError`` for a missing folder, a database that cannot be reached or is no ledger, a key that is
        missing or another's.
        """
        database = dialect.database(url)
        known = database.examine(create=create)
        key = key_path(database.key)
        vault = Vault(master_key(key, make=not known))
        erasures = ErasureList.beside(key, vault)
        if not known:
            erasures.begin()
        engine = database.engine()
        try:
            with dialect.reported(database.place):
                database.prepare(engine, known=known)
            ledger = cls(engine, vault, erasures, clock, hasher or PasswordHasher())
            ledger._begin()
            ledger.erase_listed()
        except BaseException:
            engine.dispose()
            raise
        return ledger

    def __enter__(self) -> Ledger:  # noqa: PYI034  (run-time checks of single methods know no Self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self) -> None:
        """Write the head of an empty chain once; refuse a key that is not the one it was written with."""
        with self._reading() as connection:
            fingerprint = connection.execute(_FINGERPRINT).scalar_one_or_none()
        if fingerprint is None:
            making = self._engine.execution_options(**{dialect.WRITES: dialect.MAKING})
            with dialect.reported(self.place), making.begin() as connection:
                fingerprint = connection.execute(_FINGERPRINT).scalar_one_or_none() or self._first_head(connection)
        if fingerprint != self._vault.fingerprint():
            raise LedgerError("the master key is not this ledger's", where=self.place, remedy="Put the right key back")

    def _first_head(self, connection: Connection) -> str:
        if connection.execute(select(tables.entries.c.seq).limit(1)).one_or_none() is not None:
            raise LedgerError("the head of the chain is missing", where=self.place, remedy="Restore a backup")
        row = {"id": 1, "seq": 0, "digest": GENESIS, "seal": self._vault.seal(0, GENESIS)}
        fingerprint = self._vault.fingerprint()
        connection.execute(insert(tables.head), {**row, "fingerprint": fingerprint})
        return fingerprint
