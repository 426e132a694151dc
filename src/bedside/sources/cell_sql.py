"""SQL for one variable of a table: the rules of `bedside.sources.text`, as DuckDB applies them to a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bedside.sources.cleaning import Limits, Rules, TextRule
from bedside.sources.duck import quoted
from bedside.sources.schema import Schema, Variable
from bedside.sources.table import Table
from bedside.sources.text import as_text

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_REALS = ("FLOAT", "DOUBLE")
_MARK, _TEXT_SENTINEL, _UNKNOWN = "'inf'::DOUBLE", "'-inf'::DOUBLE", "'nan'::DOUBLE"


@dataclass(frozen=True)
class Cell:
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


def _cell(table: Table, variable: Variable, ready: Rules, place: int) -> Cell | None:
    column = variable.column or variable.name
    if column not in table.columns:
        return None
    position = table.columns.index(column)
    source, kind, rule = f"c{position}", table.types[position], ready.texts[place]
    sql = _number_sql if rule.codes is None else _category_sql
    return Cell(
        number=sql(source, kind, rule),
        text=f"{source}::VARCHAR",
        suspicious=_suspicious_sql(f"v{place}", rule, ready.table, place),
    )


def extra_sql(table: Table, column: str, missing: Sequence[str]) -> str:
    """SQL for a further column as canonical text, NULL where empty or a missing marker."""
    text = f"canonical(trimmed(c{table.position(column)}::VARCHAR))"
    markers = {as_text(marker) for marker in missing} | {""}
    return _with_text(text, f"CASE WHEN {_one_of('t', frozenset(markers))} THEN NULL ELSE t END")


def staged_sql(source: str, cells: Mapping[int, Cell], extras: Sequence[str]) -> str:
    """Stage numbers, further columns, and the texts of rows in which a cell may be a problem, from a FROM clause."""
    chosen = [f"{cell.number} AS v{place}" for place, cell in cells.items()]
    chosen += [f"{sql} AS x{place}" for place, sql in enumerate(extras)]
    chosen = chosen or ["true AS row"]
    kept = [f"v{place}" for place in cells] + [f"x{place}" for place in range(len(extras))] or ["row"]
    texts = ", ".join(cell.text for cell in cells.values())
    doubt = _any_of([cell.suspicious for cell in cells.values()])
    kept.append(f"CASE WHEN {doubt} THEN [{texts}]::VARCHAR[] END AS texts")
    numbers = f"SELECT *, {', '.join(chosen)} FROM {source}"  # noqa: S608
    return f"CREATE OR REPLACE TEMP TABLE staged AS SELECT {', '.join(kept)} FROM ({numbers})"  # noqa: S608


def _any_of(conditions: Sequence[str]) -> str:
    """One OR of all, as a tree: DuckDB limits how deep an expression may nest, not how wide."""
    if len(conditions) < 2:
        return conditions[0] if conditions else "false"
    half = len(conditions) // 2
    return f"({_any_of(conditions[:half])} OR {_any_of(conditions[half:])})"


def cells_of(table: Table, schema: Schema, ready: Rules) -> dict[int, Cell]:
    """The variables that the table has, by their position in the schema.

    Raises
    ------
    DataError: it has none of them.
    """
    found = {place: _cell(table, variable, ready, place) for place, variable in enumerate(schema.variables)}
    cells = {place: cell for place, cell in found.items() if cell is not None}
    if schema.variables and not cells:
        first = schema.variables[0]
        table.position(first.column or first.name)  # says which column is nearest
    return cells
