"""A trial whose arms do not differ: trained, validated, and refused by `sign`, whatever the study asks for."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bedside

STUDY = """
[study]
name = "null-trial"
version = "1.0.0"
task = "treatment"
intended_use = "Supports the choice between two treatments."
population = "Adults"

[data]
table = "trial.csv"
patient = "patient_id"

[predictors.age]
unit = "a"
range = [18, 100]

[predictors.load]
range = [-10, 10]

[outcome]
arm = "arm"
control = "old"
propensity = 0.5
better = "higher"
column = "score"
unit = "m"
range = [0, 1000]
name = "walk"

[training]
members = 2

[validation]
seed = 3

[accept]
abstained = { max = 0.9 }
"""


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("null"), np.random.default_rng(5)
    with (folder / "trial.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["patient_id", "age", "load", "arm", "score"])
        for patient in range(400):
            age, load = rng.uniform(30, 80), rng.normal()
            arm = ("old", "new")[rng.integers(2)]
            rows.writerow(
                [patient, f"{age:.1f}", f"{load:.3f}", arm, f"{450 - age + 30 * load + rng.normal(0, 40):.1f}"]
            )
    (folder / "study.toml").write_text(STUDY)
    bedside.train(folder / "study.toml", out=folder / "candidate")
    return folder / "candidate"


def test_sign_refuses_a_rule_that_is_no_better_than_one_arm_for_all(candidate: Path, tmp_path: Path) -> None:
    found = bedside.validate(candidate)
    assert found.evidence.verdict == "refused"
    assert "One arm for all: " in found.evidence.verdict_text
    assert "One arm for all: " in (candidate / "report.html").read_text()
    bedside.keygen(out=tmp_path / "keys")
    command = [
        "sign",
        str(candidate),
        "--key",
        str(tmp_path / "keys" / "signing.key"),
        "--out",
        str(tmp_path / "release"),
    ]
    done = subprocess.run([sys.executable, "-m", "bedside", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "always.policy_gain" in done.stderr and "one arm for all: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "release").exists()
