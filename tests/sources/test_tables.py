"""Tables: CSV dialects, damaged files, Parquet, streaming; each error names file, line and remedy."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import numpy as np
import pytest

from bedside.errors import DataError
from bedside.sources import (
    Problem,
    Schema,
    Variable,
    columns,
    place,
    read_table,
    stream_table,
    tally,
)


def number(name: str, **more: object) -> Variable:
    return Variable(name=name, kind="number", label=name, **more)  # type: ignore[arg-type]


def category(name: str, *texts: str, **more: object) -> Variable:
    return Variable(name=name, kind="category", label=name, categories=texts, **more)  # type: ignore[arg-type]


AGE_SEX = Schema(variables=(number("age", range=(0, 120)), category("sex", "0", "1")))


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def to_parquet(path: Path, select: str) -> Path:
    duckdb.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"age,sex\n61,1\n40,0\n",
        b"age;sex\n61;1\n40;0\n",
        b"age\tsex\n61\t1\n40\t0\n",
        b"\xef\xbb\xbfage,sex\r\n61,1\r\n40,0\r\n",
        b'"age","sex"\n"61","1"\n" 40 ","0"',
        gzip.compress(b"age,sex\n61,1\n40,0\n", mtime=0),
        b"sex,other,age\n1.0,x,61.0\n0,y,4e1\n\n",
        b"\xc2\xa0age ,sex\n61,\xc2\xa01\n40\t,0\n",
    ],
)
def test_dialects(tmp_path: Path, content: bytes) -> None:
    reading = read_table(write(tmp_path / "t.csv", content), AGE_SEX)
    np.testing.assert_array_equal(reading.values, [[61, 1], [40, 0]])
    assert not reading.problems.any()
    assert reading.rows.tolist() == [1, 2]


def test_a_name_with_pattern_letters_is_that_file(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "age,sex\n1,1\n")
    path = write(tmp_path / "[a]*?.csv", "age,sex\n61,1\n")
    assert read_table(path, AGE_SEX).values[0, 0] == 61


def test_every_problem_and_its_text(tmp_path: Path) -> None:
    schema = Schema(
        variables=(
            number("x", range=(0, 10), missing=("-9", "unk")),
            category("c", "a", "b", missing=("9",)),
            number("gone"),
        ),
        missing=("NA",),
    )
    path = write(tmp_path / "t.csv", "x,c,p\n,a,1.0\nNA,NA,NA\n-9.0,9.0,\nunk,b,z\n1;5,B,x\n11,a,x\n")
    reading = read_table(path, schema, extra=("p",))
    P = Problem
    assert reading.problems.tolist() == [
        [P.MISSING, P.NONE, P.ABSENT],
        [P.MISSING, P.MISSING, P.ABSENT],
        [P.SENTINEL, P.SENTINEL, P.ABSENT],
        [P.SENTINEL, P.NONE, P.ABSENT],
        [P.NOT_A_NUMBER, P.UNKNOWN_CATEGORY, P.ABSENT],
        [P.IMPLAUSIBLE, P.NONE, P.ABSENT],
    ]
    assert reading.texts == {(4, 0): "1;5", (4, 1): "B", (5, 0): "11"}
    assert reading.extra["p"].tolist() == ["1", None, None, "z", "x", "x"]
    assert np.isnan(reading.values[reading.problems > 0]).all()


def test_units_are_converted_before_the_range_is_looked_at(tmp_path: Path) -> None:
    schema = Schema(
        variables=(
            number("length", unit="um", unit_in_data="mm", range=(1, 60), missing=("0.01",)),
            number("temp", unit="Cel", unit_in_data="[degF]", range=(30, 43)),
        )
    )
    reading = read_table(write(tmp_path / "t.csv", "length,temp\n0.06,98.6\n0.061,37\n0.01,109.4\n"), schema)
    assert reading.values[0] == pytest.approx([60, 37])
    assert reading.problems.tolist() == [[0, 0], [Problem.IMPLAUSIBLE, Problem.IMPLAUSIBLE], [Problem.SENTINEL, 0]]


@pytest.mark.parametrize(
    ("content", "what", "where"),
    [
        (b"", "empty", ""),
        (b"\n1,2\n", "no header", "line 1"),
        (b"61,1\n40,0\n", "holds numbers", "line 1"),
        (b"age,age\n1,2\n", "two columns are called 'age'", "line 1"),
        (b",age\n1,2\n", "column 1 of 2 has no name", "line 1"),
        (b"age,sex\n1,1\n61\n", "1 fields, the header has 2", "line 3"),
        (b"age,sex\n1,1,1\n", "3 fields, the header has 2", "line 2"),
        (b"age,sex\n1,\xe9\n", "not UTF-8", "line 2"),
        (b"\xff\xfea\x00g\x00e\x00", "UTF-16", ""),
        (b"PK\x03\x04xxxx", "Excel", ""),
        (b'age,sex\n1,"0\n', "never closed", "line 2"),
        (b"PAR1 but no Parquet", "cannot be read", ""),
        (b"\x1f\x8b\x08 no gzip at all", "damaged", ""),
    ],
)
def test_damaged_files(tmp_path: Path, content: bytes, what: str, where: str) -> None:
    path = write(tmp_path / "t.csv", content)
    with pytest.raises(DataError, match=what) as caught:
        read_table(path, AGE_SEX)
    assert str(path) in caught.value.where
    assert where in caught.value.where
    assert caught.value.remedy


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        columns(tmp_path / "none.csv")


def test_no_column_at_all_is_an_error_and_names_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "Age_,sexx\n1,1\n")
    with pytest.raises(DataError, match="no column 'age'") as caught:
        read_table(path, AGE_SEX)
    assert "Age_" in caught.value.remedy
    with pytest.raises(DataError, match="no column 'numm'") as caught:
        read_table(write(tmp_path / "u.csv", "age,num\n1,1\n"), AGE_SEX, extra=("numm",))
    assert "'num'" in caught.value.remedy


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    assert len(read_table(write(tmp_path / "t.csv", "age,sex\n"), AGE_SEX)) == 0


def test_places_count_lines_that_a_quoted_cell_takes(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", 'age,note\n1,"a\nb"\n2,c\n')
    assert place(path, 1) == "row 1 (line 3)"
    assert place(path, 2) == "row 2 (line 4)"
    assert place(to_parquet(tmp_path / "t.parquet", "SELECT 1 AS age"), 1) == "row 1"


def test_parquet_types(tmp_path: Path) -> None:
    path = to_parquet(
        tmp_path / "t.parquet",
        "SELECT * FROM (VALUES (1::DOUBLE, true, 7::TINYINT, '1.0', 1.5::DECIMAL(4,1), DATE '2024-02-01'), "
        "('nan'::DOUBLE, false, NULL, 'x', 2.0, NULL), (NULL, NULL, 8, NULL, NULL, NULL)) t(d, b, i, s, m, t)",
    )
    schema = Schema(
        variables=(
            number("d"),
            category("b", "0", "1"),
            number("i"),
            number("s"),
            number("m"),
            category("cat", "1", "2", column="d"),
            number("truth", column="b"),
        )
    )
    reading = read_table(path, schema, extra=("t", "b"))
    P = Problem
    assert reading.problems.tolist() == [
        [0, 0, 0, 0, 0, 0, P.NOT_A_NUMBER],
        [P.NOT_A_NUMBER, 0, P.MISSING, P.NOT_A_NUMBER, 0, P.UNKNOWN_CATEGORY, P.NOT_A_NUMBER],
        [P.MISSING, P.MISSING, 0, P.MISSING, P.MISSING, P.MISSING, P.MISSING],
    ]
    np.testing.assert_array_equal(reading.values[0, :6], [1, 1, 7, 1, 1.5, 0])
    assert reading.extra["t"].tolist() == ["2024-02-01", None, None]
    assert reading.extra["b"].tolist() == ["true", "false", None]


def test_booleans_match_the_categories_that_are_declared(tmp_path: Path) -> None:
    path = to_parquet(tmp_path / "t.parquet", "SELECT true AS b UNION ALL SELECT false")
    for texts in (("0", "1"), ("false", "true"), ("FALSE", "TRUE")):
        assert sorted(read_table(path, Schema(variables=(category("b", *texts),))).values[:, 0]) == [0, 1]
    reading = read_table(path, Schema(variables=(category("b", "no", "yes"),)))
    assert (reading.problems == Problem.UNKNOWN_CATEGORY).all()


def test_nan_in_parquet_is_missing_only_where_the_study_says_so(tmp_path: Path) -> None:
    path = to_parquet(tmp_path / "t.parquet", "SELECT 'nan'::DOUBLE AS x")
    said = Schema(variables=(number("x"),), missing=("NaN",))
    assert read_table(path, said).problems.tolist() == [[Problem.MISSING]]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_pieces_are_the_whole_in_order(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"t.{kind}"
    duckdb.execute(
        "COPY (SELECT i AS x, CASE WHEN i % 97 = 0 THEN 'odd' ELSE i::VARCHAR END AS y "
        f"FROM range(1000) t(i)) TO '{path}'"
    )
    schema = Schema(variables=(number("x"), number("y", range=(0, 900))))
    whole = read_table(path, schema, extra=("y",))
    pieces = list(stream_table(path, schema, extra=("y",), rows=300))
    assert [len(piece) for piece in pieces] == [300, 300, 300, 100]
    np.testing.assert_array_equal(whole.values[:, 0], np.arange(1000))
    np.testing.assert_array_equal(np.concatenate([piece.values for piece in pieces]), whole.values)
    assert np.concatenate([piece.rows for piece in pieces]).tolist() == list(range(1, 1001))
    assert sum(len(piece.texts) for piece in pieces) == len(whole.texts) == 11 + 99 - 1
    assert pieces[3].texts[(1, 1)] == "901"


@pytest.mark.parametrize("width", [150, 600])
def test_many_variables(tmp_path: Path, width: int) -> None:
    """Wide tables are read another way, to the same end."""
    names = [f"v{i}" for i in range(width)]
    rows = [
        ["1", "a", "", "NA", "-9.0", "B", *["2"] * (width - 7), "x"],
        ["", "b", "7", " 1e1 ", "11", "a", *["3"] * (width - 6)],
    ]
    path = write(tmp_path / "t.csv", "\n".join(",".join(row) for row in [names, *rows]) + "\n")
    kinds = [number(name, missing=("-9",), range=(0, 10)) for name in names]
    kinds[1], kinds[5] = category("v1", "a", "b"), category("v5", "a", "b")
    schema = Schema(variables=tuple(kinds), missing=("NA",))
    reading = read_table(path, schema, extra=("v2",))
    few = read_table(path, Schema(variables=schema.variables[:6], missing=("NA",)))
    np.testing.assert_array_equal(reading.values[:, :6], few.values)
    np.testing.assert_array_equal(reading.problems[:, :6], few.problems)
    P = Problem
    assert reading.problems[:, :6].tolist() == [
        [0, 0, P.MISSING, P.MISSING, P.SENTINEL, P.UNKNOWN_CATEGORY],
        [P.MISSING, 0, 0, 0, P.IMPLAUSIBLE, 0],
    ]
    assert reading.problems[:, 6:].sum() == Problem.NOT_A_NUMBER
    assert reading.texts == {(0, 5): "B", (0, width - 1): "x", (1, 4): "11"}
    assert reading.extra["v2"].tolist() == [None, "7"]


def test_recoding(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "age,sex\n1,F\n2,2.0\n3,1\n")
    reading = read_table(path, AGE_SEX, recode={"sex": {"F": "0", "2": "1"}})
    assert reading.values[:2, 1].tolist() == [0, 1]
    assert reading.problems[2, 1] == Problem.UNKNOWN_CATEGORY  # translated by the list alone


def test_tally(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "a,b\n1,x\n1.0,\n2,x\n")
    assert tally(path) == {"a": {"1": 2, "2": 1}, "b": {"x": 2, "": 1}}
    wide = write(
        tmp_path / "w.csv", "".join(f"c{i}," for i in range(600)) + "a\n" + "1.0,," * 300 + "x\n" + "1,," * 300 + "\n"
    )
    assert tally(wide)["c0"] == {"1": 2}
    assert tally(wide)["c1"] == {"": 2}
    assert tally(wide)["a"] == {"": 1, "x": 1}
