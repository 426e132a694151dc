"""A dictionary on the disk, so that a check of a million entries takes no more memory than one of a hundred."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")
_CACHE_KIB = 16 * 1024


class Shelf(Generic[T]):
    """One dictionary: any text to a struct of type ``kind``. Keys that are no text are keys all the same."""

    def __init__(self, database: sqlite3.Connection, name: str, kind: type[T]) -> None:
        database.execute(f"CREATE TABLE {name} (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
        self._run = database.execute
        self._get = f"SELECT value FROM {name} WHERE key = ?"  # noqa: S608
        self._put = f"INSERT OR REPLACE INTO {name} VALUES (?, ?)"  # noqa: S608
        self._pop = f"DELETE FROM {name} WHERE key = ?"  # noqa: S608
        self._all = f"SELECT value FROM {name} ORDER BY key"  # noqa: S608
        self._decode = msgspec.msgpack.Decoder(kind).decode

    def get(self, key: object) -> T | None:
        """The value, or None."""
        row = self._run(self._get, (_bytes(key),)).fetchone()
        return None if row is None else self._decode(row[0])

    def put(self, key: object, value: T) -> None:
        """Set the value."""
        self._run(self._put, (_bytes(key), msgspec.msgpack.encode(value)))

    def pop(self, key: object) -> T | None:
        """Take the value out; None where there is none."""
        value = self.get(key)
        if value is not None:
            self._run(self._pop, (_bytes(key),))
        return value

    def values(self) -> Iterator[T]:
        """All values that are left."""
        return (self._decode(row[0]) for row in self._run(self._all))


@contextmanager
def scratch() -> Iterator[sqlite3.Connection]:
    """A database of SQLite's own in a temporary file that nobody else sees and that is gone afterwards."""
    database = sqlite3.connect("", isolation_level=None)
    try:
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            database.execute(f"PRAGMA {setting}")
        database.execute("BEGIN")
        yield database
    finally:
        database.close()


def _bytes(key: object) -> bytes:
    # repr: what somebody wrote into another's database need not be text, nor text that can be encoded.
    return repr(key).encode("utf-8", "backslashreplace")
