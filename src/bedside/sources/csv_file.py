"""CSV files: comma, semicolon or tab, UTF-8, gzipped or not; every column is text, no type is ever guessed."""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bedside.errors import DataError
from bedside.sources.table import Table, not_utf8, text_of
from bedside.sources.text import number_in, trimmed

_DELIMITERS = ",;\t"
_HEADER_BYTES = 4_000_000  # a header of 100,000 columns is shorter
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class CsvFile:
    """The source ``csv``: takes every file that no other source recognises."""

    name: str = "csv"

    def recognises(self, start: bytes) -> bool:
        """Whether this may be a CSV file: it is not empty."""
        return bool(start)

    def open(self, path: Path) -> Table:
        """Read the header.

        Raises
        ------
        DataError: the first line is no header of distinct names, or the text is not UTF-8.
        """
        with path.open("rb") as stream:
            gzipped = stream.read(2) == _GZIP
        return _open_csv(path, gzipped=gzipped)


def _open_csv(path: Path, *, gzipped: bool) -> Table:
    header = _header_text(path, gzipped=gzipped)
    if "\ufffd" in header:
        raise not_utf8(path, "1")
    delimiter = _delimiter(header)
    fields = next(csv.reader(io.StringIO(header, newline=""), delimiter=delimiter), [])
    names = tuple(trimmed(field) for field in fields)
    _check_names(path, names)
    return Table(path, "csv", names, ("VARCHAR",) * len(names), delimiter, gzipped)


def _header_text(path: Path, *, gzipped: bool) -> str:
    """The first record, which may hold line breaks between quotes."""
    try:
        with text_of(path, gzipped=gzipped) as stream:
            start = stream.read(_HEADER_BYTES)
    except (OSError, EOFError, zlib.error) as error:
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
