"""Checkpoints: what the chain's last entry was at some moment, signed, to be kept where the ledger is not.

The seal inside a ledger is made with its master key, so whoever has that key can write a new chain, and an old copy
of the file has a seal that holds. Neither can bring forth the entry that a checkpoint names.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from sqlalchemy import select

from bedside.errors import DataError, LedgerError, UsageError
from bedside.ledger import tables
from bedside.ledger.entry import Entry, canonical
from bedside.ledger.new_file import new_file
from bedside.ledger.store import Store

_Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One signed statement: at this moment the chain ended with this entry.

    Attributes
    ----------
    ledger: fingerprint of the ledger's master key. seq, digest: its last entry then. at: when, UTC.
    key: SHA-256 of the public key's PEM text. signature: ECDSA with SHA-256 over ``signed_bytes``, DER, in base64.
    """

    ledger: _Digest
    seq: Annotated[int, msgspec.Meta(ge=1)]
    digest: _Digest
    at: str
    key: _Digest
    signature: str

    def signed_bytes(self) -> bytes:
        """``canonical("bedside checkpoint 1", ledger, seq, digest, at)``."""
        return canonical("bedside checkpoint 1", self.ledger, self.seq, self.digest, self.at)

    def signed_by(self, key: EllipticCurvePublicKey) -> bool:
        """Whether the signature is this key's, over these very fields."""
        try:
            key.verify(base64.b64decode(self.signature, validate=True), self.signed_bytes(), ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True


class Checkpoints(Store):
    """Checkpoints are made here; ``Ledger.verify`` holds the chain against them."""

    def checkpoint(self, key: EllipticCurvePrivateKey, out: Path, *, actor: str) -> tuple[Checkpoint, Path]:
        """Sign the last entry and write that down in ``out``, a new file or a folder; then enter that it was done.

        In a folder the file is called after the entry: ``checkpoint-000000000042.json``. Raises ``LedgerError`` where
        the head's seal does not hold, ``UsageError`` for an empty ledger, ``Conflict`` where the file is there.
        """
        made = self._signed_head(key)
        path = out / f"checkpoint-{made.seq:012}.json" if out.is_dir() else out
        with new_file(path) as file:
            file.write(msgspec.json.format(msgspec.json.encode(made)) + b"\n")
        body = {"seq": made.seq, "digest": made.digest, "key": made.key}
        self.append("checkpoint", actor=actor, body=body)
        return made, path

    def _signed_head(self, key: EllipticCurvePrivateKey) -> Checkpoint:
        from bedside.release.keys import fingerprint

        with self._reading() as connection:
            head = connection.execute(select(tables.head).where(tables.head.c.id == 1)).one_or_none()
        self._require_seal(head)
        if head is None or head.seq == 0:
            raise UsageError("the ledger has no entry yet: there is nothing to sign", where=self.place)
        unsigned = Checkpoint(
            ledger=head.fingerprint,
            seq=head.seq,
            digest=head.digest,
            at=self.now(),
            key=fingerprint(key.public_key()),
            signature="",
        )
        signature = base64.b64encode(key.sign(unsigned.signed_bytes(), ECDSA(hashes.SHA256()))).decode()
        return msgspec.structs.replace(unsigned, signature=signature)


def read_checkpoints(path: Path) -> dict[str, Checkpoint]:
    """The checkpoint in a file, or those in all ``.json`` files of a folder, by file name; not yet verified.

    Raises ``UsageError`` where there is none and ``DataError`` for a file that is no checkpoint.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        remedy = "Make one with: bedside ledger checkpoint"
        raise UsageError("the folder holds no checkpoint", where=str(path), remedy=remedy)
    return {file.name: _read(file) for file in files}


def _read(file: Path) -> Checkpoint:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Checkpoint)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(file)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"is no checkpoint: {error}", where=str(file), remedy="Use the copy kept elsewhere") from error


class Comparison:
    """Holds a chain against checkpoints while it is read from its first entry to its last."""

    def __init__(self, kept: Mapping[str, Checkpoint], key: EllipticCurvePublicKey | None, fingerprint: str) -> None:
        if kept and key is None:
            raise LedgerError("checkpoints prove nothing without the key that they were signed with")
        self.problems: list[str] = []
        self.held = 0
        self._confirmed = 0
        self._due: dict[int, dict[str, Checkpoint]] = {}
        for name, checkpoint in kept.items():
            if key is not None and not checkpoint.signed_by(key):
                self.problems.append(f"checkpoint {name}: was changed, or signed with another key")
            elif checkpoint.ledger != fingerprint:
                self.problems.append(f"checkpoint {name}: belongs to another ledger")
            else:
                self._due.setdefault(checkpoint.seq, {})[name] = checkpoint

    def step(self, entry: Entry) -> None:
        """Take the next entry in."""
        for name, checkpoint in self._due.pop(entry.seq, {}).items():
            if checkpoint.digest == entry.digest:
                self.held += 1
                self._confirmed = entry.seq
            else:
                self.problems.append(
                    f"checkpoint {name}: entry {entry.seq} is not the one signed at {checkpoint.at}; "
                    f"the chain was rewritten after entry {self._confirmed}"
                )

    def end(self, last: int) -> None:
        """The chain ends with entry ``last``: what no entry was found for is missing."""
        for seq, kept in sorted(self._due.items()):
            for name, checkpoint in kept.items():
                self.problems.append(
                    f"checkpoint {name}: entry {seq}, signed at {checkpoint.at}, is missing; the chain ends with "
                    f"entry {last}: its end was cut off, or an older copy was put in its place"
                )
