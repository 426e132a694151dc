"""DuckDB, the only table engine: a connection that knows our rules for texts and fetches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bedside.sources.text import BLANKS, MINUS_ZERO, NUMBER, WHOLE


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def connection(megabytes: int = 2000, spill: Path | None = None) -> Iterator[Any]:
    """An in-memory DuckDB that fetches nothing and knows our rules for texts.

    What outgrows its memory goes into a folder of its own, in `spill` where that is given.
    """
    import duckdb

    with TemporaryDirectory(prefix="bedside-", dir=spill) as folder:
        duck = duckdb.connect(
            config={
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "temp_directory": folder,
                "memory_limit": f"{megabytes}MB",
                "preserve_insertion_order": True,
            }
        )
        try:
            for macro in _MACROS:
                duck.execute(macro)
            yield duck
        finally:
            duck.close()


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C during a query is a ``RuntimeError`` of DuckDB; here it is the ``KeyboardInterrupt`` that it was."""
    try:
        yield
    except RuntimeError as error:
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from error
        raise


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
