"""The examples `examples/actg175` and `examples/strep_tb`: from the trial to a signed rule, or to "one arm for all"."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bedside.cohort import Cohort, assemble, read_study

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(example: str, folder: Path, data: Path, *arguments: str) -> str:
    """The example's own script, with the floor alone so as to be quick; what it said."""
    copied = shutil.copytree(EXAMPLES / example, folder / "example")
    for study in copied.glob("*.toml"):
        study.write_text(study.read_text().replace("[validation]", '[training]\nnetwork = "floor"\n\n[validation]'))
    environment = os.environ | {"PYTHON": sys.executable, "BEDSIDE_DATA": str(data)}
    done = subprocess.run(
        [copied / "run", folder / "made", *arguments], capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def cohort(example: str, study: str, folder: Path, table: Path) -> Cohort:
    """The patients whom an example's study takes."""
    for name in ("patients.py", study):
        shutil.copyfile(EXAMPLES / example / name, folder / name)
    subprocess.run([sys.executable, "patients.py", table], cwd=folder, check=True, capture_output=True, text=True)
    return assemble(read_study(folder / study))


def test_invented_patients_who_differ_get_a_signed_rule(tmp_path: Path) -> None:
    said = run("actg175", tmp_path, tmp_path / "nothing")
    assert "the patients are INVENTED" in said
    assert "Verified: actg175-cd4 1.0.0" in said
    made = tmp_path / "made"
    with (made / "patients.csv").open() as patients, (made / "cd4-predictions.csv").open() as predictions:
        experienced = np.array([float(row["preanti"]) > 100 for row in csv.DictReader(patients)])
        recommended = np.array([row["recommended"] for row in csv.DictReader(predictions)])
    # The invented truth: who was treated before does best with didanosine alone, others with a combination.
    assert (recommended[experienced] == "didanosine").sum() > 3 * (recommended[~experienced] == "didanosine").sum()


def test_a_small_trial_is_refused(data_dir: Path, tmp_path: Path) -> None:
    said = run("strep_tb", tmp_path, data_dir)
    assert "Refused: the report says why" in said
    assert not (tmp_path / "made" / "release").exists()
    evidence = json.loads((tmp_path / "made" / "candidate" / "evidence.json").read_bytes())
    assert evidence["verdict"] == "refused"
    report = (tmp_path / "made" / "candidate" / "report.html").read_text()
    assert "one arm for all" in report.lower()


@pytest.mark.parametrize("study", ["cd4.toml", "progression.toml"])
def test_the_public_trial_is_read_as_published(data_dir: Path, tmp_path: Path, study: str) -> None:
    trial = cohort("actg175", study, tmp_path, data_dir / "treatment" / "actg175.csv")
    assert np.bincount(trial.arm).tolist() == [532, 522, 524, 561]
    if study == "progression.toml":  # events by arm
        assert [int(trial.outcome[trial.arm == arm].sum()) for arm in range(4)] == [181, 103, 109, 128]


@pytest.mark.parametrize("study", ["cd4.toml", "progression.toml"])
def test_invented_patients_are_enough(tmp_path: Path, study: str) -> None:
    assert np.bincount(cohort("actg175", study, tmp_path, tmp_path / "nothing.csv").arm).min() > 400
