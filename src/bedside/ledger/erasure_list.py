"""Who was erased, written down beside the master key, so that no old copy of a ledger brings a patient back."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bedside.errors import LedgerError
from bedside.ledger.keys import Vault
from bedside.ledger.new_file import sync_folder


@dataclass(frozen=True)
class ErasureList:
    """A text file, ``<key file>.erased``: per erased patient one line ``ref seq mac``.

    ``seq`` is the entry that tells of the erasure, ``mac`` an HMAC under the master key. Lines are added only.
    """

    path: Path
    vault: Vault

    @classmethod
    def beside(cls, key: Path, vault: Vault) -> ErasureList:
        """The list that belongs to a master key's file."""
        return cls(key.with_name(key.name + ".erased"), vault)

    @property
    def there(self) -> bool:
        """Whether there is such a file; without one it cannot be said who was erased."""
        return self.path.is_file()

    def begin(self) -> None:
        """Make the file, without a line, where it is missing."""
        with self._failing("written"):
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600))

    def refs(self) -> frozenset[str]:
        """Everybody who was erased; nobody where there is no file.

        A last line without an end was never acknowledged (the machine failed while it was written) and does not count.
        Raises ``LedgerError`` for any other line that this ledger did not write.
        """
        return frozenset(self._lines()) if self.there else frozenset()

    def add(self, ref: str, seq: int) -> None:
        """Add a line; when this returns, it is on the disk. Raises ``LedgerError``."""
        line = f"{ref} {seq} {self.vault.erased(ref, seq)}\n".encode()
        with self._failing("written"):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                file.truncate(len(_whole(file.read())))
                file.seek(0, os.SEEK_END)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(self.path.parent)

    def _lines(self) -> Iterator[str]:
        with self._failing("read"):
            content = _whole(self.path.read_bytes()).decode("utf-8", "replace")
        for number, line in enumerate(content.splitlines(), start=1):
            ref, _, rest = line.partition(" ")
            seq, _, mac = rest.partition(" ")
            if not (seq.isdecimal() and mac.isascii() and hmac.compare_digest(self.vault.erased(ref, int(seq)), mac)):
                raise LedgerError(
                    f"line {number} was not written by this ledger",
                    where=str(self.path),
                    remedy="Put the list of erased patients back from its backup",
                )
            yield ref

    @contextmanager
    def _failing(self, how: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            text = f"the list of erased patients cannot be {how} ({error.strerror})"
            raise LedgerError(text, where=str(self.path)) from error


def _whole(content: bytes) -> bytes:
    """What was written to its end: up to the last line feed."""
    return content[: content.rfind(b"\n") + 1]
