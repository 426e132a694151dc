"""Which source reads a file: entry points of the group ``bedside.sources``, each a `Source`."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, runtime_checkable

from bedside.errors import DataError
from bedside.sources.csv_file import CsvFile
from bedside.sources.parquet_file import ParquetFile
from bedside.sources.table import Table

GROUP = "bedside.sources"
CSV, PARQUET = CsvFile(), ParquetFile()
_NOT_TABLES = {
    b"PK\x03\x04": ("an Excel workbook or another zip file", "Save it as CSV (UTF-8) or Parquet"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "Save it as CSV (UTF-8) or Parquet"),
    b"\xff\xfe": ("UTF-16 text", "Save it as CSV in UTF-8"),
    b"\xfe\xff": ("UTF-16 text", "Save it as CSV in UTF-8"),
    b"SQLite format": ("an SQLite database", "Export the table as CSV or Parquet"),
}


@runtime_checkable
class Source(Protocol):
    """A way to read patients from a file.

    Attributes
    ----------
    name: as registered.
    """

    @property
    def name(self) -> str:
        """As registered."""
        ...

    def recognises(self, start: bytes) -> bool:
        """Whether the source takes a file that begins with these (at most 16) bytes."""
        ...

    def open(self, path: Path) -> Table:
        """The file as a table: its columns, and the SQL with which DuckDB reads them as ``c0``, ``c1`` ..."""
        ...


@lru_cache(maxsize=1)
def sources() -> tuple[Source, ...]:
    """The sources that are installed, in the order in which they are asked; CSV, which takes anything, comes last."""
    found: dict[str, Source] = {PARQUET.name: PARQUET}  # a source tree that is not installed has no entry points
    for point in entry_points(group=GROUP):
        source = point.load()
        if not isinstance(source, Source):
            raise DataError(f"what is registered as source '{point.name}' is no Source", where=point.value)
        found[point.name] = source
    found.pop(CSV.name, None)
    return (*found.values(), CSV)


def open_table(path: Path | str) -> Table:
    """Look at a file: what it is and which columns it has.

    Raises
    ------
    DataError: it is not there, empty, not a table, or its first line is no header of distinct names.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such file", where=str(path), remedy="Check the path, relative to where it stands")
    with path.open("rb") as stream:
        start = stream.read(16)
    if not start:
        raise DataError("the file is empty", where=str(path), remedy="A table has a header line and rows")
    for magic, (kind, remedy) in _NOT_TABLES.items():
        if start.startswith(magic) and not any(source.recognises(start) for source in sources()[:-1]):
            raise DataError(f"this is {kind}, not a table that can be read", where=str(path), remedy=remedy)
    return next(source for source in sources() if source.recognises(start)).open(path)


def columns(path: Path | str) -> tuple[str, ...]:
    """The names of a table's columns.

    Raises
    ------
    DataError: as `open_table`.
    """
    return open_table(path).columns


def place(path: Path | str, row: int) -> str:
    """``row 17 (line 18)`` for messages; the line where the file is a CSV file."""
    return open_table(path).place(row)
