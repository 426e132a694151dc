"""How often each text occurs in each column: what a draft of a study is guessed from."""

from __future__ import annotations

from pathlib import Path

from bedside.sources.duck import connection
from bedside.sources.opening import open_table
from bedside.sources.table import translated

DIFFERENT = 100_000
"""Most different texts that are counted per column."""


def tally(path: Path | str) -> dict[str, dict[str, int]]:
    """Column → text → rows, the most frequent first; an empty cell is ``""``.

    Texts are canonical (``1.0`` counts as ``1``). Of a column with more than `DIFFERENT` texts the most frequent ones
    are given.

    Raises
    ------
    DataError: the file is no table that can be read.
    """
    table = open_table(path)
    found: dict[str, dict[str, int]] = {}
    with connection() as duck, translated(table):
        duck.execute(f"CREATE TEMP TABLE source AS SELECT * FROM {table.relation()}")  # noqa: S608
        for position, column in enumerate(table.columns):
            counted = duck.execute(
                f"SELECT canonical(trimmed(c{position}::VARCHAR)) AS t, count(*) AS n FROM source "  # noqa: S608
                f"GROUP BY t ORDER BY n DESC, t LIMIT {DIFFERENT}"
            ).fetchall()
            found[column] = {text: int(count) for text, count in counted}
    return found
