"""How often each text occurs in each column: what a draft of a study is guessed from."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from bedside.sources.duck import connection
from bedside.sources.opening import open_table
from bedside.sources.table import Table, translated
from bedside.sources.text import as_text

_WIDE = 500

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
    with connection(megabytes=2000 + len(table.columns) // 2) as duck, translated(table):
        duck.execute(f"CREATE TEMP TABLE source AS SELECT * FROM {table.relation()}")  # noqa: S608
        if len(table.columns) > _WIDE:
            return _in_python(duck, table)
        return {column: _counted(duck, place) for place, column in enumerate(table.columns)}


def _counted(duck: Any, place: int) -> dict[str, int]:
    counted = duck.execute(
        f"SELECT canonical(trimmed(c{place}::VARCHAR)) AS t, count(*) AS n FROM source "  # noqa: S608
        f"GROUP BY t ORDER BY n DESC, t LIMIT {DIFFERENT}"
    ).fetchall()
    return {text: int(count) for text, count in counted}


def _in_python(duck: Any, table: Table) -> dict[str, dict[str, int]]:
    """The same for a table so wide that planning one query per column takes longer than counting."""
    texts = ", ".join(f"c{place}::VARCHAR AS c{place}" for place in range(len(table.columns)))
    fetched = duck.execute(f"SELECT {texts} FROM source").fetchnumpy()  # noqa: S608
    found = {}
    for place, column in enumerate(table.columns):
        cells = np.ma.filled(fetched[f"c{place}"], "").tolist()
        counts = Counter(as_text(text or "") for text in cells)
        found[column] = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:DIFFERENT])
    return found
