"""Tables that bedside writes: pieces of named columns, to CSV or Parquet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import numpy as np

from bedside.errors import DataError
from bedside.sources.duck import connection, quoted

Columns = Mapping[str, np.ndarray]


def write_csv(stream: IO[str], pieces: Iterable[Columns]) -> int:
    """Write pieces of columns as one CSV table; returns the number of rows. ``nan`` and None become empty cells."""
    writer = csv.writer(stream, lineterminator="\n")
    rows = 0
    for number, piece in enumerate(pieces):
        if number == 0:
            writer.writerow(piece)
        columns = [_cells(column) for column in piece.values()]
        writer.writerows(zip(*columns, strict=True))
        rows += len(columns[0]) if columns else 0
    return rows


def _cells(column: np.ndarray) -> list[Any]:
    values = column.tolist()
    if column.dtype == bool:
        return ["true" if value else "false" for value in values]
    return ["" if value is None or value != value else value for value in values]


def write_table(path: Path | str, pieces: Iterable[Columns]) -> int:
    """Write pieces of columns to CSV, or to Parquet where the name ends so; returns the number of rows.

    The file appears whole or not at all.

    Raises
    ------
    DataError: it cannot be written there.
    """
    path = Path(path)
    try:
        # Beside the target, so that the last step is a rename within one file system.
        with TemporaryDirectory(prefix=".bedside-", dir=path.parent) as folder:
            draft = Path(folder) / "table.csv"
            types: dict[str, str] = {}
            with draft.open("w", encoding="utf-8", newline="") as stream:
                rows = write_csv(stream, _typed(pieces, types))
            if path.suffix == ".parquet":
                draft = _as_parquet(draft, types)
            draft.replace(path)
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror}", where=str(path), remedy="Name another file") from error
    return rows


def _typed(pieces: Iterable[Columns], types: dict[str, str]) -> Iterator[Columns]:
    """The same pieces; the type of each column is noted from the first."""
    names = {"f": "DOUBLE", "i": "BIGINT", "u": "UBIGINT", "b": "BOOLEAN"}
    for piece in pieces:
        for name, column in piece.items():
            types.setdefault(name, names.get(column.dtype.kind, "VARCHAR"))
        yield piece


def _as_parquet(draft: Path, types: Mapping[str, str]) -> Path:
    target = draft.with_suffix(".parquet")
    declared = ", ".join(f"{quoted(name)}: '{kind}'" for name, kind in types.items())
    source = f"read_csv({quoted(str(draft))}, auto_detect = false, header = true, columns = {{{declared}}})"
    with connection() as duck:
        duck.execute(f"COPY (FROM {source}) TO {quoted(str(target))} (FORMAT parquet)")
    return target
