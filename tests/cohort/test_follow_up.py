"""From times to a cohort: who cannot be used is counted, what no table should hold is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rotterdam
from courses import OUTCOME, TASK, followed

from bedside.cohort import assemble, external_cohort, read_study, split
from bedside.errors import DataError
from bedside.sources import read_map

ENTRY = ("horizons = [100, 300]", 'horizons = [100, 300]\nentry = "since"')


def cohort(make, *replacements: tuple[str, str], **changes: dict[int, Any]):
    """The cohort of an invented table in which some cells are changed."""
    columns = followed()
    for name, cells in changes.items():
        for row, value in cells.items():
            columns[name][row] = value
    return assemble(read_study(make(TASK, OUTCOME, *replacements, columns=columns)))


def removed(found) -> dict[str, int]:
    return {step.step: step.removed for step in found.attrition if step.removed}


def test_times_and_events_row_by_row(make) -> None:
    found, table = cohort(make), followed()
    assert found.followed.tolist() == table["days"]
    assert found.outcome.tolist() == [int(text == "dead") for text in table["end"]]
    assert found.entered is None
    assert not removed(found)


def test_who_was_not_followed_is_counted(make) -> None:
    found = cohort(
        make, ENTRY,
        days={0: "NA", 1: 0, 2: 0, 6: 50}, end={1: "dead", 2: "alive", 3: "NA"}, since={4: "NA", 5: 700, 6: 50},
    )  # fmt: skip
    assert removed(found) == {
        "after dropping rows without an outcome": 1,
        "after dropping rows without a time": 1,
        "after dropping rows with an event at time 0, when it cannot be foreseen": 1,
        "after dropping rows whose follow-up ends at time 0": 1,
        "after dropping rows without a time of entry": 1,
        "after dropping rows that entered when their follow-up was over": 2,
    }
    assert len(found) == 193
    assert (found.entered < found.followed).all()


def test_nothing_after_the_end_of_follow_up_counts(make) -> None:
    table = followed()
    days, died = np.array(table["days"]), np.array(table["end"]) == "dead"
    found = cohort(make, ("horizons = [100, 300]", "horizons = [100, 300]\nend = 350"))
    later = int((died & (days > 350)).sum())
    assert later > 5
    assert any(f"of which {later} have an event after the end" in step.step for step in found.attrition)
    assert found.followed.tolist() == np.minimum(days, 350).tolist()
    assert found.outcome.tolist() == (died & (days <= 350)).astype(int).tolist()


# what changes, a part of the message, a part of the remedy
REFUSED = [
    ({"days": {7: "-3"}}, "1 cell is negative in the column 'days'", "index time"),
    ({"days": {7: "ten", 9: "1,5"}}, "2 cells are no number in the column 'days'", "missing"),
    ({"days": {7: 43831}}, "1 cell is beyond 120 years in the column 'days'", "unit"),
    ({"days": {7: "1,5"}}, "'1,5'", "decimal point"),
    ({"days": {7: "2020-03-01"}}, "'2020-03-01'", "days from the index date"),
    ({"days": dict.fromkeys(range(190), 150)}, "the horizon 300 d is out of reach", "same unit"),
    (
        {"days": {row: 101 + 2 * row for row in range(200)} | {3: 50}, "end": {3: "alive"}},
        "nobody has the event by the first horizon, 100 d",
        "unit",
    ),
]


@pytest.mark.parametrize(("changes", "what", "remedy"), REFUSED, ids=[case[1] for case in REFUSED])
def test_what_no_table_should_hold_is_refused(make, changes: dict[str, Any], what: str, remedy: str) -> None:
    with pytest.raises(DataError) as caught:
        cohort(make, **changes)
    assert what in caught.value.what
    assert remedy in caught.value.remedy


def test_an_error_names_the_row(make) -> None:
    with pytest.raises(DataError, match=r"row 8 \(line 9\): '-3'"):
        cohort(make, days={7: "-3"})


def test_several_rows_of_a_patient_are_refused(make) -> None:
    columns = followed() | {"pid": [f"p{row // 2}" for row in range(200)]}
    with pytest.raises(DataError, match="100 of 100 patients have several rows"):
        assemble(read_study(make(TASK, OUTCOME, columns=columns)))


def test_both_sides_of_the_split_are_followed_equally_long(make) -> None:
    study = read_study(make(TASK, OUTCOME, columns=followed(rows=200)))
    found = assemble(study)
    parts = split(study, found)
    held = np.zeros(len(found), dtype=bool)
    held[parts.held_out] = True
    for code in (0, 1):
        in_order = held[found.outcome == code][np.argsort(found.followed[found.outcome == code])]
        for quarter in np.array_split(in_order, 4):
            assert abs(quarter.sum() - len(quarter) / 4) <= 1.5
    assert "quarter of its times" in parts.description


def test_death_in_rotterdam(data_dir: Path, tmp_path: Path) -> None:
    found = assemble(read_study(rotterdam.death(data_dir, tmp_path)))
    assert (len(found), int(found.outcome.sum())) == (2982, 1272)
    assert not removed(found)


def test_the_first_event_as_the_manual_makes_it(data_dir: Path, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "prognosis.md").read_text()
    given: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], given)
    table = data_dir / "prognosis" / "rotterdam.csv"
    given["first_event"](table, tmp_path / "a.csv")
    rotterdam.first_event(table, tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_recurrence_in_rotterdam_with_death_as_competing_event(data_dir: Path, tmp_path: Path) -> None:
    study = read_study(rotterdam.recurrence(data_dir, tmp_path))
    found = assemble(study)
    assert study.outcome.classes == ("no event seen", "recurrence", "death without recurrence")
    # 1,713 had a recurrence or died; 43 died when the follow-up for recurrence had ended.
    assert np.bincount(found.outcome).tolist() == [2982 - 1713 + 43, 1518, 1713 - 1518 - 43]
    assert any("of which 43 have an event after the end" in step.step for step in found.attrition)


THEIRS = "age,sex,status,years,came,mrn\n61,f,D,0.5,0,1\n50,m,A,2,0.25,2\n55,m,A,,0,3\n70,f,D,0,0,4\n44,f,T,1,2,5\n"
MAP = (
    '[outcome]\ncolumn = "status"\ntime = "years"\nentry = "came"\nunit = "a"\n'
    '[outcome.codes]\nD = "dead"\nA = "no event seen"\nT = "no event seen"\n[patient]\ncolumn = "mrn"\n'
)


def test_the_other_hospital_counts_in_years(make, tmp_path: Path) -> None:
    study = read_study(make(TASK, OUTCOME, columns=followed()))
    (tmp_path / "theirs.csv").write_text(THEIRS)
    (tmp_path / "map.toml").write_text(MAP)
    found = external_cohort(study.schema, study.outcome, tmp_path / "theirs.csv", read_map(tmp_path / "map.toml"))
    assert found.followed.tolist() == [0.5 * 365.25, 2 * 365.25]
    assert found.entered.tolist() == [0, 0.25 * 365.25]
    assert found.outcome.tolist() == [1, 0]
    assert removed(found) == {
        "after dropping rows without a time": 1,
        "after dropping rows with an event at time 0, when it cannot be foreseen": 1,
        "after dropping rows that entered when their follow-up was over": 1,
    }


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('unit = "a"', 'unit = "mg"', "does not convert|cannot be converted|mg"),
        ('time = "years"', 'time = "yaers"', "no column 'yaers'"),
        ('D = "dead"', 'D = "died"', "the class 'died'"),
        ('entry = "came"\n', 'entry = "came"\nend = "x"\n', "unknown key outcome.end"),
    ],
)
def test_a_map_that_does_not_fit(make, tmp_path: Path, old: str, new: str, what: str) -> None:
    study = read_study(make(TASK, OUTCOME, columns=followed()))
    (tmp_path / "theirs.csv").write_text(THEIRS)
    (tmp_path / "map.toml").write_text(MAP.replace(old, new))
    with pytest.raises(DataError, match=what):
        external_cohort(study.schema, study.outcome, tmp_path / "theirs.csv", read_map(tmp_path / "map.toml"))


def test_a_diagnosis_has_no_time_elsewhere(make, tmp_path: Path) -> None:
    study = read_study(make())
    (tmp_path / "theirs.csv").write_text("age,sex,chol,ill,years\n61,f,200,yes,1\n")
    (tmp_path / "map.toml").write_text('[outcome]\ntime = "years"\n')
    with pytest.raises(DataError, match="the release asks for none"):
        external_cohort(study.schema, study.outcome, tmp_path / "theirs.csv", read_map(tmp_path / "map.toml"))
