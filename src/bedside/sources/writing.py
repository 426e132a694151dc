"""Tables that bedside writes: pieces of named columns, to CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from typing import IO, Any

import numpy as np

Columns = Mapping[str, np.ndarray]


def write_csv(stream: IO[str], pieces: Iterable[Columns], *, header: bool = True) -> None:
    """Write pieces of columns as one CSV table. ``nan`` and None become empty cells."""
    writer = csv.writer(stream, lineterminator="\n")
    for number, piece in enumerate(pieces):
        if header and number == 0:
            writer.writerow(piece)
        columns = [_cells(column) for column in piece.values()]
        writer.writerows(zip(*columns, strict=True))


def _cells(column: np.ndarray) -> list[Any]:
    values = column.tolist()
    if column.dtype == bool:
        return ["true" if value else "false" for value in values]
    return ["" if value is None or value != value else value for value in values]
