"""One patient at the bedside: refused well, and the same as a row of a table."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedside.errors import ValueRefused
from bedside.sources import Problem, Schema, Variable, number_in, read_patient, read_table

NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
SCHEMA = Schema(
    variables=(
        Variable(name="age", kind="number", label="Age", unit="a", range=(18, 110)),
        Variable(name="temp", kind="number", label="Temperature", unit="Cel", unit_in_data="[degF]", missing=("99",)),
        Variable(name="sex", kind="category", label="Sex", categories=("0", "1")),
        Variable(name="score", kind="number", label="Score", missing=("-1",)),
    ),
    missing=("", "NA"),
)


def problems(values: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValueRefused) as caught:
        read_patient(SCHEMA, values, now=NOW)
    return caught.value.problems


def test_values_of_every_kind() -> None:
    values = {"age": 61, "temp": {"value": 98.6, "unit": "[degF]"}, "sex": 1.0, "score": " 3.5 "}
    reading = read_patient(SCHEMA, values, now=NOW)
    assert reading.values[0] == pytest.approx([61, 37, 1, 3.5])
    assert reading.ages_days is None
    assert len(reading) == 1


def test_not_known_is_said_in_many_ways() -> None:
    reading = read_patient(SCHEMA, {"age": None, "temp": "NA", "score": -1}, now=NOW)
    P = Problem
    assert reading.problems.tolist() == [[P.MISSING, P.MISSING, P.MISSING, P.SENTINEL]]


def test_a_sentinel_counts_in_the_table_s_unit_only() -> None:
    """99 Cel is a value (if a wrong one); 99 [degF] is the table's code for not known."""
    assert read_patient(SCHEMA, {"temp": 99.0}, now=NOW).values[0, 1] == 99
    assert read_patient(SCHEMA, {"temp": {"value": 99, "unit": "Cel"}}, now=NOW).values[0, 1] == 99
    assert read_patient(SCHEMA, {"temp": {"value": 99, "unit": "K"}}, now=NOW).values[0, 1] == pytest.approx(-174.15)
    coded = read_patient(SCHEMA, {"temp": {"value": 99, "unit": "[degF]"}}, now=NOW)
    assert coded.problems[0, 1] == Problem.SENTINEL


def test_every_bad_variable_is_named_at_once() -> None:
    said = problems({"age": 200, "sex": "3", "score": "high", "tmep": 37, "temp": {"value": 1, "unit": "kg"}})
    assert "outside the plausible range 18 to 110 a" in said["age"]
    assert "not one of its categories: 0, 1" in said["sex"]
    assert "'high' is not a number" in said["score"]
    assert "did you mean 'temp'" in said["tmep"]
    assert "does not convert" in said["temp"]


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"value": 61, "unit": "years"}, "not a unit"),
        ({"value": 61, "units": "a"}, "unknown key 'units'"),
        ({"unit": "a"}, "no value"),
        ({"value": 61, "time": "yesterday"}, "not a date"),
        ({"value": 61, "time": 20260301}, "not a date"),
        ({"value": 61, "time": "2026-03-10T13:00:00Z"}, "in the future"),
        (True, "not a number"),
        ([61], "not a number"),
        (float("inf"), "not a number"),
        (float("nan"), "not a number"),
        (10**400, "not a number"),
        ("1,5", "not a number"),
        ({"value": 999999, "unit": "d"}, "999999 d lies outside the plausible range"),
        ({"value": [1], "unit": "d"}, "not a number"),
    ],
)
def test_entries_that_are_refused(entry: object, text: str) -> None:
    assert text in problems({"age": entry})["age"]


def test_a_unit_where_none_is_declared() -> None:
    assert "no unit" in problems({"score": {"value": 1, "unit": "mg"}})["score"]


@pytest.mark.parametrize(
    ("time", "days"),
    [
        ("2026-03-09T12:00:00Z", 1.0),
        ("2026-03-10T13:00:00+02:00", 1 / 24),
        ("2026-03-08", 2.5),
        ("2026-03-11", 0.0),  # today, where the day began earlier
        ("2026-03-10T12:02:00Z", 0.0),  # clocks differ a little
    ],
)
def test_ages(time: str, days: float) -> None:
    reading = read_patient(SCHEMA, {"age": {"value": 61, "time": time}, "sex": "0"}, now=NOW)
    assert reading.ages_days is not None
    assert reading.ages_days[0, 0] == pytest.approx(days)
    assert np.isnan(reading.ages_days[0, 1:]).all()


def test_booleans_are_categories() -> None:
    assert read_patient(SCHEMA, {"sex": True}, now=NOW).values[0, 2] == 1


# The property that the design rests on: at a bedside and in a table a value gets the same number and the same problem.

ODD_NUMBERS = [
    "1,5",
    "1e3",
    "1e999",
    "-1e999",
    "1e-400",
    "<5",
    "inf",
    "nan",
    "1_0",
    "+.5",
    "5.",
    "NA",
    "unk",
    "-9.00",
    "007",
    "-09",
    "0x1",
    "1e",
    "é",
    "--1",
    "-0.0",
    "−1",
    "1_",
    "٣",
    "1d",
    "1f",
    "1'0",
    "7",
    "12",
]
NUMBERS = st.one_of(
    st.floats(-1e3, 1e3).map(repr),
    st.integers(-20, 20).map(str),
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.sampled_from([*ODD_NUMBERS, "", " 7 ", "\u00a07", "1 0"]),
)
TEXTS = st.sampled_from(
    [
        *[
            "a",
            "b",
            "1",
            "1.0",
            "01",
            "A",
            "1.50",
            "1.5",
            "-0",
            "0",
            "NA",
            "9",
            "9.0",
            "é",
            "true",
            "1e0",
            "-1.0",
            '"',
            "a;b",
            "x'y",
        ],
        "",
        " a ",
    ]
)
CATEGORIES = st.sampled_from(["a", "b", "1", "2", "1.50", "0", "é", "true", "x'y"])


@st.composite
def variables(draw: st.DrawFn, name: str) -> Variable:
    if draw(st.booleans()):
        texts = draw(st.lists(CATEGORIES, min_size=2, max_size=4, unique=True))
        missing = tuple(draw(st.lists(st.sampled_from(["9", "A"]), max_size=2, unique=True)))
        return Variable(name=name, kind="category", label=name, categories=tuple(texts), missing=missing)
    low = draw(st.none() | st.integers(-10, 5))
    return Variable(
        name=name,
        kind="number",
        label=name,
        unit=draw(st.none() | st.just("mm")),
        range=None if low is None else (low, low + draw(st.integers(1, 20))),
        missing=tuple(draw(st.lists(st.sampled_from(["-9", "0", "unk", "7"]), max_size=2, unique=True))),
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Schema, list[dict[str, str]]]:
    names = [f"v{i}" for i in range(draw(st.integers(1, 4)))]
    schema = Schema(
        variables=tuple(draw(variables(name)) for name in names),
        missing=tuple(draw(st.lists(st.sampled_from(["", "NA", "-9", "12", "9.0"]), max_size=3, unique=True))),
    )
    row = st.fixed_dictionaries({v.name: NUMBERS if v.kind == "number" else TEXTS for v in schema.variables})
    return schema, draw(st.lists(row, min_size=1, max_size=12))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def test_every_odd_number_is_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,end\n" + "".join(f"{_quoted(text)},1\n" for text in ODD_NUMBERS))
    table = read_table(path, Schema(variables=(Variable(name="x", kind="number", label="x"),), missing=()))
    expected = [number_in(text) for text in ODD_NUMBERS]
    assert [None if np.isnan(value) else value for value in table.values[:, 0].tolist()] == expected


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases(), convert=st.booleans())
def test_the_bedside_reads_as_the_table_does(
    tmp_path: Path, case: tuple[Schema, list[dict[str, str]]], convert: bool
) -> None:
    schema, rows = case
    stated = {v.name: "cm" if convert and v.unit else None for v in schema.variables}
    as_table = Schema(
        variables=tuple(
            Variable(
                **{field: getattr(v, field) for field in v.__struct_fields__ if field != "unit_in_data"},
                unit_in_data=stated[v.name],
            )
            for v in schema.variables
        ),
        missing=schema.missing,
    )
    path = tmp_path / "t.csv"
    # A further column keeps a row without any value from being an empty line.
    lines = [",".join([*map(_quoted, schema.names), "end"])]
    lines += [",".join([*(_quoted(row[name]) for name in schema.names), "1"]) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    table = read_table(path, as_table)
    refused = {Problem.NOT_A_NUMBER, Problem.UNKNOWN_CATEGORY, Problem.IMPLAUSIBLE}
    for position, row in enumerate(rows):
        for place, name in enumerate(schema.names):
            entry: Any = row[name] if stated[name] is None else {"value": row[name], "unit": stated[name]}
            problem = Problem(int(table.problems[position, place]))
            if problem in refused:
                with pytest.raises(ValueRefused):
                    read_patient(as_table, {name: entry}, now=NOW)
                assert table.texts[position, place].strip("\u00a0 ") == row[name].strip("\u00a0 ")
                continue
            bedside = read_patient(as_table, {name: entry}, now=NOW)
            assert bedside.problems[0, place] == problem, (row[name], schema.variables[place])
            np.testing.assert_array_equal(bedside.values[0, place], table.values[position, place])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8))
def test_numbers_from_json_are_those_of_parquet(tmp_path: Path, values: list[float]) -> None:
    import duckdb

    schema = Schema(variables=(Variable(name="x", kind="number", label="x", range=(-1000, 1000)),))
    path = tmp_path / "t.parquet"
    rows = ", ".join(f"({value!r}::DOUBLE)" for value in values)
    duckdb.execute(f"COPY (SELECT * FROM (VALUES {rows}) t(x)) TO '{path}' (FORMAT parquet)")
    table = read_table(path, schema)
    for position, value in enumerate(json.loads(json.dumps(values))):
        if table.problems[position, 0]:
            with pytest.raises(ValueRefused, match="plausible"):
                read_patient(schema, {"x": value}, now=NOW)
        else:
            assert read_patient(schema, {"x": value}, now=NOW).values[0, 0] == table.values[position, 0]
