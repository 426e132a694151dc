"""By what a table is known again: whether it still is the one that an earlier run began to read."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bedside.sources.opening import open_table

_END = 8  # a Parquet file ends with the length of its footer (four bytes) and PAR1


def fingerprint(path: Path | str) -> str:
    """A text that changes with the table.

    Of a Parquet file: its size, the time of its last change, and the SHA-256 of its footer, which says where each
    column stands and between which values. Of any other: the SHA-256 of all of it.

    Raises
    ------
    DataError: it is no table that can be read.
    """
    table = open_table(path)
    with table.path.open("rb") as stream:
        if table.kind != "parquet":
            return hashlib.file_digest(stream, "sha256").hexdigest()
        size = stream.seek(0, 2)
        stream.seek(max(0, size - _END))
        footer = int.from_bytes(stream.read(4), "little")
        stream.seek(max(0, size - _END - footer))
        digest = hashlib.sha256(stream.read()).hexdigest()
    return f"{size} {table.path.stat().st_mtime_ns} {digest}"
