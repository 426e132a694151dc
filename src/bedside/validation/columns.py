"""Columns of a bare table: as texts, as numbers, as names of groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from bedside.errors import DataError, UsageError

MOST_GROUPS = 50
_PIECE = 10_000


def text_pieces(path: Path) -> Iterator[dict[str, list[str | None]]]:
    """Every column as text, None where empty; some thousand rows at a time, and at least one piece."""
    import duckdb

    if not path.is_file():
        raise UsageError("there is no such file", where=str(path))
    parquet = path.suffix.lower() in (".parquet", ".pq")
    reader = "read_parquet(?)" if parquet else "read_csv(?, all_varchar = true, header = true)"
    with duckdb.connect() as connection:
        try:
            relation = connection.execute(f"SELECT COLUMNS(*)::VARCHAR FROM {reader}", [str(path)])  # noqa: S608
            names = [column[0].strip() for column in relation.description or ()]
            rows = relation.fetchmany(_PIECE)
            while True:
                columns = zip(*rows, strict=True) if rows else [()] * len(names)
                yield {name: list(map(_text, column)) for name, column in zip(names, columns, strict=True)}
                rows = relation.fetchmany(_PIECE)
                if not rows:
                    return
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise DataError(f"cannot be read as a table ({reason})", where=str(path)) from None


def texts(path: Path) -> dict[str, list[str | None]]:
    """Every column as text; None where empty."""
    first, *others = text_pieces(path)
    return {name: column + [text for piece in others for text in piece[name]] for name, column in first.items()}


def _text(cell: str | None) -> str | None:
    return None if cell is None else cell.strip() or None


def numbers(
    column: list[str | None], name: str, path: Path, holds: Callable[[float], bool], what: str
) -> Float[np.ndarray, " row"]:
    """The column's numbers; nan where empty.

    Raises
    ------
    DataError: a cell is no number, or not one that ``holds``; `what` says in words what it should be.
    """
    found = np.full(len(column), np.nan)
    for row, text in enumerate(column):
        if text is None:
            continue
        try:
            found[row] = float(text)
        except ValueError:
            found[row] = np.inf
        if not holds(found[row]):
            raise DataError(f"{text!r} in column {name!r} is not {what}", where=f"{path}, row {row + 1}")
    return found


def probabilities(column: list[str | None], name: str, path: Path) -> Float[np.ndarray, " row"]:
    """Numbers from 0 to 1; nan where empty. Raises as `numbers`."""
    return numbers(column, name, path, lambda number: 0.0 <= number <= 1.0, "a probability between 0 and 1")


def group_of(columns: Mapping[str, list[str | None]], used: Bool[np.ndarray, " row"], path: Path) -> np.ndarray | None:
    """The text of ``group`` in the rows used; None where there is no such column.

    Raises
    ------
    DataError: there are more than `MOST_GROUPS`: it is more likely an identifier.
    """
    if "group" not in columns:
        return None
    group: np.ndarray = np.array(columns["group"], dtype=object)[used]
    different = len({text for text in group if text is not None})
    if different > MOST_GROUPS:
        raise DataError(
            f"column 'group' has {different} different texts; at most {MOST_GROUPS} groups are reported",
            where=str(path),
            remedy="Give a column of groups, not of patients",
        )
    return group
