"""The ledger's secrets: one master key in a file, and everything that is derived from it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedside.errors import Conflict, LedgerError, UsageError
from bedside.ledger.entry import canonical
from bedside.ledger.new_file import new_file

KEY_VARIABLE = "BEDSIDE_LEDGER_KEY"
_KEY_BYTES = 32
_NONCE_BYTES = 12


@dataclass(frozen=True)
class Vault:
    """What only the holder of the master key can do.

    Each purpose has a key of its own, ``HMAC-SHA256(master, purpose)``, so that no output for one purpose says
    anything about another (RFC 5869, the expand step with one block).
    """

    master: bytes = field(repr=False)

    def _mac(self, purpose: str, message: bytes) -> str:
        return hmac.new(self._derived(purpose), message, hashlib.sha256).hexdigest()

    def _derived(self, purpose: str) -> bytes:
        return hmac.digest(self.master, b"bedside ledger 1: " + purpose.encode() + b"\x01", "sha256")

    def fingerprint(self) -> str:
        """Tells one master key from another without giving anything of it away."""
        return self._mac("fingerprint", b"")

    def lookup(self, identifier: str) -> str:
        """What stands for a patient's identifier in the database: the same each time, useless without the key."""
        return self._mac("lookup", identifier.encode())

    def seal(self, seq: int, digest: str) -> str:
        """Signs the head of the chain, so that nobody without the key can shorten or rewrite the chain unseen."""
        return self._mac("seal", canonical(seq, digest))

    def erased(self, ref: str, seq: int) -> str:
        """Proves that a line of the erasure list was written by this ledger."""
        return self._mac("erased", canonical(ref, seq))

    def credential(self, name: str, password_hash: str | None, key_hash: str | None, one_time_until: str | None) -> str:
        """What an entry says of a user's secret, so that another one put into the database is found."""
        return self._mac("credential", canonical(name, password_hash, key_hash, one_time_until))

    def backup(self, manifest: bytes) -> str:
        """Proves that a backup was made by this ledger."""
        return self._mac("backup", manifest)

    def csrf(self, token: str) -> str:
        """The token that a form of this session must carry."""
        return self._mac("csrf", token.encode())

    def shut(self, plain: bytes) -> str:
        """A short-lived secret as text that only this ledger's servers can open: for a cookie."""
        return base64.urlsafe_b64encode(encrypt(self._derived("cookie"), plain, b"")).decode()

    def opened(self, shut: str) -> bytes:
        """Undoes ``shut``. Raises ``LedgerError`` for anything that it did not give."""
        try:
            stored = base64.urlsafe_b64decode(shut)
        except ValueError as error:
            raise LedgerError("this is no text of ours") from error
        return decrypt(self._derived("cookie"), stored, b"")

    def wrap(self, key: bytes, ref: str) -> bytes:
        """A patient's key, encrypted; it opens for the same ``ref`` only."""
        return encrypt(self._derived("wrap"), key, ref.encode())

    def unwrap(self, wrapped: bytes, ref: str) -> bytes:
        """A patient's key again. Raises ``LedgerError`` where it was wrapped for another ref or another ledger."""
        return decrypt(self._derived("wrap"), wrapped, ref.encode())


def new_key() -> bytes:
    """256 random bits."""
    return secrets.token_bytes(_KEY_BYTES)


def encrypt(key: bytes, plain: bytes, context: bytes) -> bytes:
    """AES-256-GCM (NIST SP 800-38D) with a fresh random 96-bit nonce in front; ``context`` is authenticated."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


def decrypt(key: bytes, stored: bytes, context: bytes) -> bytes:
    """Undoes ``encrypt``. Raises ``LedgerError`` where the key, the context or a byte is another."""
    try:
        return AESGCM(key).decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        raise LedgerError("an encrypted text does not open: it was changed, or belongs elsewhere") from error


def key_path(usual: Path) -> Path:
    """Where the master key lies: in ``usual``, or where the environment variable BEDSIDE_LEDGER_KEY says."""
    elsewhere = os.environ.get(KEY_VARIABLE)
    return Path(elsewhere) if elsewhere else usual


def master_key(path: Path, *, make: bool) -> bytes:
    """The key in ``path``; where there is none and ``make`` is set, a new one, readable by its owner only.

    Raises ``LedgerError`` where it is missing, cannot be read, is no key, or lies open to other users of the machine.
    """
    try:
        if make and not path.exists():
            _make(path)
        text = path.read_text(encoding="ascii")
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise LedgerError(
            "the ledger's master key is missing",
            where=str(path),
            remedy=f"Put it back from its backup, or name its file in {KEY_VARIABLE}",
        ) from error
    except (OSError, UnicodeDecodeError, UsageError) as error:
        raise LedgerError(f"the ledger's master key cannot be read ({error})", where=str(path)) from error
    if mode & 0o077 and KEY_VARIABLE not in os.environ:
        raise LedgerError("other users of this machine can read the master key", where=str(path), remedy="chmod 600 it")
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise LedgerError("this is not a master key: 32 bytes in base64 are expected", where=str(path))
    return key


def _make(path: Path) -> None:
    """Write a new key whole or not at all; of two processes that try at once, both keep the first one's."""
    with suppress(Conflict), new_file(path) as file:
        file.write(base64.b64encode(new_key()) + b"\n")
