"""Patients from a table: texts become numbers in DuckDB, the kernel of `bedside.sources.cleaning` does the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from bedside.sources.cell import cell_number
from bedside.sources.cleaning import Limits, Recode, Rules, TextRule, clean, rules
from bedside.sources.duck import connection, quoted
from bedside.sources.opening import CSV, PARQUET, open_table
from bedside.sources.reading import Problem, Reading
from bedside.sources.schema import Schema, Variable
from bedside.sources.table import Table, translated
from bedside.sources.text import as_text

__all__ = ["CSV", "PARQUET", "read_table", "stream_table"]

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_REALS = ("FLOAT", "DOUBLE")
_WIDE = 100  # variables from which on two passes of DuckDB's optimizer, quadratic in them, cost more than they save
_VERY_WIDE = 500  # and from which on planning the SQL (4 ms a variable) costs more than reading the cells in Python
_MARK, _TEXT_SENTINEL, _UNKNOWN = "'inf'::DOUBLE", "'-inf'::DOUBLE", "'nan'::DOUBLE"


@dataclass(frozen=True)
class _Cell:
    """How one variable is read from a table: SQL for its number, its text, and whether that may be a problem."""

    number: str
    text: str
    suspicious: str


def _one_of(text: str, texts: Sequence[str] | frozenset[str]) -> str:
    return f"{text} IN ({', '.join(quoted(item) for item in sorted(texts))})"


def _number_sql(source: str, kind: str, rule: TextRule) -> str:
    if kind == "BOOLEAN":
        return f"CASE WHEN {source} IS NULL THEN {_UNKNOWN} ELSE {_MARK} END"
    if kind in _INTEGERS or kind.startswith("DECIMAL"):
        return f"coalesce({source}::DOUBLE, {_UNKNOWN})"
    if kind in _REALS:
        # pandas and others write "not known" as nan; that is so only where the study says so.
        nan = _UNKNOWN if any(marker.lower() == "nan" for marker in rule.markers) else _MARK
        return (
            f"CASE WHEN {source} IS NULL THEN {_UNKNOWN} WHEN isnan({source}) THEN {nan} "
            f"ELSE finite_or_mark({source}::DOUBLE) END"
        )
    sentinel = f"WHEN {_one_of('t', rule.sentinels)} THEN {_TEXT_SENTINEL} " if rule.sentinels else ""
    slow = f"CASE WHEN {_one_of('t', rule.markers)} THEN {_UNKNOWN} {sentinel}ELSE plain_number(t) END"
    fast = f"WHEN is_plain({source}) THEN TRY_CAST({source} AS DOUBLE) WHEN {source} IS NULL THEN {_UNKNOWN}"
    return f"CASE {fast} ELSE {_with_text(f'trimmed({source}::VARCHAR)', slow)} END"


def _category_sql(source: str, kind: str, rule: TextRule) -> str:
    if kind == "BOOLEAN":
        true, false = (_MARK if code is None else f"{code}::DOUBLE" for code in rule.truth)
        return f"CASE WHEN {source} IS NULL THEN {_UNKNOWN} WHEN {source} THEN {true} ELSE {false} END"
    named = {name: code for name, code in (rule.codes or {}).items() if name not in rule.markers | rule.sentinels}
    codes = " ".join(f"WHEN {quoted(name)} THEN {code}::DOUBLE" for name, code in named.items())
    sentinel = f"WHEN {_one_of('t', rule.sentinels)} THEN {_TEXT_SENTINEL} " if rule.sentinels else ""
    by_name = f"CASE t {codes} ELSE {_MARK} END" if named else _MARK
    slow = f"CASE WHEN {_one_of('t', rule.markers)} THEN {_UNKNOWN} {sentinel}ELSE {by_name} END"
    slow = _with_text(f"canonical(trimmed({source}::VARCHAR))", slow)
    return f"CASE {source}::VARCHAR {codes} ELSE {slow} END" if named else slow


def _with_text(text: str, expression: str) -> str:
    """An expression of ``t``, where t is this text."""
    return f"list_transform([{text}], lambda t: {expression})[1]"


def _suspicious_sql(number: str, rule: TextRule, limits: Limits, position: int) -> str:
    """True wherever the kernel may find problem 3, 4 or 5; the texts of such rows are kept."""
    if rule.codes is not None:
        return f"{number} = {_MARK}"
    low, high = limits.low[position].item(), limits.high[position].item()
    value = f"({number} * {limits.factor[position].item()!r} + {limits.offset[position].item()!r})"
    coded = [*limits.markers[:, position].tolist(), *limits.sentinels[:, position].tolist()]
    known = "".join(f" AND {number} <> {code!r}" for code in coded if code == code)
    outside = f"isfinite({number}) AND ({value} < {low!r} OR {value} > {high!r}){known}"
    return f"({number} = {_MARK} OR ({outside}))"


def _cell(table: Table, variable: Variable, ready: Rules, place: int) -> _Cell | None:
    column = variable.column or variable.name
    if column not in table.columns:
        return None
    position = table.columns.index(column)
    source, kind, rule = f"c{position}", table.types[position], ready.texts[place]
    sql = _number_sql if rule.codes is None else _category_sql
    return _Cell(
        number=sql(source, kind, rule),
        text=f"{source}::VARCHAR",
        suspicious=_suspicious_sql(f"v{place}", rule, ready.table, place),
    )


def _extra_sql(table: Table, column: str, missing: Sequence[str]) -> str:
    text = f"canonical(trimmed(c{table.position(column)}::VARCHAR))"
    markers = {as_text(marker) for marker in missing} | {""}
    return _with_text(text, f"CASE WHEN {_one_of('t', frozenset(markers))} THEN NULL ELSE t END")


def _staged_sql(table: Table, cells: Mapping[int, _Cell], extras: Sequence[str]) -> str:
    """Numbers, further columns, and the texts of rows in which a cell may be a problem."""
    chosen = [f"{cell.number} AS v{place}" for place, cell in cells.items()]
    chosen += [f"{sql} AS x{place}" for place, sql in enumerate(extras)]
    chosen = chosen or ["true AS row"]
    kept = [f"v{place}" for place in cells] + [f"x{place}" for place in range(len(extras))] or ["row"]
    texts = ", ".join(cell.text for cell in cells.values())
    doubt = _any_of([cell.suspicious for cell in cells.values()])
    kept.append(f"CASE WHEN {doubt} THEN [{texts}]::VARCHAR[] END AS texts")
    numbers = f"SELECT *, {', '.join(chosen)} FROM {table.relation()}"  # noqa: S608
    return f"CREATE TEMP TABLE staged AS SELECT {', '.join(kept)} FROM ({numbers})"  # noqa: S608


def _any_of(conditions: Sequence[str]) -> str:
    """One OR of all, as a tree: DuckDB limits how deep an expression may nest, not how wide."""
    if len(conditions) < 2:
        return conditions[0] if conditions else "false"
    half = len(conditions) // 2
    return f"({_any_of(conditions[:half])} OR {_any_of(conditions[half:])})"


@dataclass(frozen=True)
class _Staged:
    """A table whose texts have become numbers, in the file's order, ready to be taken in pieces."""

    duck: Any
    ready: Rules
    cells: Mapping[int, _Cell]
    extra: tuple[str, ...]
    width: int
    as_text: bool

    def piece(self, start: int, stop: int) -> Reading:
        taken = "SELECT * EXCLUDE (texts) FROM staged WHERE rowid >= ? AND rowid < ?"
        fetched = self.duck.execute(taken, [start, stop]).fetchnumpy()
        count = stop - start
        raw = np.full((count, self.width), np.nan)
        for place in self.cells:
            column = fetched[f"v{place}"]
            raw[:, place] = _in_python(column, self.ready.texts[place]) if self.as_text else column
        values, problems = clean(raw, self.ready.table)
        absent = [place for place in range(self.width) if place not in self.cells]
        problems[:, absent] = Problem.ABSENT
        return Reading(
            rows=np.arange(start + 1, stop + 1, dtype=np.int64),
            values=values,
            problems=problems,
            texts=self._texts(start, stop, raw, problems, fetched),
            extra={column: _objects(fetched[f"x{place}"]) for place, column in enumerate(self.extra)},
        )

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
        if self.as_text:
            return {cell: fetched[f"v{cell[1]}"][cell[0]] for cell in zip(row.tolist(), column.tolist(), strict=True)}
        doubtful = "SELECT rowid, texts FROM staged WHERE rowid >= ? AND rowid < ? AND texts IS NOT NULL"
        kept = self.duck.execute(doubtful, [start, stop]).fetchall()
        by_row = {int(rowid) - start: texts for rowid, texts in kept}
        order = {place: index for index, place in enumerate(self.cells)}
        found = {}
        for cell in zip(row.tolist(), column.tolist(), strict=True):
            texts = by_row.get(cell[0])
            text = texts[order[cell[1]]] if texts else None
            found[cell] = repr(raw[cell].item()) if text is None else text
        return found


def _in_python(column: Any, rule: TextRule) -> list[float]:
    return [cell_number(text or "", rule) for text in _objects(column).tolist()]


def _problem_cells(problems: UInt8[np.ndarray, "patient variable"]) -> tuple[Int[np.ndarray, " cell"], ...]:
    return np.nonzero((problems >= Problem.NOT_A_NUMBER) & (problems <= Problem.IMPLAUSIBLE))


def _objects(column: Any) -> np.ndarray:
    """DuckDB's masked texts as an object array with None in place of NULL."""
    texts = np.asarray(np.ma.getdata(column), dtype=object).copy()
    texts[np.ma.getmaskarray(column)] = None
    return texts


def _cells(table: Table, schema: Schema, ready: Rules) -> dict[int, _Cell]:
    found = {place: _cell(table, variable, ready, place) for place, variable in enumerate(schema.variables)}
    cells = {place: cell for place, cell in found.items() if cell is not None}
    if schema.variables and not cells:
        first = schema.variables[0]
        table.position(first.column or first.name)  # says which column is nearest
    return cells


def stream_table(
    path: Path | str,
    schema: Schema,
    *,
    extra: Sequence[str] = (),
    recode: Recode | None = None,
    rows: int = 65536,
) -> Iterator[Reading]:
    """The table's patients in pieces of at most `rows`, in the file's order, in bounded memory.

    DuckDB holds the numbers, on disk where they outgrow 1 GB; this process holds one piece at a time.
    Parameters and errors as for `read_table`. An empty table gives one empty piece.
    """
    table = open_table(path)
    ready = rules(schema, recode)
    cells = _cells(table, schema, ready)
    extras = [_extra_sql(table, column, schema.missing) for column in extra]
    as_text = len(cells) > _VERY_WIDE and set(table.types) == {"VARCHAR"}
    if as_text:
        cells = {place: _Cell(cell.text, cell.text, "false") for place, cell in cells.items()}
    # DuckDB holds some thousand rows of every column at once, whatever the number of rows.
    with connection(megabytes=1000 + len(table.columns) // 2) as duck, translated(table):
        if len(cells) > _WIDE:
            duck.execute("SET disabled_optimizers = 'common_subexpressions,statistics_propagation'")
        duck.execute(_staged_sql(table, cells, extras))
        count = int(duck.execute("SELECT count(*) FROM staged").fetchone()[0])
        staged = _Staged(duck, ready, cells, tuple(extra), len(schema.variables), as_text)
        for start in range(0, max(count, 1), rows):
            yield staged.piece(start, min(start + rows, count))


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
    return next(stream_table(path, schema, extra=extra, recode=recode, rows=2**62))
