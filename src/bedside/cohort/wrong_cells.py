"""One error about all wrong cells of a column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from bedside.errors import DataError
from bedside.sources import Reading, place

LISTED = 5
"""How many wrong cells an error lists."""


def refuse_cells(reading: Reading, path: Path, column: str, rows: Sequence[int], what: str, remedy: str) -> NoReturn:
    """Raises `DataError`: which cells of a further column are what, and what to do.

    Parameters
    ----------
    rows: positions of the cells, at least one. what: "no number", say. remedy: after "Mend the table; ".
    """
    shown = "; ".join(f"{place(path, int(reading.rows[row]))}: '{reading.extra[column][row]}'" for row in rows[:LISTED])
    more = f" and {len(rows) - LISTED} more" if len(rows) > LISTED else ""
    cells = "1 cell is" if len(rows) == 1 else f"{len(rows)} cells are"
    raise DataError(
        f"{cells} {what} in the column '{column}': {shown}{more}",
        where=str(path),
        remedy=f"Mend the table; {remedy}",
    )


def instead(text: str) -> str:
    """What to do about a text that is no number, as a remedy."""
    if re.match(r"\d{4}-\d{2}-\d{2}", text):
        return "a time is a number: the days from the index date to this date, say"
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        return "write numbers with a decimal point; a decimal comma is not read"
    return "or add the text to [data] missing if it means not known"
