"""The backup as a file: one ZIP for every database, a table a member, a manifest that says what must be in it.

Each member is ``<table>.ndjson``: one JSON object a row, bytes in base64. ``manifest.json`` names the ledger, its last
entry, and of each member the number of rows and the SHA-256; an HMAC under the master key covers it.
"""

from __future__ import annotations

import hashlib
import hmac
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import msgspec
from sqlalchemy import Boolean, Integer, LargeBinary, Table

from bedside.errors import DataError, LedgerError, Refused
from bedside.ledger import tables
from bedside.ledger.entry import canonical
from bedside.ledger.keys import Vault

FORMAT = 1
LEFT_OUT = frozenset({"probe", "sessions"})
TABLES = tuple(table for name, table in sorted(tables.metadata.tables.items()) if name not in LEFT_OUT)
"""What is kept: everything but who is logged in, and what the ledger tries the disk with."""
_MANIFEST = "manifest.json"
_LONGEST = 1024 * 1024
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError)


class Member(msgspec.Struct, frozen=True):
    """What a member must hold."""

    rows: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a backup must hold.

    Attributes
    ----------
    format: of the archive. bedside, revision: the version that wrote it, and the layout of its tables.
    ledger: fingerprint of the master key. at: when, UTC. seq, digest: the last entry then.
    members: by file name. mac: HMAC under the master key over all of this.
    """

    format: int
    bedside: str
    revision: str
    ledger: str
    at: str
    seq: int
    digest: str
    members: dict[str, Member]
    mac: str = ""

    def sealed(self, vault: Vault) -> Manifest:
        """The same with the mac that belongs to it."""
        return msgspec.structs.replace(self, mac=vault.backup(self._covered()))

    def made_with(self, vault: Vault) -> bool:
        """Whether whoever wrote it had this master key."""
        return hmac.compare_digest(vault.backup(self._covered()).encode(), self.mac.encode())

    def _covered(self) -> bytes:
        members = [field for name, one in sorted(self.members.items()) for field in (name, one.rows, one.sha256)]
        head = (self.format, self.bedside, self.revision, self.ledger, self.at, self.seq, self.digest)
        return canonical("bedside backup", *head, *members)


def write_member(archive: zipfile.ZipFile, table: Table, rows: Iterable[dict[str, Any]]) -> Member:
    """Write a table's rows, one after another; raises ``LedgerError`` for a row that cannot be written as text."""
    digest, number = hashlib.sha256(), 0
    with archive.open(f"{table.name}.ndjson", "w", force_zip64=True) as member:
        for row in rows:
            number += 1
            try:
                line = msgspec.json.encode(row) + b"\n"
            except UnicodeEncodeError as error:
                raise LedgerError(f"row {number} of {table.name} holds bytes that are no text") from error
            digest.update(line)
            member.write(line)
    return Member(number, digest.hexdigest())


def write_manifest(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Write it, for people to read as well."""
    archive.writestr(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")


class Archive:
    """A backup that is read. Raises ``DataError`` where the file is none."""

    def __init__(self, file: BinaryIO, where: str) -> None:
        self._where = where
        try:
            self._zip = zipfile.ZipFile(file)
            if self._zip.getinfo(_MANIFEST).file_size > _LONGEST:
                raise self._no_backup("its manifest is too long")
            self.manifest = msgspec.json.decode(self._zip.read(_MANIFEST), type=Manifest)
        except (*_BROKEN, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._no_backup(str(error)) from error
        if self.manifest.format != FORMAT:
            raise self._no_backup(f"format {self.manifest.format}, this bedside reads {FORMAT}")

    def rows(self, table: Table) -> Iterator[dict[str, Any]]:
        """A table's rows. Raises ``Refused`` for the first that does not fit, and at the end where the digest does not.

        Rows come before their digest is known: undo whatever was done with them.
        """
        name = f"{table.name}.ndjson"
        due = self.manifest.members.get(name, Member(0, ""))
        decode = msgspec.json.Decoder(_row(table)).decode
        digest, number = hashlib.sha256(), 0
        try:
            with self._zip.open(name) as member:
                while line := member.readline(_LONGEST * 64):
                    digest.update(line)
                    number += 1
                    yield msgspec.structs.asdict(decode(line))
        except (*_BROKEN, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._changed(f"{name}, row {number}") from error
        if (number, digest.hexdigest()) != (due.rows, due.sha256):
            raise self._changed(name)

    def _changed(self, what: str) -> Refused:
        return Refused(f"{what} is not what was backed up", where=self._where, remedy="Use another copy of the backup")

    def _no_backup(self, why: str) -> DataError:
        return DataError(f"this is no backup of a ledger ({why})", where=self._where)


def _row(table: Table) -> type[msgspec.Struct]:
    """A strict struct with the columns of a table."""
    fields = []
    for column in table.columns:
        kind: Any = str
        if isinstance(column.type, Boolean):
            kind = bool
        elif isinstance(column.type, LargeBinary):
            kind = bytes
        elif isinstance(column.type, Integer):
            kind = int
        fields.append((str(column.name), kind | None if column.nullable else kind))
    return msgspec.defstruct(f"{table.name}_row", fields, forbid_unknown_fields=True, kw_only=True)
