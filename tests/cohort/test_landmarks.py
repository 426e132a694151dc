"""Repeated visits become one row for each landmark and patient at risk, and nothing after the landmark enters."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bedside.cohort import assemble, check, external_cohort, read_study, split
from bedside.errors import DataError, StudyError
from bedside.sources import Problem, read_map

STUDY = """\
[study]
name = "visits"
version = "1.0.0"
task = "prognosis"
intended_use = "Supports a test."
population = "Invented patients"

[data]
table = "visits.csv"
patient = "pid"

[predictors.lab]
unit = "mg/dL"
range = [0, 100]
max_age = "400 d"

[predictors.stage]
categories = ["1", "2"]

[predictors.seen]
label = "Time since diagnosis"

[outcome]
time = "years"
event = "end"
event_value = "dead"
unit = "a"
horizons = [1, 3]
landmarks = [0, 2]
visit = "seen"

[validation]
holdout = 0.25
threshold = 0.2
seed = 7
"""
PATIENTS = 160


def visits() -> list[dict[str, Any]]:
    """Each patient is seen at 0, then about every ten months until the end; the lab is the time of its visit."""
    rng = np.random.default_rng(5)
    rows = []
    for number in range(PATIENTS):
        dies, leaves = rng.exponential(8), rng.uniform(3, 9)
        years = round(min(dies, leaves) + 0.01, 4)
        for seen in np.arange(0, years, 0.8).round(4).tolist():
            course = {"pid": f"p{number:03}", "years": years, "end": "dead" if dies <= leaves else "alive"}
            rows.append(course | {"seen": seen, "lab": 10 + seen, "stage": 1 + number % 2})
    return rows


def patient(name: str, years: float, end: str, *seen: tuple[float, Any]) -> list[dict[str, Any]]:
    """A planted patient: visits as (time, lab)."""
    return [{"pid": name, "years": years, "end": end, "seen": time, "lab": lab, "stage": 1} for time, lab in seen]


def written(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def study(folder: Path, rows: Sequence[Mapping[str, Any]], *replacements: tuple[str, str]):
    text = STUDY
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new)
    written(folder / "visits.csv", rows)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return read_study(folder / "study.toml")


def rows_of(cohort, name: str) -> dict[float, dict[str, Any]]:
    """Landmark → what the row of one patient says."""
    found = {}
    for row in np.flatnonzero(cohort.patient == name).tolist():
        lab, stage, seen = cohort.reading.values[row].tolist()
        age = cohort.reading.ages_days[row, 0]
        found[float(cohort.landmark[row])] = {
            "lab": lab, "stage": stage, "seen": seen, "age": age,
            "followed": float(cohort.followed[row]), "outcome": int(cohort.outcome[row]),
        }  # fmt: skip
    return found


def test_each_landmark_has_the_last_values_known_by_then_and_counts_from_there(tmp_path: Path) -> None:
    planted = patient("just", 5.0, "dead", (0, 1), (1.9999, 2), (2.0, 3), (2.0001, 99), (4.0, 98))
    found = assemble(study(tmp_path, [*visits(), *planted]))
    just = rows_of(found, "just")
    assert just[0.0] == {"lab": 1, "stage": 0, "seen": 0, "age": 0, "followed": 5, "outcome": 1}
    assert just[2.0] == {"lab": 3, "stage": 0, "seen": 2, "age": 0, "followed": 3, "outcome": 1}
    # In the table the lab tells when it was measured.
    for row in np.flatnonzero(found.patient != "just").tolist():
        last = 1.6 if found.landmark[row] == 2 else 0.0
        assert found.reading.values[row, 0] == pytest.approx(10 + last)
        assert found.reading.ages_days[row, 0] == pytest.approx(365.25 * (found.landmark[row] - last))
    assert found.entered is None


def test_the_future_never_enters(tmp_path: Path) -> None:
    """Whatever stands in later visits, and how the table is sorted, changes nothing at a landmark."""
    rows = visits()
    plain = assemble(study(tmp_path, rows))
    spoiled = [row | ({"lab": 77.7, "stage": 2} if row["seen"] > 2 else {}) for row in rows]
    spoiled += [row | {"seen": row["seen"] + 0.0005, "lab": 55.5} for row in rows if row["seen"] >= 2]
    order = np.random.default_rng(1).permutation(len(spoiled))
    again = assemble(study(tmp_path, [spoiled[position] for position in order]))
    for name in ("patient", "landmark", "followed", "outcome"):
        assert (getattr(plain, name) == getattr(again, name)).all()
    assert np.array_equal(plain.reading.values, again.reading.values)
    assert np.array_equal(plain.reading.ages_days, again.reading.ages_days)


@pytest.mark.parametrize(
    ("years", "end", "seen", "landmarks"),
    [
        (2.0, "dead", [(0, 1), (1, 1)], {0.0}),  # the event exactly at the landmark is no longer ahead
        (2.0, "alive", [(0, 1), (1, 1)], {0.0}),  # nor is any follow-up
        (2.0001, "dead", [(0, 1), (1, 1)], {0.0, 2.0}),
        (5.0, "dead", [(2.0, 1)], {2.0}),  # a first visit exactly at the landmark counts
        (5.0, "dead", [(2.0001, 1)], set()),
        (5.0, "dead", [(-1.0, 1)], {0.0, 2.0}),  # known from before the index time
    ],
)
def test_who_is_at_risk_at_a_landmark(
    tmp_path: Path, years: float, end: str, seen: list[tuple[float, Any]], landmarks: set[float]
) -> None:
    found = assemble(study(tmp_path, [*visits(), *patient("planted", years, end, *seen)]))
    assert set(rows_of(found, "planted")) == landmarks


def test_who_entered_later_is_not_under_observation(tmp_path: Path) -> None:
    rows = [row | {"since": 0} for row in visits()]
    rows += [row | {"since": 2.0} for row in patient("at", 5.0, "dead", (0, 1))]
    rows += [row | {"since": 2.1} for row in patient("after", 5.0, "dead", (0, 1))]
    found = assemble(study(tmp_path, rows, ('visit = "seen"', 'visit = "seen"\nentry = "since"')))
    assert set(rows_of(found, "at")) == {2.0}
    assert not rows_of(found, "after")


def test_a_value_that_was_not_measured_leaves_the_earlier_one_and_an_unusable_one_does_not(tmp_path: Path) -> None:
    planted = patient("gap", 5.0, "dead", (0, 1), (1, ""), (1.5, "NA"))
    planted += patient("odd", 5.0, "dead", (0, 1), (1, 5000), (1.5, ""))
    planted += patient("never", 5.0, "dead", (0, ""), (1, ""))
    found = assemble(study(tmp_path, [*visits(), *planted]))
    assert rows_of(found, "gap")[2.0]["lab"] == 1
    assert rows_of(found, "gap")[2.0]["age"] == pytest.approx(730.5)
    (odd,) = np.flatnonzero((found.patient == "odd") & (found.landmark == 2))
    assert np.isnan(found.reading.values[odd, 0])
    assert found.reading.problems[odd, 0] == Problem.IMPLAUSIBLE
    assert found.reading.texts[int(odd), 0] == "5000"
    (never,) = np.flatnonzero((found.patient == "never") & (found.landmark == 2))
    assert found.reading.problems[never, 0] == Problem.MISSING


@pytest.mark.parametrize("column", ["years", "end"])
def test_rows_of_a_patient_tell_one_course(tmp_path: Path, column: str) -> None:
    planted = patient("two", 5.0, "dead", (0, 1), (1, 1))
    planted[1][column] = {"years": 5.5, "end": "alive"}[column]
    with pytest.raises(DataError, match=f"'{column}' differs between rows of 1 patient") as caught:
        assemble(study(tmp_path, [*visits(), *planted]))
    rows = len(visits())
    assert f"row {rows + 1} (line {rows + 2}) and row {rows + 2}" in caught.value.what


def test_two_visits_at_one_time_are_refused_and_a_copy_is_dropped(tmp_path: Path) -> None:
    copied = patient("copy", 5.0, "dead", (0, 1), (1, 2), (1, 2))
    assert rows_of(assemble(study(tmp_path, [*visits(), *copied])), "copy")[2.0]["lab"] == 2
    with pytest.raises(DataError, match="two visits at the same time"):
        assemble(study(tmp_path, [*visits(), *patient("two", 5.0, "dead", (0, 1), (1, 2), (1, 3))]))


def test_attrition_and_check_tell_how_many_are_at_risk(tmp_path: Path) -> None:
    rows = [*visits(), *patient("late", 5.0, "dead", (1, 1)), *patient("undated", 5.0, "dead", (0, 1), ("", 2))]
    asked = study(tmp_path, rows)
    found = assemble(asked)
    at_two = len({row["pid"] for row in rows if row["years"] > 2})
    steps = {step.step: step.rows for step in found.attrition}
    first = PATIENTS + 1
    assert steps["after dropping visits without a time"] == len(rows) - 1
    assert steps[f"at the landmark 0 a, one row for each patient at risk: {first}, 1 others have no visit by then"]
    assert steps[f"at the landmark 2 a, one row for each patient at risk: {at_two}"] == first + at_two == len(found)
    told = check(asked, found, split(asked, found))
    notes = [one.text for one in told.findings if one.code == "landmark"]
    assert [note.split(";")[0] for note in notes] == [
        f"{first} patients are at risk then",
        f"{at_two} patients are at risk then",
    ]
    # A patient is counted once, not once for each landmark.
    assert told.sample_size[0].available + len(set(found.patient[split(asked, found).held_out])) == told.patients
    assert sum(told.follow_up.events.values()) == len({row["pid"] for row in rows if row["end"] == "dead"})


def test_a_patient_is_on_one_side_of_the_split_with_all_landmarks(tmp_path: Path) -> None:
    asked = study(tmp_path, visits())
    found = assemble(asked)
    parts = split(asked, found)
    held, rest = (set(found.patient[index].tolist()) for index in (parts.held_out, parts.development))
    assert len(found) > len(held) + len(rest)
    assert not held & rest


def test_a_landmark_that_hardly_anybody_is_followed_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the horizon 3 a is out of reach") as caught:
        assemble(study(tmp_path, visits(), ("landmarks = [0, 2]", "landmarks = [0, 6]")))
    assert "landmark 6 a" in caught.value.where


WRONG = [
    ("landmarks = [0, 2]\n", "", "visit goes with landmarks", "outcome.visit"),
    ('visit = "seen"\n', "", "landmarks goes with visit", "outcome.landmarks"),
    ("landmarks = [0, 2]", "landmarks = [2, 0]", "do not ascend", "outcome.landmarks"),
    ("landmarks = [0, 2]", "landmarks = [-1, 2]", "a time from 0 on", "outcome.landmarks"),
    ("landmarks = [0, 2]", "landmarks = []", "no landmark is declared", "outcome.landmarks"),
    ("landmarks = [0, 2]", "landmarks = [0]", "one landmark only", "predictors.seen"),
    ('visit = "seen"', 'visit = "sene"', "no column 'sene'", "outcome.visit"),
    ('visit = "seen"', 'visit = "seen"\nend = 4', "ends at 5, after end = 4", "outcome.landmarks"),
    ('patient = "pid"\n', "", "visits need their patient", "data"),
    ('"Time since diagnosis"', '"T"\nunit = "d"', "in the unit of all times, 'a'", "predictors.seen.unit"),
    ('"Time since diagnosis"', '"T"\nrange = [1, 5]', "landmark 0 lies outside", "predictors.seen.range"),
    ('"Time since diagnosis"', '"T"\ncategories = ["0", "0.8"]', "a time, not a category", "categories"),
]


@pytest.mark.parametrize(("old", "new", "what", "where"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_what_is_declared_wrong(tmp_path: Path, old: str, new: str, what: str, where: str) -> None:
    with pytest.raises(StudyError) as caught:
        study(tmp_path, visits(), (old, new))
    assert what in caught.value.what
    assert where in caught.value.where


def test_the_predictor_of_the_visit_is_the_landmark(tmp_path: Path) -> None:
    variable = study(tmp_path, visits()).schema["seen"]
    assert (variable.range, variable.unit) == ((0, 2), "a")
    without = study(tmp_path, visits(), ('[predictors.seen]\nlabel = "Time since diagnosis"\n', ""))
    assert assemble(without).reading.values.shape[1] == 2


def test_another_hospital_counts_its_visits_in_days(tmp_path: Path) -> None:
    asked = study(tmp_path, visits())
    theirs = [
        {"mrn": 1, "days": 365.25 * 5, "fate": "D", "day": 0, "lab": 1, "stage": 1},
        {"mrn": 1, "days": 365.25 * 5, "fate": "D", "day": 365.25 * 2, "lab": 2, "stage": 1},
        {"mrn": 1, "days": 365.25 * 5, "fate": "D", "day": 365.25 * 2 + 1, "lab": 99, "stage": 2},
        {"mrn": 2, "days": 400, "fate": "A", "day": -3, "lab": "?", "stage": 2},
    ]
    written(tmp_path / "theirs.csv", theirs)
    (tmp_path / "map.toml").write_text(
        '[outcome]\ncolumn = "fate"\ntime = "days"\nvisit = "day"\nunit = "d"\n'
        '[outcome.codes]\nD = "dead"\nA = "no event seen"\n[patient]\ncolumn = "mrn"\n'
    )
    found = external_cohort(asked.schema, asked.outcome, tmp_path / "theirs.csv", read_map(tmp_path / "map.toml"))
    assert found.patient.tolist() == ["1", "1", "2"]
    assert found.landmark.tolist() == found.reading.values[:, 2].tolist() == [0, 2, 0]
    assert found.followed == pytest.approx([5, 3, 400 / 365.25])
    assert found.reading.values[:2, 0].tolist() == [1, 2]
    # A text that is no number stands, and the judge abstains.
    assert found.reading.problems[2, 0] == Problem.NOT_A_NUMBER
    assert found.reading.texts[2, 0] == "?"


def test_a_landmark_that_the_other_hospital_does_not_reach_is_left_out(tmp_path: Path) -> None:
    asked = study(tmp_path, visits())
    short = [row | {"years": min(row["years"], 1.5), "end": "alive"} for row in visits() if row["seen"] <= 1]
    found = external_cohort(asked.schema, asked.outcome, written(tmp_path / "theirs.csv", short))
    assert set(found.landmark.tolist()) == {0.0}
