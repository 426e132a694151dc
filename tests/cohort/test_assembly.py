"""From rows read to rows used: attrition, wrong cells, digests, the other hospital."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest

from bedside.cohort import Outcome, assemble, external_cohort, read_study, subgroup_masks
from bedside.errors import DataError
from bedside.sources import Problem, read_map


def steps(cohort) -> list[tuple[int, int]]:
    return [(step.rows, step.removed) for step in cohort.attrition]


def test_attrition_counts_every_row_once(make, patients) -> None:
    columns = patients()
    for name in columns:
        columns[name] = [*columns[name], columns[name][0]]  # row 201 repeats row 1
    columns["ill"][3] = columns["ill"][4] = "NA"
    columns["seen"][5] = ""
    path = make(columns=columns, rows=0)
    whole = assemble(read_study(path))
    assert steps(whole) == [(201, 0), (200, 1), (198, 2), (198, 0)]
    assert len(whole) == 198
    assert np.isnat(whole.time).sum() == 1
    dated = assemble(read_study(make(("holdout = 0.25", "after = 2023-01-01"), columns=columns, rows=0)))
    assert steps(dated) == [(201, 0), (200, 1), (198, 2), (197, 1), (197, 0)]
    assert 201 not in dated.reading.rows


def test_the_fields_of_a_cohort(make, patients) -> None:
    columns = patients()
    columns["chol"][:3] = ["0", "900", "0.0"]
    columns["hospital"][0] = ""
    cohort = assemble(read_study(make(columns=columns)))
    assert cohort.outcome.tolist() == [int(one == "yes") for one in columns["ill"]]
    assert cohort.patient.tolist() == columns["pid"]
    assert cohort.site.tolist() == ["not stated", *columns["hospital"][1:]]
    assert cohort.time.astype(str).tolist() == columns["seen"]
    assert cohort.reading.problems[:4, 1].tolist() == [Problem.SENTINEL, Problem.IMPLAUSIBLE, Problem.SENTINEL, 0]
    np.testing.assert_array_equal(cohort.reading.values[:, 2], [int(one == "m") for one in columns["sex"]])


def test_wrong_cells_are_listed_with_rows_lines_and_remedy(make, patients) -> None:
    columns = patients()
    for row in range(7):
        columns["age"][row] = "61,5"
    with pytest.raises(DataError) as caught:
        assemble(read_study(make(columns=columns)))
    said = caught.value.what
    assert "7 cells" in said
    assert said.count("'61,5'") == 5
    assert "row 1 (line 2), column 'age'" in said
    assert "and 2 more" in said
    assert "decimal comma" in caught.value.remedy


@pytest.mark.parametrize(("text", "remedy"), [("<5", "limit of detection"), ("n.d.", '"n.d."')])
def test_the_remedy_fits_the_text(make, patients, text: str, remedy: str) -> None:
    columns = patients()
    columns["age"][9] = text
    with pytest.raises(DataError, match=r"row 10 \(line 11\)") as caught:
        assemble(read_study(make(columns=columns)))
    assert remedy in caught.value.remedy


def test_unknown_categories(make, patients) -> None:
    columns = patients()
    columns["sex"][2] = "F"
    with pytest.raises(DataError, match="not a declared category: row 3") as caught:
        assemble(read_study(make(columns=columns)))
    assert 'Add "F" to the categories of sex' in caught.value.remedy


def test_a_row_without_a_patient_and_a_bad_date(make, patients) -> None:
    columns = patients()
    columns["pid"][1] = ""
    with pytest.raises(DataError, match="1 rows name no patient"):
        assemble(read_study(make(columns=columns)))
    columns = patients()
    columns["seen"][1] = "2023-02-30"
    with pytest.raises(DataError, match="'2023-02-30' in the column 'seen' is no date") as caught:
        assemble(read_study(make(columns=columns)))
    assert "row 2 (line 3)" in caught.value.where


def test_the_same_data_in_parquet_is_the_same_cohort(make, tmp_path: Path) -> None:
    path = make()
    as_csv = assemble(read_study(path))
    table = tmp_path / "patients.csv"
    duckdb.execute(
        f"COPY (FROM read_csv('{table}', types = {{'ill': 'VARCHAR'}})) "
        f"TO '{tmp_path}/patients.parquet' (FORMAT parquet)"
    )
    types = duckdb.execute(f"DESCRIBE FROM '{tmp_path}/patients.parquet'").fetchall()
    assert {row[1] for row in types} >= {"DOUBLE", "DATE"}
    as_parquet = assemble(read_study(make(("patients.csv", "patients.parquet"))))
    assert as_parquet.digest == as_csv.digest
    assert as_parquet.source_digest != as_csv.source_digest
    np.testing.assert_array_equal(as_parquet.reading.values, as_csv.reading.values)


def test_the_digest_changes_with_any_value_and_with_the_order(make, patients) -> None:
    first = assemble(read_study(make())).digest
    assert assemble(read_study(make())).digest == first
    columns = patients()
    others = {"age": 44.4, "pid": "new", "hospital": "north", "seen": "2019-01-01"}
    others["sex"] = {"f": "m", "m": "f"}[columns["sex"][5]]
    others["ill"] = {"yes": "no", "no": "yes"}[columns["ill"][5]]
    assert columns["hospital"][5] != "north"
    for name, value in others.items():
        changed = {key: list(values) for key, values in columns.items()}
        changed[name][5] = value
        assert assemble(read_study(make(columns=changed))).digest != first, name
    backwards = {key: values[::-1] for key, values in columns.items()}
    assert assemble(read_study(make(columns=backwards))).digest != first


def test_equal_rows_of_unnamed_patients_are_kept_where_chance_explains_them(make) -> None:
    """Three binary predictors have eight rows in all: equal ones are other patients."""
    text = make().read_text()
    start, end = text.index("[predictors.age]"), text.index("[predictors.sex]")
    text = text[:start] + text[end:]
    for line in ('patient = "pid"\n', 'site = "hospital"\n', 'time = "seen"\n'):
        text = text.replace(line, "")
    cohort = assemble(read_study(make(text=text)))
    assert steps(cohort)[1] == (200, 0)
    assert cohort.patient[:2].tolist() == ["1", "2"]


def test_the_one_repeated_row_of_the_hungarian_file(make, data_dir: Path) -> None:
    from bedside.cohort import draft_study

    path = draft_study(data_dir / "records" / "uci_heart_hungarian.csv", "diagnosis", make().parent / "drafted")
    assert steps(assemble(read_study(path))) == [(294, 0), (293, 1), (293, 0), (293, 0)]


def test_the_other_hospital(make, tmp_path: Path) -> None:
    study = read_study(make())
    (tmp_path / "theirs.csv").write_text("alter,sex,dx,mrn\n61,F,CAD,1\n50,M,none,1\nx,?,CAD,2\n40,M,,3\n")
    (tmp_path / "map.toml").write_text(
        '[columns]\nage = "alter"\n[categories.sex]\nF = "f"\nM = "m"\n[outcome]\ncolumn = "dx"\n'
        '[outcome.codes]\nCAD = "yes"\nnone = "no"\n[patient]\ncolumn = "mrn"\n'
    )
    cohort = external_cohort(study.schema, study.outcome, tmp_path / "theirs.csv", read_map(tmp_path / "map.toml"))
    assert cohort.outcome.tolist() == [1, 0, 1]
    assert cohort.patient.tolist() == ["1", "1", "2"]
    assert cohort.site is None
    P = Problem
    assert cohort.reading.problems.tolist() == [
        [0, P.ABSENT, 0],
        [0, P.ABSENT, 0],
        [P.NOT_A_NUMBER, P.ABSENT, P.UNKNOWN_CATEGORY],
    ]
    assert steps(cohort) == [(4, 0), (4, 0), (3, 1), (3, 0)]


def test_the_other_hospital_may_use_class_names(make, tmp_path: Path) -> None:
    study = read_study(make())
    outcome = Outcome(column="ill", classes=("negative", "positive"), positive="positive", codes={"1": 1, "0": 0})
    (tmp_path / "theirs.csv").write_text("age,chol,ill\n61,200,positive\n50,210,0\n51,210,1.0\n")
    assert external_cohort(study.schema, outcome, tmp_path / "theirs.csv").outcome.tolist() == [1, 0, 1]
    (tmp_path / "theirs.csv").write_text("age,chol,ill\n61,200,maybe\n")
    with pytest.raises(DataError, match="'maybe' \\(1\\), which is none of the classes") as caught:
        external_cohort(study.schema, outcome, tmp_path / "theirs.csv")
    assert "outcome.codes" in caught.value.remedy
    (tmp_path / "theirs.csv").write_text("a,ill\n61,1\n")
    with pytest.raises(DataError, match="no column 'age'"):
        external_cohort(study.schema, outcome, tmp_path / "theirs.csv")


def test_subgroups(make, patients) -> None:
    columns = patients()
    columns["age"][0] = "NA"
    study = read_study(
        make(("threshold = 0.2", 'subgroups = ["sex", "age >= 65", "age != 44", "sex != f"]'), columns=columns)
    )
    cohort = assemble(study)
    found = dict(subgroup_masks(study.validation.subgroups, study.schema, cohort.reading, cohort.site))
    age = np.array([np.nan, *columns["age"][1:]], dtype=float)
    assert list(found)[:2] == ["sex = f", "sex = m"]
    assert list(found)[-3:] == ["site = north", "site = south", "site = west"]
    np.testing.assert_array_equal(found["age >= 65"], age >= 65)
    assert not found["age != 44"][0]
    np.testing.assert_array_equal(found["sex != f"], found["sex = m"])
    np.testing.assert_array_equal(found["site = south"], np.array(columns["hospital"]) == "south")
