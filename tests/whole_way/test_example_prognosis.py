"""The examples `examples/pbc2` and `examples/rotterdam`, from the table to predictions; and a patient seen again."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bedside.answering import answer_patient
from bedside.cli.patients import predict
from bedside.cohort import assemble, read_study
from bedside.errors import ValueRefused
from bedside.release import Model, chosen, open_release

EXAMPLES = Path(__file__).parents[2] / "examples"
NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
SMALLER = [
    ("landmarks = [0, 1, 2, 3, 4]", "landmarks = [0, 2]"),
    ("horizons = [1, 3, 5]", "horizons = [5]"),
    ("[validation]", '[training]\nnetwork = "floor"\n\n[validation]'),
]
"""What the test leaves out of the example, to be quick."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example on invented patients, with fewer landmarks and horizons and without a network."""
    folder = tmp_path_factory.mktemp("pbc2")
    example = shutil.copytree(EXAMPLES / "pbc2", folder / "example")
    study = (example / "study.toml").read_text()
    for old, new in SMALLER:
        assert old in study
        study = study.replace(old, new)
    (example / "study.toml").write_text(study)
    environment = os.environ | {"PYTHON": sys.executable, "BEDSIDE_DATA": str(folder / "nothing")}
    done = subprocess.run(
        [example / "run", folder / "made"], capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the patients are INVENTED" in done.stdout
    assert "Verified: pbc 1.0.0" in done.stdout
    return folder / "made"


@pytest.fixture(scope="module")
def model(made: Path) -> Model:
    return chosen(open_release(made / "release", made / "keys" / "signing.pub"), "server-cpu").model


def test_each_visit_has_its_predicted_risk(made: Path) -> None:
    with (made / "visits.csv").open() as visits, (made / "predictions.csv").open() as predictions:
        asked, told = list(csv.DictReader(visits)), list(csv.DictReader(predictions))
    assert [row["id"] for row in asked] == [row["id"] for row in told]
    risk = np.array([float(row["risk_5"]) for row in told if row["abstained"] == "false"])
    assert len(risk) > 0.9 * len(told)
    assert (risk >= 0).all() and (risk <= 1).all() and risk.std() > 0.1


def test_a_map_says_of_visits_the_same_to_predict_as_to_validate(made: Path, tmp_path: Path) -> None:
    """In another hospital the time of a visit has another name, and its times are in days."""
    with (made / "visits.csv").open() as visits:
        asked = list(csv.DictReader(visits))
    with (tmp_path / "theirs.csv").open("w") as file:
        theirs = csv.DictWriter(file, [name for name in asked[0] if name != "year"] + ["day"])
        theirs.writeheader()
        for row in asked:
            year = row.pop("year")
            theirs.writerow(row | {"day": float(year) * 365.25})
    (tmp_path / "map.toml").write_text('[outcome]\nvisit = "day"\nunit = "d"\n')
    told = predict(made / "release", tmp_path / "theirs.csv", map=tmp_path / "map.toml", out=tmp_path / "told.csv")
    assert told.rows == len(asked)
    with (made / "predictions.csv").open() as ours, (tmp_path / "told.csv").open() as there:
        expected, found = list(csv.DictReader(ours)), list(csv.DictReader(there))
    assert [row["reasons"] for row in found] == [row["reasons"] for row in expected]
    risks = [[float(row["risk_5"] or "nan") for row in rows] for rows in (found, expected)]
    np.testing.assert_allclose(risks[0], risks[1], rtol=1e-4)


def test_the_evidence_has_each_landmark_for_itself(made: Path) -> None:
    evidence = json.loads((made / "release" / "evidence.json").read_text())
    assert evidence["verdict"] == "accepted"
    groups = {one["group"]: one for one in evidence["subgroups"]}
    assert {"landmark = 0", "landmark = 2"} <= groups.keys()
    rows = [groups[name]["n"] for name in ("landmark = 0", "landmark = 2")]
    assert 0.9 * evidence["data"]["n"] < sum(rows) <= evidence["data"]["n"]  # the rest abstained
    assert max(rows) <= evidence["data"]["n_patients"] < sum(rows)
    assert groups["landmark = 0"]["measures"]["c_ipcw"]["value"] > 0.7


def values(**changed: object) -> dict[str, object]:
    """A patient at registration."""
    plain: dict[str, object] = {
        "year": 0, "age": 50, "sex": "female", "ascites": "No", "hepatomegaly": "Yes", "spiders": "No",
        "edema": "No edema", "serBilir": 1.8, "albumin": 3.5, "alkaline": 1300, "SGOT": 110, "platelets": 250,
        "prothrombin": 10.7, "histologic": "3",
    }  # fmt: skip
    return plain | changed


def test_a_new_measurement_gives_a_new_answer_that_counts_from_now(model: Model) -> None:
    first = answer_patient(model, values(), now=NOW, explain=False)
    later = answer_patient(model, values(year=1.5, serBilir=9.0, albumin=2.9), now=NOW, explain=False)
    risk = "death within 5 a"
    assert later.estimate[risk] > first.estimate[risk] + 0.1
    assert later.course.time[0] == 0.0 and later.course.incidence["death"][0] == 0.0


def test_a_value_that_became_too_old_is_no_longer_answered_with(model: Model) -> None:
    def dated(age: float) -> dict[str, object]:
        measured = {"value": 3.5, "unit": "g/dL", "time": (NOW - dt.timedelta(days=age)).isoformat()}
        return values(year=2, albumin=measured)

    assert not answer_patient(model, dated(700), now=NOW, explain=False).abstained
    stale = answer_patient(model, dated(740), now=NOW, explain=False)
    assert stale.abstained and "Albumin is 740.0 days old" in stale.reasons[0].text


def test_nobody_was_asked_about_so_late(model: Model) -> None:
    with pytest.raises(ValueRefused, match="year"):
        answer_patient(model, values(year=2.5), now=NOW, explain=False)


def test_the_public_visits_are_read_as_the_example_says(data_dir: Path, tmp_path: Path) -> None:
    shutil.copyfile(EXAMPLES / "pbc2" / "study.toml", tmp_path / "study.toml")
    shutil.copyfile(data_dir / "prognosis" / "pbc2.csv", tmp_path / "visits.csv")
    found = assemble(read_study(tmp_path / "study.toml"))
    # As counted with a few lines of csv, from nothing but years and status.
    assert [int((found.landmark == landmark).sum()) for landmark in range(5)] == [312, 290, 278, 245, 225]
    within = (found.landmark == 2) & (found.followed <= 5)
    assert np.bincount(found.outcome[within], minlength=3)[1:].tolist() == [76, 26]


@pytest.mark.parametrize(
    ("study", "events"), [("death", [1710, 1272]), ("recurrence", [1312, 1518, 152])], ids=["death", "recurrence"]
)
def test_the_public_women_are_read_as_the_example_says(
    data_dir: Path, tmp_path: Path, study: str, events: list[int]
) -> None:
    assert rotterdam(study, tmp_path, data_dir / "prognosis" / "rotterdam.csv") == events


@pytest.mark.parametrize("study", ["death", "recurrence"])
def test_the_invented_women_are_enough_for_the_example(tmp_path: Path, study: str) -> None:
    assert min(rotterdam(study, tmp_path, tmp_path / "nothing.csv")) > 100


def rotterdam(study: str, folder: Path, table: Path) -> list[int]:
    """How many had which outcome, in the cohort of one of the two studies."""
    for name in ("patients.py", f"{study}.toml"):
        shutil.copyfile(EXAMPLES / "rotterdam" / name, folder / name)
    subprocess.run([sys.executable, "patients.py", table], cwd=folder, check=True, capture_output=True, text=True)
    return np.bincount(assemble(read_study(folder / f"{study}.toml")).outcome).tolist()
