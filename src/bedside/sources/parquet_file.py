"""Parquet files: the columns keep their types."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bedside.sources.duck import connection
from bedside.sources.table import Table, translated


@dataclass(frozen=True)
class ParquetFile:
    """The source ``parquet``."""

    name: str = "parquet"

    def recognises(self, start: bytes) -> bool:
        """Whether the file begins as a Parquet file does."""
        return start[:4] == b"PAR1"

    def open(self, path: Path) -> Table:
        """Read the columns and their types.

        Raises
        ------
        DataError: the file is damaged.
        """
        return _open_parquet(path)


def _open_parquet(path: Path) -> Table:
    bare = Table(path, "parquet", ("c0",), ("VARCHAR",))
    source = bare.relation().partition(" AS ")[0]
    with connection() as duck, translated(bare):
        described = duck.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608
    return Table(path, "parquet", tuple(row[0] for row in described), tuple(row[1] for row in described))
