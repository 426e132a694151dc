"""Patients from a table: texts become numbers in DuckDB, the kernel of `bedside.sources.cleaning` does the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from bedside.sources.cell import cell_number
from bedside.sources.cell_sql import Cell, cells_of, extra_sql, staged_sql
from bedside.sources.cleaning import NOT_UNDERSTOOD, Recode, Rules, TextRule, clean, rules
from bedside.sources.duck import connection
from bedside.sources.opening import CSV, PARQUET, open_table
from bedside.sources.reading import Problem, Reading
from bedside.sources.schema import Schema
from bedside.sources.table import Table, translated

__all__ = ["CSV", "PARQUET", "Stream", "open_stream", "read_table", "stream_table"]

_WIDE = 100  # variables from which on two passes of DuckDB's optimizer, quadratic in them, cost more than they save
_VERY_WIDE = 500  # and from which on planning the SQL (4 ms a variable) costs more than reading the cells in Python
_THREADS = 4  # each holds 32 MB of a CSV file, and the memory is given

_WITH_TEXT = [p for p in Problem if p.wrong or p in (Problem.NOT_CALLABLE, Problem.OTHER_GENOTYPE)]

CELLS = 1_000_000
"""Values that a stream hands on at once."""


@dataclass(frozen=True)
class Stream:
    """A table that is read in pieces, in the file's order, in bounded memory.

    Of a Parquet file each piece is read when its turn comes. A CSV file has no places to go to: DuckDB turns all of it
    into numbers first, on disk where they outgrow its memory.

    Attributes
    ----------
    table: the file. total: its rows of data.
    """

    table: Table
    total: int
    _duck: Any
    _ready: Rules
    _cells: Mapping[int, Cell]
    _extra: Mapping[str, str]
    _as_text: bool

    def pieces(self, rows: int | None = None, *, after: int = 0) -> Iterator[Reading]:
        """The patients behind row `after`, at most `rows` at once; one empty piece where there are none.

        Without `rows`, as many as hold `CELLS` values.

        Raises
        ------
        DataError: the file is damaged.
        """
        rows = rows or max(1024, CELLS // max(1, len(self._ready.texts)))
        for start in range(after, max(self.total, after + 1), rows):
            with translated(self.table):
                piece = self._piece(start, min(start + rows, self.total))
            yield piece

    def _piece(self, start: int, stop: int) -> Reading:
        first = start if self.table.addressable else 0  # which row of the file is the first that is staged
        if self.table.addressable:
            _stage(self._duck, self.table.rows(start, stop), self._cells, self._extra)
        taken = "SELECT * EXCLUDE (texts) FROM staged WHERE rowid >= ? AND rowid < ?"
        fetched = self._duck.execute(taken, [start - first, stop - first]).fetchnumpy()
        width = len(self._ready.texts)
        raw = np.full((stop - start, width), np.nan)
        for place in self._cells:
            column = fetched[f"v{place}"]
            raw[:, place] = _in_python(column, self._ready.texts[place]) if self._as_text else column
        self._call_genotypes(raw, start - first, stop - first)
        values, problems = clean(raw, self._ready.table)
        problems[:, [place for place in range(width) if place not in self._cells]] = Problem.ABSENT
        return Reading(
            rows=np.arange(start + 1, stop + 1, dtype=np.int64),
            values=values,
            problems=problems,
            texts=self._texts(start - first, stop - first, raw, problems, fetched),
            extra={column: _objects(fetched[f"x{place}"]) for place, column in enumerate(self._extra)},
        )

    def _call_genotypes(self, raw: Float[np.ndarray, "patient variable"], start: int, stop: int) -> None:
        """What SQL did not find among the categories of a gene may be one of them, written in another way."""
        genes = [place for place in self._cells if self._ready.texts[place].gene is not None]
        if self._as_text or not np.count_nonzero(raw[:, genes] == NOT_UNDERSTOOD):
            return
        order = {place: index for index, place in enumerate(self._cells)}
        for row, texts in self._kept(start, stop).items():
            for place in genes:
                if raw[row, place] == NOT_UNDERSTOOD:
                    raw[row, place] = cell_number(texts[order[place]] or "", self._ready.texts[place])

    def _kept(self, start: int, stop: int) -> dict[int, list[str | None]]:
        """Texts of the staged rows in which a cell may be a problem, by their position in the piece."""
        doubtful = "SELECT rowid, texts FROM staged WHERE rowid >= ? AND rowid < ? AND texts IS NOT NULL"
        kept = self._duck.execute(doubtful, [start, stop]).fetchall()
        return {int(rowid) - start: texts for rowid, texts in kept}

    def _texts(
        self,
        start: int,
        stop: int,
        raw: Float[np.ndarray, "patient variable"],
        problems: UInt8[np.ndarray, "patient variable"],
        fetched: Mapping[str, Any],
    ) -> dict[tuple[int, int], str]:
        row, column = _problem_cells(problems)
        if not len(row):
            return {}
        if self._as_text:
            return {cell: fetched[f"v{cell[1]}"][cell[0]] for cell in zip(row.tolist(), column.tolist(), strict=True)}
        by_row = self._kept(start, stop)
        order = {place: index for index, place in enumerate(self._cells)}
        found = {}
        for cell in zip(row.tolist(), column.tolist(), strict=True):
            texts = by_row.get(cell[0])
            text = texts[order[cell[1]]] if texts else None
            found[cell] = repr(raw[cell].item()) if text is None else text
        return found


def _stage(duck: Any, source: str, cells: Mapping[int, Cell], extra: Mapping[str, str]) -> None:
    duck.execute(staged_sql(source, cells, list(extra.values())))


def _in_python(column: Any, rule: TextRule) -> list[float]:
    return [cell_number(text or "", rule) for text in _objects(column).tolist()]


def _problem_cells(problems: UInt8[np.ndarray, "patient variable"]) -> tuple[Int[np.ndarray, " cell"], ...]:
    return np.nonzero(np.isin(problems, _WITH_TEXT))


def _objects(column: Any) -> np.ndarray:
    """DuckDB's masked texts as an object array with None in place of NULL."""
    texts = np.asarray(np.ma.getdata(column), dtype=object).copy()
    texts[np.ma.getmaskarray(column)] = None
    return texts


@contextmanager
def open_stream(
    path: Path | str,
    schema: Schema,
    *,
    extra: Sequence[str] = (),
    recode: Recode | None = None,
    megabytes: int = 300,
    spill: Path | None = None,
) -> Iterator[Stream]:
    """The table as a `Stream`; DuckDB keeps what outgrows `megabytes` on disk, in the folder `spill` if one is named.

    Parameters and errors as for `read_table`.
    """
    table = open_table(path)
    ready = rules(schema, recode)
    cells = cells_of(table, schema, ready)
    extras = {column: extra_sql(table, column, schema.missing) for column in extra}
    as_text = len(cells) > _VERY_WIDE and set(table.types) == {"VARCHAR"}
    if as_text:
        cells = {place: Cell(cell.text, cell.text, "false") for place, cell in cells.items()}
    # DuckDB holds some thousand rows of every column at once, whatever the number of rows.
    with connection(megabytes + len(table.columns) // 2, spill) as duck:
        with translated(table):
            duck.execute(f"SET threads = {min(_THREADS, os.cpu_count() or 1)}")
            if len(cells) > _WIDE:
                duck.execute("SET disabled_optimizers = 'common_subexpressions,statistics_propagation'")
            if not table.addressable:
                _stage(duck, table.relation(), cells, extras)
            counted = table.relation() if table.addressable else "staged"
            total = int(duck.execute(f"SELECT count(*) FROM {counted}").fetchone()[0])  # noqa: S608
        yield Stream(table, total, duck, ready, cells, extras, as_text)


def stream_table(
    path: Path | str,
    schema: Schema,
    *,
    extra: Sequence[str] = (),
    recode: Recode | None = None,
    rows: int | None = None,
) -> Iterator[Reading]:
    """The table's patients in pieces, in the file's order, in bounded memory; see `Stream.pieces`.

    Parameters and errors as for `read_table`. An empty table gives one empty piece.
    """
    with open_stream(path, schema, extra=extra, recode=recode) as stream:
        yield from stream.pieces(rows)


def read_table(path: Path | str, schema: Schema, *, extra: Sequence[str] = (), recode: Recode | None = None) -> Reading:
    """All patients of a table, in the schema's order and units.

    A cell that cannot be used is ``nan`` in the matrix and has its `Problem`; nothing stops for one. A variable whose
    column the table lacks is `Problem.ABSENT` throughout.

    Parameters
    ----------
    path: a CSV file (UTF-8; comma, semicolon or tab; gzipped or not) or a Parquet file.
    schema: the declared predictors and missing markers.
    extra: further columns to hand on as text.
    recode: variable → the table's text → category, for another hospital's codes.

    Raises
    ------
    DataError: the file is no table, a line has another number of fields than the header, no variable at all
        has its column there, or a column of `extra` is not there.
    """
    with open_stream(path, schema, extra=extra, recode=recode, megabytes=1000) as stream:
        return next(stream.pieces(2**62))
