"""An open table: its file, its columns, and where a row stands in it."""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bedside.errors import DataError
from bedside.sources.duck import interruptible, quoted

_ROW = "file_row_number"  # what DuckDB calls the place of a Parquet file's row


@dataclass(frozen=True)
class Table:
    """An open table.

    Attributes
    ----------
    path: the file. kind: ``"csv"`` (also gzipped) or ``"parquet"``.
    columns: the names of its columns.
    types: DuckDB's types; ``VARCHAR`` for every column of a CSV file, whose types are never guessed.
    delimiter: of a CSV file.
    gzipped: whether a CSV file is.
    """

    path: Path
    kind: Literal["csv", "parquet"]
    columns: tuple[str, ...]
    types: tuple[str, ...]
    delimiter: str = ","
    gzipped: bool = False

    def relation(self) -> str:
        """The FROM clause; columns are called ``c0``, ``c1`` ... in the file's order."""
        pattern = self._pattern()
        if self.kind == "parquet":
            renamed = ", ".join(f"c{position}" for position in range(len(self.columns)))
            return f"read_parquet({quoted(pattern)}) AS source({renamed})"
        declared = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(len(self.columns)))
        packing = "gzip" if self.gzipped else "none"
        return (
            f"read_csv({quoted(pattern)}, auto_detect = false, header = true, delim = {quoted(self.delimiter)}, "
            f"quote = '\"', escape = '\"', compression = '{packing}', columns = {{{declared}}})"
        )

    @property
    def addressable(self) -> bool:
        """Whether any row can be read without those before it."""
        return self.kind == "parquet" and _ROW not in (column.lower() for column in self.columns)

    def rows(self, start: int, stop: int) -> str:
        """The FROM clause for the rows from `start` to before `stop`, counted from 0, of an addressable table."""
        names = ", ".join(f"c{position}" for position in range(len(self.columns)))
        source = f"read_parquet({quoted(self._pattern())}, {_ROW} = true) AS source({names}, place)"
        return f"(SELECT {names} FROM {source} WHERE place >= {start} AND place < {stop})"  # noqa: S608

    def position(self, column: str) -> int:
        """Which column has this name.

        Raises
        ------
        DataError: none has; the nearest name is given.
        """
        if column in self.columns:
            return self.columns.index(column)
        raise DataError(f"there is no column '{column}'", where=str(self.path), remedy=nearest(column, self.columns))

    def _pattern(self) -> str:
        """The path as DuckDB takes it: as a pattern, in which a bracket makes each special letter stand for itself."""
        return re.sub(r"[\[*?]", lambda found: f"[{found[0]}]", str(self.path.resolve()))

    def place(self, row: int) -> str:
        """``row 17 (line 18)``; the line is found by reading the file again, so for messages only."""
        line = self._line(row) if self.kind == "csv" else None
        return f"row {row}" if line is None else f"row {row} (line {line})"

    def _line(self, row: int) -> int | None:
        with text_of(self.path, gzipped=self.gzipped) as stream:
            reader = csv.reader(stream, delimiter=self.delimiter)
            try:
                records = (reader.line_num for record in reader if record or len(self.columns) == 1)
                return next((line for number, line in enumerate(records) if number == row), None)
            except csv.Error:
                return None


def nearest(name: str, names: Sequence[str]) -> str:
    """``Did you mean ...?`` or the names there are, as a remedy."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if not near:
        lowered = {other.lower(): other for other in names}
        near = [lowered[name.lower()]] if name.lower() in lowered else []
    if near:
        return f"Did you mean '{near[0]}'?"
    listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"There are: {listed}"


@contextmanager
def text_of(path: Path, *, gzipped: bool) -> Iterator[io.TextIOBase]:
    """A CSV file's text, unpacked and without a byte order mark; what is not UTF-8 becomes U+FFFD."""
    with path.open("rb") as plain:
        raw: Any = gzip.GzipFile(fileobj=plain) if gzipped else plain
        with io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="") as stream:
            yield stream


@contextmanager
def translated(table: Table) -> Iterator[None]:
    """Turn what DuckDB says about a file into a DataError that names file, line and remedy."""
    import duckdb

    try:
        with interruptible():
            yield
    except duckdb.Error as error:
        raise _translation(table, str(error)) from error


def _translation(table: Table, said: str) -> DataError:
    found = re.search(r"CSV Error on Line: (\d+)", said)
    line = found[1] if found else ""
    where = f"{table.path}, line {line}" if line else str(table.path)
    fields = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", said)
    if fields:
        return DataError(
            f"the line has {fields[2]} fields, the header has {fields[1]}",
            where=where,
            remedy="A field that holds the separator stands between double quotes",
        )
    if "unicode" in said.lower() or "utf-8" in said.lower():
        return not_utf8(table.path, line)
    if "unterminated quote" in said:
        return DataError("a double quote is never closed", where=where, remedy='Close it, or write it as "" in quotes')
    if said.startswith("Out of Memory"):
        return DataError("there is not enough memory to read it", where=where, remedy="Read it in parts")
    if "invalid state" in said or "state machine" in said:
        return DataError(
            "its line ends or quotes are not those of one CSV dialect",
            where=where,
            remedy="Write it with one kind of line end throughout, quotes doubled inside quotes",
        )
    return DataError(f"the file cannot be read: {said.splitlines()[0]}", where=where, remedy="Write it again")


def not_utf8(path: Path, line: str = "") -> DataError:
    """The error for a text in another encoding."""
    where = f"{path}, line {line}" if line else str(path)
    return DataError("the text is not UTF-8", where=where, remedy="Save the file as CSV in UTF-8")
