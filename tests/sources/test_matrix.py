"""Numbers that a program sends are read as the same values at the bedside are."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.errors import ValueRefused
from bedside.sources import Matrix, Reading, Schema, Variable, matrix_of, read_matrix, read_numbers, read_patient

SCHEMA = Schema(
    variables=(
        Variable(name="age", kind="number", label="Age", unit="a", range=(18, 100)),
        Variable(name="share", kind="number", label="Share", range=(0, 0.3), missing=("0.1",)),
        Variable(name="ratio", kind="number", label="Ratio", missing=("-9", "1e9")),
        Variable(name="side", kind="category", label="Side", categories=("left", "right", "both")),
    ),
    missing=("", "NA", "99"),
)
PLAIN = Schema(variables=(SCHEMA["age"], SCHEMA["side"]))
NOW = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
NUMBERS = st.one_of(
    st.sampled_from([18.0, 100.0, 99.0, 0.1, 0.3, 0.30001, -9.0, 1e9, math.inf, -math.inf, math.nan, 1e300, -0.0]),
    st.floats(width=64),
)
POSITIONS = st.sampled_from([0.0, 1.0, 2.0, 3.0, -1.0, 0.5, math.nan, math.inf])


def at_the_bedside(schema: Schema, row: list[float]) -> list[float] | set[str]:
    """The values as `read_patient` gives them, or the variables that it refuses."""
    values: dict[str, Any] = {}
    for variable, number in zip(schema.variables, row, strict=True):
        if variable.kind == "number":
            values[variable.name] = None if math.isnan(number) else number
        elif not math.isnan(number):
            known = number in range(len(variable.categories or ()))
            values[variable.name] = (variable.categories or ())[int(number)] if known else "nothing"
    try:
        return list(read_patient(schema, values, now=NOW).values[0].tolist())
    except ValueRefused as error:
        return set(error.problems)


def as_a_matrix(read: Any) -> list[float] | set[str]:
    try:
        return list(read().values[0].tolist())
    except ValueRefused as error:
        return set(error.problems)


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS, POSITIONS))
def test_one_row_is_read_as_at_the_bedside(row: tuple[float, ...]) -> None:
    values = np.array([row])
    expected = at_the_bedside(SCHEMA, list(row))
    for read in (
        lambda: read_numbers(SCHEMA, values, "float64"),
        lambda: read_matrix(matrix_of(SCHEMA, values, "float64")),
        lambda: one_by_one(SCHEMA, values),
    ):
        assert repr(as_a_matrix(read)) == repr(expected)


@given(st.floats(17, 101), POSITIONS)
def test_the_short_way_for_usual_values_is_that_of_the_kernel(age: float, side: float) -> None:
    values = np.array([[age, side]])
    assert repr(as_a_matrix(lambda: read_numbers(PLAIN, values, "float64"))) == repr(at_the_bedside(PLAIN, [age, side]))


def one_by_one(schema: Schema, values: np.ndarray) -> Reading:
    matrix = Matrix.unknown(schema, len(values))
    for position, variable in enumerate(schema.variables):
        if variable.kind == "number":
            matrix.numbers(position, values[:, position], "float64")
        else:
            names = variable.categories or ()
            known = [names[int(x)] if x in range(len(names)) else "" if x != x else "?" for x in values[:, position]]
            matrix.words(position, known)
    return read_matrix(matrix)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_limits_and_codes_are_compared_as_the_numbers_were_sent(precision: Any) -> None:
    def sent(share: float, ratio: float = 1.0) -> np.ndarray:
        return np.array([[20.0, share, ratio, 0.0]], dtype=precision).astype(np.float64)

    assert sent(0.3)[0, 1] != 0.3
    for rounded in (0.3, 0.0):
        read = read_numbers(SCHEMA, sent(rounded), precision)
        assert read.values[0, 1] == sent(rounded)[0, 1]
    assert np.isnan(read_numbers(SCHEMA, sent(0.1), precision).values[0, 1])
    assert np.isnan(read_numbers(SCHEMA, sent(0.2, -9.0), precision).values[0, 2])
    with pytest.raises(ValueRefused, match="share: row 1"):
        read_numbers(SCHEMA, sent(0.3) + np.array([0, 1e-3, 0, 0]), precision)
    if precision == "float16":  # a code that is too large to be said was not said: infinity stays no number
        with np.errstate(over="ignore"), pytest.raises(ValueRefused, match="not a number"):
            read_numbers(SCHEMA, sent(0.2, 1e9), precision)


def test_rows_are_counted_from_one() -> None:
    read = read_numbers(SCHEMA, np.array([[20.0, 0.2, 1.0, 0.0]] * 3), "float64")
    assert read.rows.tolist() == [1, 2, 3]
