"""What a database says when it fails, as one ``LedgerError``: in words, without values, passwords or addresses."""

from __future__ import annotations

import os
import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from bedside.errors import BedsideError, LedgerError, ValueRefused
from bedside.ledger.tables import REVISION

WRITES = "bedside_writes"
"""Execution option of an engine whose transactions take the write lock at their beginning."""
MAKING = "making"
"""Value of ``WRITES`` for a transaction that makes what the write lock itself needs."""

_PASSING = "Nothing of this was kept; try again once the disk or the database is well"
_IN_DOUBT = "Once the database is well, look whether this was kept, and if not, try again"
_SQLITE = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR": "the disk does not take it: full, at its limit, or broken",
    "SQLITE_READONLY": "the file or its folder is read-only",
    "SQLITE_CANTOPEN": "the file or its folder is not there",
    "SQLITE_BUSY": "somebody else has been writing to it for too long",
    "SQLITE_CORRUPT": "the file is damaged",
    "SQLITE_NOTADB": "the file is not a database",
}
_POSTGRESQL = {
    "08": "there is no connection to the database",
    "25006": "the database is read-only",
    "28": "the database refuses this user or password",
    "3D": "the database does not exist",
    "42501": "the database gives this user no right to that",
    "53100": "the disk of the database is full",
    "53": "the database has no room for it",
    "55P03": "somebody else has been writing to it for too long",
    "57014": "the database took too long",
    "57P": "the database is being stopped or started",
}
_REMEDIES = {
    "08": _IN_DOUBT,
    "57P": _IN_DOUBT,
    "28": "Correct the URL",
    "3D": "Make it first: createdb",
    "42501": "Let the owner of the tables run: bedside ledger migrate --ledger URL --grant USER",
}
_UNTRANSLATABLE = "22021"  # PostgreSQL's code for a character that its texts cannot hold: NUL


@contextmanager
def reported(where: str) -> Iterator[None]:
    """Turns whatever the database says into one ``LedgerError``; values bound to a statement stay out of it.

    Raises ``ValueRefused`` where a text holds what PostgreSQL cannot store, as no other attempt would mend that.
    """
    try:
        yield
    except BedsideError:  # some are also an OSError
        raise
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        original = getattr(error, "orig", None) or error
        if _code(original) == _UNTRANSLATABLE:
            raise ValueRefused({"text": "the character NUL cannot be stored"}) from None
        raise trouble(original, where) from error


def other_revision(found: str, place: str) -> LedgerError:
    """The ``LedgerError`` for tables that are older or newer than this bedside's."""
    return LedgerError(
        f"the ledger's tables have revision {found}, this bedside reads {REVISION}",
        where=place,
        remedy="Stop its servers, make a backup, then run: bedside ledger migrate --ledger URL"
        if found < REVISION
        else "Use the newer bedside that made them",
    )


def trouble(error: BaseException, where: str) -> LedgerError:
    """The ``LedgerError`` for what a driver or the system raised."""
    code = _code(error)
    if code is None:  # SQLite or the system, which leave no doubt, or a connection that broke, perhaps while committing
        remedy = _PASSING if isinstance(error, sqlite3.Error | OSError) else _IN_DOUBT
    else:
        remedy = next((remedy for start, remedy in _REMEDIES.items() if code.startswith(start)), _PASSING)
    return LedgerError(f"the ledger cannot be read or written: {_said(error)}", where=where, remedy=remedy)


def _said(error: BaseException) -> str:
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "")
        return next((said for start, said in _SQLITE.items() if name.startswith(start)), str(error))
    if isinstance(error, ssl.SSLError):
        return "the database's certificate is not to be trusted, or it speaks another TLS"
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno else type(error).__name__
    code = _code(error)
    if code is not None:
        known = next((said for start, said in _POSTGRESQL.items() if code.startswith(start)), None)
        return known or f"the database says {code}"
    return "the database speaks no TLS" if "refuses SSL" in str(error) else "there is no connection to the database"


def _code(error: BaseException) -> str | None:
    """PostgreSQL's SQLSTATE, where the server itself spoke."""
    told: Any = error.args[0] if error.args else None
    return str(told["C"]) if isinstance(told, dict) and "C" in told else None
