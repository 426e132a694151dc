"""What can be done to a ledger's SQLite file behind bedside's back; digests are written out from their description."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from bedside.ledger.keys import Vault

FIELDS = ("seq", "at", "kind", "actor", "subject", "patient", "body", "previous")


def digest_by_hand(row: dict[str, Any]) -> str:
    """The encoding written out again, from its description only."""
    content = bytearray()
    for field in FIELDS:
        value = row[field]
        if value is None:
            content += b"n"
        elif isinstance(value, int):
            content += b"i" + value.to_bytes(8, "big", signed=True)
        elif isinstance(value, str):
            content += b"s" + len(value.encode()).to_bytes(8, "big") + value.encode()
        else:
            content += b"b" + len(value).to_bytes(8, "big") + value
    return hashlib.sha256(content).hexdigest()


def rows(place: Path) -> list[dict[str, Any]]:
    """Every entry, in order."""
    with closing(sqlite3.connect(place)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM entries ORDER BY seq")]


@contextmanager
def unguarded(place: Path) -> Iterator[sqlite3.Connection]:
    """The file as somebody with write access has it: triggers away, and back afterwards as if nothing had been."""
    with closing(sqlite3.connect(place)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()


def write_anew(place: Path, changed: list[dict[str, Any]]) -> None:
    """A whole new chain of these entries, digests and seal made with the master key: nothing inside shows it."""
    for number, row in enumerate(changed, start=1):
        row["seq"] = number
        row["previous"] = "0" * 64
    for before, row in pairwise([{"digest": "0" * 64}, *changed]):
        row["previous"] = before["digest"]
        row["digest"] = digest_by_hand(row)
    vault = Vault(base64.b64decode(Path(f"{place}.key").read_text()))
    seq, digest = len(changed), changed[-1]["digest"]
    with unguarded(place) as connection:
        connection.execute("DELETE FROM entries")
        for row in changed:
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO entries ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
        connection.execute("UPDATE head SET seq = ?, digest = ?, seal = ?", (seq, digest, vault.seal(seq, digest)))
