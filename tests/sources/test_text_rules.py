"""What is plainly a number, and which texts are the same category."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.sources import Variable, as_text, format_value, number_in, trimmed


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12.0),
        ("-0.5", -0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("+1", 1.0),
        ("1E-3", 0.001),
        ("007", 7.0),
    ],
)
def test_numbers(text: str, number: float) -> None:
    assert number_in(text) == number


@pytest.mark.parametrize(
    "text",
    [
        *[
            "1,5",
            "1,234",
            "1.234,5",
            "<5",
            ">100",
            "inf",
            "-inf",
            "nan",
            "NaN",
            "1_000",
            "0x10",
            "1e999",
            "--1",
            "1e",
            ".",
            "true",
            "٣",
            "12/80",
        ],
        "",
        "5 mg",
        "1 2",
    ],
)
def test_no_numbers(text: str) -> None:
    assert number_in(text) is None


@settings(max_examples=100, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_reads_as_itself(value: float) -> None:
    assert number_in(repr(value)) == value


def test_hidden_blanks_do_not_count() -> None:
    assert trimmed(" \u00a0\ufeff12\u200b\t") == "12"


@pytest.mark.parametrize("same", [1, 1.0, "1", "1.0", " 1.00 ", "1.000"])
def test_one_is_one(same: object) -> None:
    assert as_text(same) == "1"


@pytest.mark.parametrize(
    ("value", "text"), [("01", "01"), ("1.50", "1.50"), ("Yes", "Yes"), (-0.0, "0"), (True, "true")]
)
def test_nothing_else_is_changed(value: object, text: str) -> None:
    assert as_text(value) == text


def test_values_as_people_read_them() -> None:
    age = Variable(name="age", kind="number", label="Age", unit="a")
    score = Variable(name="score", kind="number", label="Score", unit="{score}")
    sex = Variable(name="sex", kind="category", label="Sex", categories=("f", "m"))
    assert [format_value(age, 61.0), format_value(score, 3.5), format_value(sex, 1.0)] == ["61 a", "3.5", "m"]
    assert format_value(age, math.nan) == "not known"
