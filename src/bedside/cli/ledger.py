"""Keeping the ledger: migrate, verify, checkpoint, export, backup, restore, erase."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bedside.cli.progress import Progress
from bedside.cli.server import DEFAULT_LEDGER, proven
from bedside.errors import UsageError

if TYPE_CHECKING:
    from bedside.ledger import BackedUp, Erasure, Exported, Ledger, Migrated, Restored, Verification


class Checkpointed(msgspec.Struct, frozen=True):
    """A checkpoint that was written: where, and the entry that it names."""

    out: str
    seq: int
    digest: str


def _existing(url: str | None) -> Ledger:
    """The ledger at `url`, or at ``BEDSIDE_LEDGER``, or here; where there is none, none is made."""
    from bedside.ledger import Ledger

    return Ledger.open(url or os.environ.get("BEDSIDE_LEDGER") or DEFAULT_LEDGER, create=False)


def _actor() -> str:
    return f"command line ({getpass.getuser()})"


def ledger_migrate(*, ledger: str | None = None, grant: str | None = None) -> Migrated:
    """Bring the ledger's tables to the newest revision; `grant` names a PostgreSQL role that may then serve.

    Raises `LedgerError` for what is no ledger or is newer than this bedside, and `UsageError` for a role that is not
    there or that no right binds.
    """
    from bedside.ledger import migrate

    return migrate(ledger or os.environ.get("BEDSIDE_LEDGER") or DEFAULT_LEDGER, grant=grant)


def ledger_verify(
    *,
    ledger: str | None = None,
    checkpoints: str | Path | None = None,
    key: str | Path | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Check every entry's digest, the chain and the worklist against the entries; names each row that does not hold.

    With checkpoints kept elsewhere, a chain whose end was cut off, that was written anew, or that is an older copy, is
    found too.
    """
    from bedside.ledger import read_checkpoints
    from bedside.release.keys import read_public_key

    if (checkpoints is None) is not (key is None):
        raise UsageError("--checkpoints and --key go together: checkpoints are verified with a public key")
    public = None if key is None else read_public_key(Path(key))
    kept = {} if checkpoints is None else read_checkpoints(Path(checkpoints))
    with _existing(ledger) as book:
        return book.verify(kept, public, progress)


def ledger_checkpoint(*, key: str | Path, out: str | Path, ledger: str | None = None) -> Checkpointed:
    """Sign the ledger's last entry; the file is to be kept where whoever can write the ledger cannot."""
    from bedside.release.keys import read_private_key

    private = read_private_key(Path(key))
    with _existing(ledger) as book:
        made, path = book.checkpoint(private, Path(out), actor=_actor())
    return Checkpointed(str(path), made.seq, made.digest)


def ledger_export(
    *, out: str | Path, start: str = "1", ledger: str | None = None, progress: Progress | None = None
) -> Exported:
    """Write the entries as FHIR R4 AuditEvents, one a line; nothing that was said about patients is in them.

    `start` is the number of an entry, or a date or moment. The export is itself entered.
    """
    with _existing(ledger) as book:
        return book.export(Path(out), start=start, actor=_actor(), progress=progress)


def ledger_backup(*, out: str | Path, ledger: str | None = None, progress: Progress | None = None) -> BackedUp:
    """Write the whole ledger, as it stands at one moment, to a new file; the server may go on writing.

    The master key and the list of the erased are not in it. Raises `Refused` where the ledger does not hold.
    """
    with _existing(ledger) as book:
        return book.backup(Path(out), actor=_actor(), progress=progress)


def ledger_restore(backup: str | Path, *, ledger: str, progress: Progress | None = None) -> Restored:
    """Make the ledger of a backup in an empty place; master key and list of the erased must lie there already.

    Everything is checked before it is kept. Patients who were erased since do not come back.
    """
    from bedside.ledger import restore

    return restore(Path(backup), ledger, actor=_actor(), progress=progress)


def ledger_erase(
    patient: str, *, user: str, reason: str, ledger: str | None = None, password: str | None = None
) -> Erasure:
    """Erase a patient by law: destroy the key that opens what was said about the patient. It cannot be undone.

    The password of `user`, an admin, is asked for, or read from standard input. Raises `AccessDenied`, and `NotFound`
    where the ledger knows no patient with this id.
    """
    with _existing(ledger) as book:
        return book.erase_patient(patient, reason=reason, user=proven(book, user, password))
