"""Drafted studies: read as they stand where the guesses are right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.cohort import FollowUp, Outcome, assemble, check, draft_study, read_study, split
from bedside.cohort.draft import plausible_range
from bedside.errors import Conflict, DataError, UsageError


def table(tmp_path: Path, rows: int = 60) -> Path:
    rng = np.random.default_rng(0)
    lines = ["patient_id,hospital,visit_date,age,sex,crp (mg/L),stage,note,empty,dose >5,diagnosis"]
    for i in range(rows):
        crp = "?" if i == 3 else "999" if i == 4 else f"{rng.uniform(1, 50):.1f}"
        lines.append(
            f"H{i:04d},{'AB'[i % 2]},2024-01-{1 + i % 28:02d},{rng.integers(20, 90)},{'fm'[i % 2]},{crp},{i % 4 + 1}.0,"
            f'"free text, {i}",,{i % 3},{"malignant" if i % 3 else "benign"}'
        )
    path = tmp_path / "Clinic data.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_draft_is_read_as_it_stands(tmp_path: Path) -> None:
    path = draft_study(table(tmp_path), "diagnosis", tmp_path / "study")
    text = path.read_text()
    study = read_study(path)
    assert path == tmp_path / "study" / "study.toml"
    assert study.name == "clinic-data"
    assert study.data.table == tmp_path / "Clinic data.csv"
    assert 'table = "../Clinic data.csv"' in text
    assert (study.schema.patient, study.schema.site, study.schema.time) == ("patient_id", "hospital", "visit_date")
    assert study.schema.names == ("age", "sex", "crp (mg/L)", "stage", "dose _5")
    age, sex, crp, stage, dose = study.schema.variables
    assert (age.unit, age.kind) == ("a", "number")
    assert sex.categories == ("f", "m")
    assert stage.categories == ("1", "2", "3", "4")
    assert crp.missing == ("999",)
    assert crp.range is not None
    assert 50 < crp.range[1] < 100
    assert crp.range[0] == 0
    assert dose.column == "dose >5"
    assert "?" in study.schema.missing
    assert (study.outcome.column, study.outcome.positive) == ("diagnosis", "malignant")
    assert study.gates == ()
    assert "# auroc = { min" in text
    for name in ("note", "empty"):
        assert f'# CONFIRM: the column "{name}" is left out' in text
    cohort = assemble(study)
    assert len(cohort) == 60


def test_every_guess_is_marked(tmp_path: Path) -> None:
    lines = draft_study(table(tmp_path), "diagnosis", tmp_path / "study").read_text().splitlines()
    guessed = (
        "patient =",
        "site =",
        "time =",
        "missing =",
        "unit =",
        "range =",
        "categories =",
        "positive =",
        'column = "diag',
    )
    for line in lines:
        if line.startswith(guessed):
            assert "# CONFIRM" in line, line


def test_cleveland_needs_only_units_and_the_meaning_of_num(data_dir: Path, tmp_path: Path) -> None:
    study = read_study(draft_study(data_dir / "records" / "uci_heart_cleveland.csv", "diagnosis", tmp_path))
    assert study.outcome.column == "num"
    assert study.outcome.codes == {"0": 0, "1": 1, "2": 1, "3": 1, "4": 1}
    kinds = {variable.name: variable.kind for variable in study.schema.variables}
    assert [name for name, kind in kinds.items() if kind == "number"] == [
        "age",
        "trestbps",
        "chol",
        "thalach",
        "oldpeak",
    ]
    assert study.schema["thal"].categories == ("3", "6", "7")
    assert study.schema["cp"].categories == ("1", "2", "3", "4")
    assert len(kinds) == 13
    for variable in study.schema.variables:
        if variable.range is not None:
            assert variable.range[0] < variable.range[1]


def test_parquet_is_drafted_alike(tmp_path: Path) -> None:
    source = table(tmp_path)
    duckdb.execute(f"COPY (FROM read_csv('{source}', all_varchar = true)) TO '{tmp_path}/t.parquet' (FORMAT parquet)")
    one = draft_study(source, "diagnosis", tmp_path / "a").read_text().splitlines()
    two = draft_study(tmp_path / "t.parquet", "diagnosis", tmp_path / "b").read_text().splitlines()
    assert [pair for pair in zip(one, two, strict=True) if pair[0] != pair[1] and "t.parquet" not in pair[1]] == [
        ('name = "clinic-data"', 'name = "t"')
    ]


@pytest.mark.parametrize(
    ("header", "cell", "outcome", "positive"),
    [
        ("x,died", lambda i: i % 2, "died", "1"),
        ("x,is_smoker,label", lambda i: f"{i % 2},{'yes' if i % 3 else 'no'}", "label", "yes"),
        ("x,thing", lambda i: "present" if i % 2 else "absent", "thing", "present"),
        ("x,thing", lambda i: "rare" if i % 5 == 0 else "usual", "thing", "rare"),
        ("x,outcome_2y", lambda i: "TRUE" if i % 2 else "FALSE", "outcome_2y", "TRUE"),
    ],
)
def test_outcomes(tmp_path: Path, header: str, cell, outcome: str, positive: str) -> None:
    (tmp_path / "t.csv").write_text("\n".join([header, *(f"{i / 7},{cell(i)}" for i in range(40))]) + "\n")
    study = read_study(draft_study(tmp_path / "t.csv", "diagnosis", tmp_path))
    assert (study.outcome.column, study.outcome.positive) == (outcome, positive)


def test_classes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\n".join(["x,target", *(f"{i / 7},{'abc'[i % 3]}" for i in range(40))]) + "\n")
    study = read_study(draft_study(tmp_path / "t.csv", "diagnosis", tmp_path))
    assert study.outcome.classes == ("a", "b", "c")
    assert study.validation.threshold is None


def test_row_numbers_and_identifiers_are_left_out(tmp_path: Path) -> None:
    rows = [f"{i},{9000000 + 31 * i},{i / 3},{i % 2}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["nr,record_id,x,target", *rows]) + "\n")
    text = draft_study(tmp_path / "t.csv", "diagnosis", tmp_path).read_text()
    assert read_study(tmp_path / "study.toml").schema.names == ("x",)
    assert '"nr" is left out: it numbers the rows' in text


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    source = table(tmp_path)
    draft_study(source, "diagnosis", tmp_path)
    (tmp_path / "study.toml").write_text("mine")
    with pytest.raises(Conflict):
        draft_study(source, "diagnosis", tmp_path)
    assert (tmp_path / "study.toml").read_text() == "mine"


def test_what_cannot_be_drafted(tmp_path: Path) -> None:
    source = table(tmp_path)
    with pytest.raises(UsageError, match="no task"):
        draft_study(source, "diagnos", tmp_path / "a")
    with pytest.raises(DataError, match="no column could be the dose"):
        draft_study(source, "dose", tmp_path / "a")
    with pytest.raises(DataError, match="no column could be the treatment"):
        draft_study(source, "treatment", tmp_path / "a")
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i / 7},{i / 3}\n" for i in range(30)))
    with pytest.raises(DataError, match="no column could be the outcome"):
        draft_study(tmp_path / "t.csv", "diagnosis", tmp_path / "a")
    with pytest.raises(DataError, match="no such file"):
        draft_study(tmp_path / "none.csv", "diagnosis", tmp_path / "a")
    assert not (tmp_path / "a").exists()


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_a_plausible_range_holds_what_was_seen(low: float, spread: float) -> None:
    high = low + spread
    least, most = plausible_range(low, high)
    assert least < most
    assert least <= low
    assert high <= most
    assert (least >= 0) == (low >= 0)
    assert (most <= 0) == (high <= 0 and low < 0)


def test_a_drafted_prognosis_is_read_as_it_stands(data_dir: Path, tmp_path: Path) -> None:
    study = read_study(draft_study(data_dir / "prognosis" / "rotterdam.csv", "prognosis", tmp_path / "study"))
    assert study.outcome.column == "death"
    assert study.outcome.classes == ("no event seen", "death")
    assert study.outcome.follow_up == FollowUp(time="dtime", unit="d", horizons=(730, 3650))
    assert {"rtime", "recur", "pid", "rownames"}.isdisjoint(study.schema.names)
    cohort = assemble(study)
    assert not check(study, cohort, split(study, cohort)).errors


def drafted_outcome(tmp_path: Path, days: str, status: Sequence[str], unit: float = 1.0) -> Outcome:
    rng = np.random.default_rng(0)
    lines = [f"age,{days},status"]
    lines += [f"{rng.integers(20, 90)},{rng.uniform(1, 900) * unit:.3f},{status[i % len(status)]}" for i in range(300)]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    study = read_study(draft_study(tmp_path / "t.csv", "prognosis", tmp_path / "study"))
    assert len(assemble(study)) == 300
    return study.outcome


@pytest.mark.parametrize(
    ("days", "size", "unit", "horizons"),
    [
        ("days", 1.0, "d", (180, 730)),
        ("fu_months", 0.03, "mo", (6, 24)),
        ("survival", 0.003, "a", (0.5, 2)),
        ("weeks", 0.1, "wk", (13, 52)),
    ],
)
def test_unit_and_horizons_by_name_or_size(
    tmp_path: Path, days: str, size: float, unit: str, horizons: tuple[float, ...]
) -> None:
    follow_up = drafted_outcome(tmp_path, days, ("0", "1"), size).follow_up
    assert follow_up is not None
    assert (follow_up.time, follow_up.unit, follow_up.horizons) == (days, unit, horizons)


def test_a_third_text_is_drafted_as_competing(tmp_path: Path) -> None:
    outcome = drafted_outcome(tmp_path, "days", ("alive", "dead", "transplanted"))
    assert outcome.codes == {"alive": 0, "dead": 1, "transplanted": 2}


def test_the_column_of_the_first_event_goes_before_a_flag_of_one(tmp_path: Path) -> None:
    """A flag of death beside the days to a recurrence would say that women died on the day of their recurrence."""
    lines = ["age,dtime,death,first,days"]
    for row in range(120):
        first = ("none", "recurrence", "death")[row % 3]
        lines.append(f"{40 + row % 37},{700 + 7 * row},{int(row % 2)},{first},{300 + 5 * row}")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    study = read_study(draft_study(tmp_path / "t.csv", "prognosis", tmp_path / "study"))
    assert study.outcome.follow_up is not None
    assert (study.outcome.column, study.outcome.follow_up.time) == ("first", "days")
    assert set(study.outcome.classes) == {"no event seen", "death", "recurrence"}
    assert [variable.name for variable in study.schema.variables] == ["age"]


def test_a_table_without_times_drafts_no_prognosis(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column could be the time"):
        draft_study(table(tmp_path), "prognosis", tmp_path / "study")


def test_repeated_visits_are_asked_about(data_dir: Path, tmp_path: Path) -> None:
    text = draft_study(data_dir / "prognosis" / "pbc2.csv", "prognosis", tmp_path / "visits").read_text()
    assert "# landmarks = [" in text
    assert 'competing = { "transplanted" = "transplanted" }' in text
    text = draft_study(data_dir / "prognosis" / "rotterdam.csv", "prognosis", tmp_path / "once").read_text()
    assert "landmarks" not in text


def treated_table(tmp_path: Path, header: str, cell) -> Path:
    rng, path = np.random.default_rng(2), tmp_path / "trial.csv"
    lines = [f"{i},{rng.integers(30, 80)},{cell(i, rng)}" for i in range(120)]
    path.write_text(f"pid,age,{header}\n" + "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("header", "cell", "kind"),
    [
        ("arm,improved", lambda i, rng: f"{['Placebo', 'New'][i % 2]},{rng.choice(['TRUE', 'FALSE'])}", "positive"),
        ("treat,rx,days,death", lambda i, rng: f"{int(i % 3 > 0)},{i % 3},{i % 97 + 30},{i % 2}", "until"),
    ],
)
def test_a_treatment_is_drafted_and_read(tmp_path: Path, header: str, cell, kind: str) -> None:
    path = draft_study(treated_table(tmp_path, header, cell), "treatment", tmp_path / "s")
    study = read_study(path)
    assert study.outcome.treatment is not None
    assert study.outcome.treatment.arms[0] in ("Placebo", "0")
    assert len(study.outcome.treatment.arms) == (3 if "rx" in header else 2)
    assert (study.outcome.follow_up is not None) == (kind == "until")
    assert study.schema.names == ("age",), "what repeats the treatment, or follows from it, is no predictor"
    assert study.validation.alpha == 0.05
    assert not study.outcome.treatment.randomised
    path.write_text(path.read_text().replace("# propensity", "propensity"))
    assert read_study(path).outcome.treatment.randomised


def test_a_dose_is_drafted_and_read(tmp_path: Path) -> None:
    header = "starting_dose,stable_dose,INR_on_dose"
    source = treated_table(tmp_path, header, lambda i, rng: f"{i % 7 + 1},{rng.gamma(6, 6) + 1:.1f},{2 + i % 9 / 10}")
    study = read_study(draft_study(source, "dose", tmp_path / "s"))
    assert study.outcome.column == "stable_dose"
    assert study.schema.names == ("age",)
    low, high = study.outcome.quantity.range
    assert 0 < low < high
    assert study.validation.threshold is None
