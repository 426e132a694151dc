"""The map of another hospital's table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bedside.errors import DataError
from bedside.sources import Problem, Schema, Variable, apply_map, read_map, read_table

SCHEMA = Schema(
    variables=(
        Variable(name="chol", kind="number", label="Cholesterol", unit="mg/dL", range=(50, 700)),
        Variable(name="sex", kind="category", label="Sex", categories=("female", "male")),
        Variable(name="age", kind="number", label="Age", unit="a"),
    ),
    patient="patient_id",
)
MAP = """
[columns]
chol = "Cholesterol (g/L)"
[units]
chol = "g/L"
[categories.sex]
1 = "male"
"2.0" = "female"
[missing]
markers = ["?"]
[missing.columns]
age = [-9]
[outcome]
column = "dx"
[outcome.codes]
CAD = "yes"
[patient]
column = "mrn"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "map.toml"
    path.write_text(text)
    return path


def test_a_table_through_its_map(tmp_path: Path) -> None:
    table_map = read_map(written(tmp_path, MAP))
    schema, recode = apply_map(SCHEMA, table_map)
    (tmp_path / "t.csv").write_text("Cholesterol (g/L),sex,age\n2.4,1,61\n,2,-9\n8,3,?\n")
    reading = read_table(tmp_path / "t.csv", schema, recode=recode)
    np.testing.assert_allclose(reading.values, [[240, 1, 61], [np.nan, 0, np.nan], [np.nan] * 3])
    P = Problem
    assert reading.problems[1:].tolist() == [
        [P.MISSING, 0, P.SENTINEL],
        [P.IMPLAUSIBLE, P.UNKNOWN_CATEGORY, P.MISSING],
    ]
    assert (schema.patient, table_map.outcome.column, dict(table_map.outcome.codes)) == ("mrn", "dx", {"CAD": "yes"})
    assert schema.names == SCHEMA.names


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ('[colums]\nchol = "x"', "unknown key colums", "columns"),
        ('[outcome]\ncolum = "x"', "unknown key outcome.colum", "column"),
        ("[columns]\nchol = []", "neither text nor number", ""),
        ('[missing]\nmarkers = "?"', "not a list", ""),
        ("columns = 3", "not a table", ""),
        ("[columns", "not TOML", ""),
    ],
)
def test_a_map_is_read_strictly(tmp_path: Path, text: str, what: str, remedy: str) -> None:
    with pytest.raises(DataError, match=what) as caught:
        read_map(written(tmp_path, text))
    assert "map.toml" in caught.value.where
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[columns]\ncholl = "x"', "no predictor 'choll'"),
        ('[units]\nchol = "mmol/L"', "molar mass"),
        ('[units]\nsex = "1"', "has no unit"),
        ('[categories.sex]\nx = "mal"', "'mal' is no category"),
        ('[categories.age]\nx = "1"', "no categories"),
    ],
)
def test_a_map_that_does_not_fit_the_schema(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(DataError, match=what) as caught:
        apply_map(SCHEMA, read_map(written(tmp_path, text)))
    assert "map.toml" in caught.value.where
