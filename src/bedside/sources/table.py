"""A table as a file: CSV or Parquet, its columns, and where a row stands in it. DuckDB is the only table engine."""

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
from tempfile import TemporaryDirectory
from typing import Any, Literal

from bedside.errors import DataError
from bedside.sources.text import BLANKS, MINUS_ZERO, NUMBER, WHOLE, number_in, trimmed

_DELIMITERS = ",;\t"
_HEADER_BYTES = 4_000_000  # a header of 100,000 columns is shorter
_NOT_TABLES = {
    b"PK\x03\x04": ("an Excel workbook or another zip file", "Save it as CSV (UTF-8) or Parquet"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "Save it as CSV (UTF-8) or Parquet"),
    b"\xff\xfe": ("UTF-16 text", "Save it as CSV in UTF-8"),
    b"\xfe\xff": ("UTF-16 text", "Save it as CSV in UTF-8"),
    b"SQLite format": ("an SQLite database", "Export the table as CSV or Parquet"),
}


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
        # DuckDB takes a path as a pattern; a bracket makes each special letter stand for itself.
        pattern = re.sub(r"[\[*?]", lambda found: f"[{found[0]}]", str(self.path.resolve()))
        if self.kind == "parquet":
            renamed = ", ".join(f"c{position}" for position in range(len(self.columns)))
            return f"read_parquet({quoted(pattern)}) AS source({renamed})"
        declared = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(len(self.columns)))
        packing = "gzip" if self.gzipped else "none"
        return (
            f"read_csv({quoted(pattern)}, auto_detect = false, header = true, delim = {quoted(self.delimiter)}, "
            f"quote = '\"', escape = '\"', compression = '{packing}', columns = {{{declared}}})"
        )

    def position(self, column: str) -> int:
        """Which column has this name.

        Raises
        ------
        DataError: none has; the nearest name is given.
        """
        if column in self.columns:
            return self.columns.index(column)
        raise DataError(f"there is no column '{column}'", where=str(self.path), remedy=nearest(column, self.columns))

    def place(self, row: int) -> str:
        """``row 17 (line 18)``; the line is found by reading the file again, so for messages only."""
        line = self._line(row) if self.kind == "csv" else None
        return f"row {row}" if line is None else f"row {row} (line {line})"

    def _line(self, row: int) -> int | None:
        with _text(self.path, gzipped=self.gzipped) as stream:
            reader = csv.reader(stream, delimiter=self.delimiter)
            try:
                records = (reader.line_num for record in reader if record or len(self.columns) == 1)
                return next((line for number, line in enumerate(records) if number == row), None)
            except (csv.Error, UnicodeDecodeError):
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


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def _text(path: Path, *, gzipped: bool) -> Iterator[io.TextIOBase]:
    with path.open("rb") as plain:
        raw: Any = gzip.GzipFile(fileobj=plain) if gzipped else plain
        with io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as stream:
            yield stream


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
    if start[:4] == b"PAR1":
        return _open_parquet(path)
    for magic, (kind, remedy) in _NOT_TABLES.items():
        if start.startswith(magic):
            raise DataError(f"this is {kind}, not a table that can be read", where=str(path), remedy=remedy)
    return _open_csv(path, gzipped=start[:2] == b"\x1f\x8b")


def _open_parquet(path: Path) -> Table:
    bare = Table(path, "parquet", ("c0",), ("VARCHAR",))
    source = bare.relation().partition(" AS ")[0]
    with connection() as duck, translated(bare):
        described = duck.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608
    return Table(path, "parquet", tuple(row[0] for row in described), tuple(row[1] for row in described))


def _open_csv(path: Path, *, gzipped: bool) -> Table:
    header = _header_text(path, gzipped=gzipped)
    delimiter = _delimiter(header)
    fields = next(csv.reader(io.StringIO(header, newline=""), delimiter=delimiter), [])
    names = tuple(trimmed(field) for field in fields)
    _check_names(path, names)
    return Table(path, "csv", names, ("VARCHAR",) * len(names), delimiter, gzipped)


def _header_text(path: Path, *, gzipped: bool) -> str:
    """The first record, which may hold line breaks between quotes."""
    try:
        with _text(path, gzipped=gzipped) as stream:
            start = stream.read(_HEADER_BYTES)
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error
    except (OSError, EOFError) as error:
        raise DataError("the gzip file is damaged", where=str(path), remedy="Pack it again") from error
    outside = True
    for position, letter in enumerate(start):
        if letter == '"':
            outside = not outside
        elif letter in "\r\n" and outside:
            return start[:position]
    return start


def _delimiter(header: str) -> str:
    """Comma, semicolon or tab: whichever stands most often outside quotes in the header."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(_DELIMITERS, key=bare.count)


def _check_names(path: Path, names: Sequence[str]) -> None:
    where = f"{path}, line 1"
    if not any(names):
        raise DataError("there is no header", where=where, remedy="The first line names the columns")
    if all(number_in(name) is not None for name in names if name):
        raise DataError(
            f"the first line holds numbers ({', '.join(names[:3])} ...) where the header belongs",
            where=where,
            remedy="Add a first line that names the columns",
        )
    for position, name in enumerate(names):
        if not name:
            raise DataError(
                f"column {position + 1} of {len(names)} has no name",
                where=where,
                remedy="Name it, or write the table without its row numbers",
            )
        if name in names[:position]:
            raise DataError(f"two columns are called '{name}'", where=where, remedy="Give each its own name")


def _not_utf8(path: Path, line: str = "") -> DataError:
    where = f"{path}, line {line}" if line else str(path)
    return DataError("the text is not UTF-8", where=where, remedy="Save the file as CSV in UTF-8")


@contextmanager
def connection(memory: str = "2GB") -> Iterator[Any]:
    """An in-memory DuckDB that spills into a folder of its own, fetches nothing, and knows our rules for texts."""
    import duckdb

    with TemporaryDirectory(prefix="bedside-") as folder:
        duck = duckdb.connect(
            config={
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "temp_directory": folder,
                "memory_limit": memory,
                "preserve_insertion_order": True,
            }
        )
        try:
            for macro in _MACROS:
                duck.execute(macro)
            yield duck
        finally:
            duck.close()


# The rules of `bedside.sources.text`, for DuckDB.
_MACROS = (
    # Trimming a set of letters is slow; most texts begin and end with a visible ASCII letter.
    f"""CREATE TEMP MACRO trimmed(x) AS CASE
        WHEN ascii(x) BETWEEN 33 AND 126 AND ascii(right(x, 1)) BETWEEN 33 AND 126 THEN x
        ELSE coalesce(trim(x, {quoted(BLANKS)}), '') END""",
    f"""CREATE TEMP MACRO canonical(t) AS CASE
        WHEN regexp_full_match(t, {quoted(MINUS_ZERO)}) THEN '0'
        WHEN regexp_full_match(t, {quoted(WHOLE)}) THEN split_part(t, '.', 1) ELSE t END""",
    """CREATE TEMP MACRO finite_or_mark(x) AS CASE WHEN isfinite(x) THEN x ELSE 'inf'::DOUBLE END""",
    f"""CREATE TEMP MACRO plain_number(t) AS CASE
        WHEN regexp_full_match(t, {quoted(NUMBER)}) THEN finite_or_mark(TRY_CAST(t AS DOUBLE))
        ELSE 'inf'::DOUBLE END""",
    # A finite cast without an underscore is a plain number, blanks around it or not: the fast way for most cells.
    """CREATE TEMP MACRO is_plain(x) AS isfinite(TRY_CAST(x AS DOUBLE)) AND NOT contains(x, '_')""",
)


@contextmanager
def translated(table: Table) -> Iterator[None]:
    """Turn what DuckDB says about a file into a DataError that names file, line and remedy."""
    import duckdb

    try:
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
        return _not_utf8(table.path, line)
    if "unterminated quote" in said:
        return DataError("a double quote is never closed", where=where, remedy='Close it, or write it as "" in quotes')
    if "invalid state" in said or "state machine" in said:
        return DataError(
            "its line ends or quotes are not those of one CSV dialect",
            where=where,
            remedy="Write it with one kind of line end throughout, quotes doubled inside quotes",
        )
    return DataError(f"the file cannot be read: {said.splitlines()[0]}", where=where, remedy="Write it again")


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


def count_rows(path: Path | str) -> int:
    """How many rows of data a table has.

    Raises
    ------
    DataError: as `open_table`, or a line has another number of fields than the header.
    """
    table = open_table(path)
    with connection() as duck, translated(table):
        return int(duck.execute(f"SELECT count(*) FROM {table.relation()}").fetchone()[0])  # noqa: S608
