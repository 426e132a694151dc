"""Several patients as numbers that a program sends: strict as at the bedside, through the same kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from operator import le
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, UInt8

from bedside.errors import ValueRefused
from bedside.sources.cell import cell_number
from bedside.sources.cleaning import MISSING, NOT_UNDERSTOOD, Limits, clean, rules
from bedside.sources.genotypes import not_a_genotype
from bedside.sources.reading import Problem, Reading
from bedside.sources.schema import Schema, Variable
from bedside.sources.text import trimmed
from bedside.sources.wording import format_value

Precision = Literal["float64", "float32", "float16"]
"""With how many digits a number was sent."""

_REFUSABLE, _LAST_REFUSABLE = int(Problem.NOT_A_NUMBER), int(Problem.IMPLAUSIBLE)
_ROWS_NAMED = 3
_INFINITE = np.inf
_FIRST_ROW = np.ones(1, np.int64)
_FIRST_ROW.flags.writeable = False


@dataclass
class Matrix:
    """Values of n patients while they are put together; what nobody gives is not known.

    Attributes
    ----------
    raw: as the kernel takes it. shown: numbers as they were sent. precision: of each variable's numbers.
    texts: what was sent as text, by (row, variable position).
    """

    schema: Schema
    raw: Float[np.ndarray, "patient variable"]
    shown: Float[np.ndarray, "patient variable"]
    precision: list[Precision]
    texts: dict[tuple[int, int], str] = field(default_factory=dict)

    @classmethod
    def unknown(cls, schema: Schema, rows: int) -> Matrix:
        """Nothing is known yet."""
        width = len(schema.variables)
        return cls(schema, np.full((rows, width), MISSING), np.full((rows, width), MISSING), ["float64"] * width)

    def numbers(self, position: int, values: Float[np.ndarray, " patient"], precision: Precision) -> None:
        """One variable's values as numbers, nan where not known."""
        self.shown[:, position] = values
        self.raw[:, position] = _marked(values)
        self.precision[position] = precision

    def words(self, position: int, texts: Sequence[str]) -> None:
        """One variable's values as texts, by the rules for cells of a table."""
        rule = rules(self.schema).texts[position]
        for row, text in enumerate(texts):
            self.raw[row, position] = cell_number(text, rule)
            self.texts[row, position] = text


def read_numbers(schema: Schema, values: Float[np.ndarray, "patient variable"], precision: Precision) -> Reading:
    """What `read_matrix` gives for `matrix_of` these values. Raises ``ValueRefused`` as it does."""
    if len(values) == 1 and _usual(values[0].tolist(), _bounds(schema, precision)):
        return Reading(rows=_FIRST_ROW, values=values, problems=np.zeros(values.shape, np.uint8))
    return read_matrix(matrix_of(schema, values, precision))


@dataclass(frozen=True)
class _Bounds:
    """Between what each value lies that the kernel leaves as it is, and which are positions of categories."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    positions: tuple[int, ...]


def _usual(values: list[float], bounds: _Bounds | None) -> bool:
    """Whether the kernel would leave all values as they are: one patient's thirty comparisons cost less than its."""
    return (
        bounds is not None
        and all(map(le, bounds.low, values))
        and all(map(le, values, bounds.high))
        and all(values[at].is_integer() for at in bounds.positions)
    )


@lru_cache(maxsize=64)
def _bounds(schema: Schema, precision: Precision) -> _Bounds | None:
    """None where a marker or a sentinel code lies within its variable's range."""
    limits = _limits(schema, (precision,) * len(schema.variables))
    low, high = limits.low.copy(), limits.high.copy()
    for position, count in _categories(schema):
        low[position], high[position] = 0, count - 1
    codes = np.concatenate([limits.markers, limits.sentinels])
    if ((codes >= low) & (codes <= high)).any():
        return None
    return _Bounds(tuple(low.tolist()), tuple(high.tolist()), tuple(position for position, _ in _categories(schema)))


def matrix_of(schema: Schema, values: Float[np.ndarray, "patient variable"], precision: Precision) -> Matrix:
    """All values as numbers, in the schema's order; a category as its position, nan where not known."""
    raw = _marked(values)
    for position, count in _categories(schema):
        codes = raw[:, position]
        known = ~np.isnan(codes)
        raw[known & ~_is_position(codes, count), position] = NOT_UNDERSTOOD
    return Matrix(schema, raw, values, [precision] * len(schema.variables))


def _marked(values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Infinity is no number here, and minus infinity would be taken for a mark of the kernel's own."""
    return np.where(np.isinf(values), NOT_UNDERSTOOD, values)


def _is_position(codes: Float[np.ndarray, " patient"], count: int) -> Bool[np.ndarray, " patient"]:
    with np.errstate(invalid="ignore"):
        return np.asarray((codes >= 0) & (codes < count) & (codes == np.floor(codes)))


@lru_cache(maxsize=64)
def _categories(schema: Schema) -> tuple[tuple[int, int], ...]:
    """Position and number of categories of each category variable."""
    return tuple((at, len(v.categories or ())) for at, v in enumerate(schema.variables) if v.kind == "category")


def read_matrix(matrix: Matrix) -> Reading:
    """The patients as a reading, in the schema's order and units.

    Sentinel codes and ranges are compared as the numbers were sent: 0.3 in single precision lies within a range that
    ends at 0.3.

    Raises
    ------
    ValueRefused: a value is no number, no declared category or outside its plausible range; every such variable is
        named, with its rows.
    """
    limits = _limits(matrix.schema, tuple(matrix.precision))
    cleaned, problems = clean(matrix.raw, limits)
    if np.count_nonzero(_wrong(problems)):
        raise ValueRefused(_refusals(matrix, problems))
    return Reading(
        rows=np.arange(1, len(cleaned) + 1, dtype=np.int64),
        values=cleaned,
        problems=problems,
        texts={cell: text for cell, text in matrix.texts.items() if problems[cell] == Problem.OTHER_GENOTYPE},
    )


def _wrong(problems: UInt8[np.ndarray, "patient variable"]) -> Bool[np.ndarray, "patient variable"]:
    return np.asarray((problems >= _REFUSABLE) & (problems <= _LAST_REFUSABLE))


@lru_cache(maxsize=256)
def _limits(schema: Schema, precision: tuple[Precision, ...]) -> Limits:
    """The declared limits as numbers of this precision can say them."""
    declared = rules(schema).declared
    if set(precision) == {"float64"}:
        return declared
    kinds = np.array(precision)

    def said(limits: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            for kind in ("float32", "float16"):
                limits = np.where(kinds == kind, limits.astype(kind).astype(np.float64), limits)
        return limits

    return replace(
        declared,
        low=said(declared.low),
        high=said(declared.high),
        markers=_sayable(said(declared.markers)),
        sentinels=_sayable(said(declared.sentinels)),
    )


def _sayable(codes: np.ndarray) -> np.ndarray:
    """A code beyond what the precision can say was never sent; infinity is the kernel's mark for something else."""
    return np.where(np.isinf(codes), np.nan, codes)


def _refusals(matrix: Matrix, problems: UInt8[np.ndarray, "patient variable"]) -> dict[str, str]:
    wrong = _wrong(problems)
    found = {}
    for position in np.flatnonzero(wrong.any(axis=0)).tolist():
        variable, rows = matrix.schema.variables[position], np.flatnonzero(wrong[:, position]).tolist()
        told = [_refusal(matrix, variable, row, position, int(problems[row, position])) for row in rows[:_ROWS_NAMED]]
        more = [f"and {len(rows) - _ROWS_NAMED} further rows"] if len(rows) > _ROWS_NAMED else []
        found[variable.name] = "; ".join(told + more)
    return found


def _refusal(matrix: Matrix, variable: Variable, row: int, position: int, problem: int) -> str:
    text = matrix.texts.get((row, position))
    shown = f"{matrix.shown[row, position]:.12g}" if text is None else repr(text[:60])
    if variable.gene is not None and text is not None and problem == Problem.UNKNOWN_CATEGORY:
        return f"row {row + 1}: {not_a_genotype(variable.gene, trimmed(text))}"
    if problem == Problem.NOT_A_NUMBER:
        complaint = "is not a number"
    elif problem == Problem.UNKNOWN_CATEGORY:
        names = variable.categories or ()
        kind = "one of its categories" if text is not None else f"a position 0 to {len(names) - 1} of its categories"
        complaint = f"is not {kind}: {', '.join(names)}"
    else:
        low, high = variable.range or (-_INFINITE, _INFINITE)
        complaint = f"lies outside the plausible range {low:g} to {format_value(variable, float(high))}"
    return f"row {row + 1}: {shown} {complaint}"
