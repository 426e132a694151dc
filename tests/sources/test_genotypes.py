"""A genotype is the same category however it is written: in a table and at the bedside."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedside.errors import ValueRefused
from bedside.sources import Matrix, Problem, Schema, Variable, read_matrix, read_patient, read_table

NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
SCHEMA = Schema(
    variables=(
        Variable(
            name="CYP2C9",
            kind="category",
            label="CYP2C9",
            gene="CYP2C9",
            categories=("*1/*1", "*1/*3", "*2/*3"),
            missing=("9",),
        ),
        Variable(name="VKORC1", kind="category", label="VKORC1", gene="VKORC1", categories=("G/G", "A/G", "A/A")),
        Variable(
            name="metaboliser",
            kind="category",
            label="CYP2C19",
            gene="CYP2C19",
            categories=("Poor Metabolizer", "Intermediate Metabolizer", "Normal Metabolizer"),
        ),
    ),
    missing=("", "NA"),
)
TEXTS = [
    *["*1/*1", "*3/*1", "*1|*3", " *1/*3 ", "CYP2C9*2/*3", "*5/*6", "*1/*99", "Unknown", "", "NA", "9", "wild type"],
    *["A/G", "GA", "rs9923231 C/T", "A/T", "*2/*2", "*1/*17", "*2/*1", "Poor Metabolizer", "1", "é"],
]


def read(tmp_path: Path, name: str, texts: list[str], *, wide: int = 0) -> tuple[list[float], list[Problem], dict]:
    variable = SCHEMA[name]
    others = tuple(Variable(name=f"x{i}", kind="number", label="x") for i in range(wide))
    path = tmp_path / "t.csv"
    head = ",".join([name, "end", *(other.name for other in others)])
    quoted = ['"' + text.replace('"', '""') + '",1' + ",1" * wide for text in texts]
    path.write_text("\n".join([head, *quoted]) + "\n")
    found = read_table(path, Schema(variables=(variable, *others), missing=SCHEMA.missing))
    problems = [Problem(int(problem)) for problem in found.problems[:, 0]]
    return found.values[:, 0].tolist(), problems, {row: text for (row, _), text in found.texts.items()}


def test_a_table_counts_what_it_cannot_call(tmp_path: Path) -> None:
    texts = ["*1/*1", "*3/*1", "CYP2C9*3/*2", "*1/*99", "wild type", "Unknown", "", "9", "*5/*6"]
    values, problems, kept = read(tmp_path, "CYP2C9", texts)
    P = Problem
    assert values[:3] == [0, 1, 2]
    assert np.isnan(values[3:]).all()  # none of them is ever *1/*1
    assert problems[3:] == [P.NOT_CALLABLE, P.NOT_CALLABLE, P.MISSING, P.MISSING, P.MISSING, P.OTHER_GENOTYPE]
    assert kept == {3: "*1/*99", 4: "wild type", 8: "*5/*6"}


def test_either_strand_and_phenotypes(tmp_path: Path) -> None:
    assert read(tmp_path, "VKORC1", ["G/A", "ag", "C/T", "TT", "C/C", "-1639 A/A"])[0] == [1, 1, 1, 2, 0, 2]
    values, problems, _ = read(tmp_path, "metaboliser", ["*2/*2", "*1/*2", "Poor Metabolizer", "*1/*1", "*1/*17"])
    assert values[:4] == [0, 1, 0, 2]
    assert problems[4] == Problem.OTHER_GENOTYPE  # a rapid metaboliser, of whom the model never learned


def test_a_very_wide_table_is_read_alike(tmp_path: Path) -> None:
    texts = ["*3/*1", "*1/*99", "*5/*6", "Unknown"]
    wide, narrow = read(tmp_path, "CYP2C9", texts, wide=520), read(tmp_path, "CYP2C9", texts)
    np.testing.assert_array_equal(wide[0], narrow[0])
    assert wide[1:] == narrow[1:]


def test_at_the_bedside_an_unknown_allele_is_refused_by_name() -> None:
    with pytest.raises(ValueRefused) as caught:
        read_patient(SCHEMA, {"CYP2C9": "*1/*99", "VKORC1": "A/X"}, now=NOW)
    assert "'*99' in '*1/*99' is no known allele of CYP2C9" in caught.value.problems["CYP2C9"]
    assert "'X' in 'A/X' is no known allele of VKORC1" in caught.value.problems["VKORC1"]


def test_at_the_bedside_a_genotype_that_the_model_never_saw_is_noted() -> None:
    reading = read_patient(SCHEMA, {"CYP2C9": {"value": "*6/*5"}, "VKORC1": "not callable"}, now=NOW)
    assert np.isnan(reading.values).all()
    assert reading.problems[0].tolist() == [Problem.OTHER_GENOTYPE, Problem.MISSING, Problem.MISSING]
    assert reading.texts == {(0, 0): "*6/*5"}


def test_many_patients_as_texts_are_read_alike() -> None:
    matrix = Matrix.unknown(SCHEMA, 3)
    matrix.words(0, ["*3/*1", "*5/*6", "Unknown"])
    reading = read_matrix(matrix)
    np.testing.assert_array_equal(reading.values[:, 0], [1, np.nan, np.nan])
    assert reading.texts == {(1, 0): "*5/*6"}
    matrix.words(0, ["*1/*99", "*1/*1", "*1/*1"])
    with pytest.raises(ValueRefused, match=r"row 1: '\*99'"):
        read_matrix(matrix)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(SCHEMA.names), texts=st.lists(st.sampled_from(TEXTS), min_size=1, max_size=8))
def test_the_bedside_reads_as_the_table_does(tmp_path: Path, name: str, texts: list[str]) -> None:
    values, problems, _ = read(tmp_path, name, texts)
    place = SCHEMA.names.index(name)
    for text, value, problem in zip(texts, values, problems, strict=True):
        if problem == Problem.NOT_CALLABLE:
            with pytest.raises(ValueRefused):
                read_patient(SCHEMA, {name: text}, now=NOW)
            continue
        bedside = read_patient(SCHEMA, {name: text}, now=NOW)
        assert bedside.problems[0, place] == problem, text
        np.testing.assert_array_equal(bedside.values[0, place], value)


def test_the_genotypes_of_the_iwpc_are_all_read(data_dir: Path, tmp_path: Path) -> None:
    """Real genotypes as laboratories wrote them (International Warfarin Pharmacogenetics Consortium, NEJM 2009)."""
    import csv
    import gzip
    from collections import Counter

    path = data_dir / "treatment" / "iwpc_warfarin_dev.csv.gz"
    if not path.is_file():
        pytest.skip(f"public data not found in {path}; set BEDSIDE_DATA")
    with gzip.open(path, "rt") as stream:
        rows = list(csv.DictReader(stream))
    for name, column in (("CYP2C9", "CYP2C9 consensus"), ("VKORC1", "VKORC1 -1639 consensus")):
        texts = [row[column] for row in rows]
        values, problems, _ = read(tmp_path, name, texts)
        counted = Counter(texts)
        assert Problem.NOT_CALLABLE not in problems
        declared = SCHEMA[name].categories or ()
        assert [values.count(code) for code in range(len(declared))] == [counted[text] for text in declared]
        assert problems.count(Problem.MISSING) == counted[""]
        others = sum(count for text, count in counted.items() if text and text not in declared)
        assert problems.count(Problem.OTHER_GENOTYPE) == others
