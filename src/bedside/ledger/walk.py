"""Following the chain from its first entry to its last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, select

from bedside.ledger import tables
from bedside.ledger.entry import GENESIS, Entry, digest_of

T = TypeVar("T")
_PIECE = 500


class Walk:
    """Where a reader of the chain stands: ``seq`` and ``digest`` of the last entry read, and ``number`` read so far."""

    def __init__(self) -> None:
        self.seq = 0
        self.digest = GENESIS
        self.number = 0

    def step(self, entry: Entry) -> list[str]:
        """What is wrong with the next entry as such."""
        problems = []
        self.number += 1
        expected = self.seq + 1
        if entry.seq < expected:
            return [f"entry {entry.seq}: does not belong here, the chain begins with 1"]
        if entry.seq > expected:
            problems.append(f"{_span(expected, entry.seq - 1)} missing")
        elif entry.previous != self.digest:
            problems.append(f"entry {entry.seq}: does not follow entry {self.seq}; one of the two was replaced")
        try:
            digest = digest_of(entry)
        except TypeError:
            digest = ""
        if digest != entry.digest:
            problems.append(f"entry {entry.seq}: was changed after it was written")
        self.seq, self.digest = entry.seq, entry.digest
        return problems

    def end(self, head: Any) -> list[str]:
        """What is wrong with where the chain ends."""
        if head is None:
            return ["the row that names the last entry is missing"]
        if head.seq > self.seq:
            return [f"{_span(self.seq + 1, head.seq)} missing at the end"]
        if head.seq < self.seq:
            return [f"{_span(head.seq + 1, self.seq)} added without the ledger's key"]
        return [] if head.digest == self.digest else [f"entry {self.seq}: is not the last entry that was sealed"]


def _span(first: int, last: int) -> str:
    return f"entry {first}: is" if first == last else f"entries {first} to {last}: are"


def every(connection: Connection, *, kind: str | None = None) -> Iterator[Entry]:
    """All entries, or those of one kind, in their order, some hundreds in memory at a time."""
    query = select(tables.entries).order_by(tables.entries.c.seq)
    if kind is not None:
        query = query.where(tables.entries.c.kind == kind)
    for row in connection.execute(query.execution_options(yield_per=_PIECE)).mappings():
        yield Entry(**row)


def pieces(rows: Iterable[T], size: int = _PIECE) -> Iterator[list[T]]:
    """The same rows, some hundreds at a time; the next are asked for when the last have been dealt with."""
    waiting = iter(rows)
    while piece := list(islice(waiting, size)):
        yield piece
