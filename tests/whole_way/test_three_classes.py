"""More than two classes, the same bytes twice, and a gate that says no."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from sklearn.datasets import load_wine

STUDY = """\
[study]
name = "cultivar"
version = "0.1.0"
task = "diagnosis"
intended_use = "Tells three cultivars apart: a stand-in for any question with three answers."
population = "178 wines"

[data]
table = "wines.csv"
patient = "bottle"

[outcome]
column = "cultivar"
classes = ["red", "green", "blue"]

[training]
members = 2

[validation]
holdout = 0.3
threshold = { red = 0.5 }
seed = 3

[accept]
auroc = { min = 0.9 }
brier = { max = 0.0001 }
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, data = tmp_path_factory.mktemp("wine"), load_wine()
    names = [name.replace("/", "_").replace(" ", "_") for name in data.feature_names]
    with (folder / "wines.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["bottle", *names, "cultivar"])
        for number, (row, target) in enumerate(zip(data.data, data.target, strict=True)):
            writer.writerow([f"w{number}", *row, ["red", "green", "blue"][target]])
    limits = zip(names, data.data.max(0), strict=True)
    predictors = "\n".join(f"[predictors.{name}]\nrange = [0, {2 * high:.0f}]\n" for name, high in limits)
    (folder / "study.toml").write_text(STUDY + "\n" + predictors)
    return folder / "study.toml"


@pytest.fixture(scope="module")
def validated(study: Path, bedside) -> tuple[Path, object]:
    done = bedside("train", study, "--out", study.parent / "candidate", "--json")
    assert done.returncode == 0, done.stderr
    return study.parent / "candidate", bedside("validate", study.parent / "candidate", "--json")


def test_a_failed_gate_is_exit_1_and_names_the_figure(validated) -> None:
    candidate, done = validated
    assert done.returncode == 1, done.stderr
    evidence = json.loads(done.stdout)
    assert evidence["verdict"] == "refused"
    gates = {gate["name"]: gate for gate in evidence["gates"]}
    passed = {name for name, gate in gates.items() if gate["passed"]}
    assert any("auroc" in name for name in passed)
    assert not any("brier" in name for name in passed)
    assert (candidate / "report.html").exists()


def test_sign_refuses_it(validated, tmp_path: Path, bedside) -> None:
    candidate, _ = validated
    assert bedside("keygen", "--out", tmp_path / "keys").returncode == 0
    done = bedside("sign", candidate, "--key", tmp_path / "keys" / "signing.key", "--out", tmp_path / "release")
    assert done.returncode == 1
    assert "brier" in done.stderr
    assert not (tmp_path / "release").exists()


def test_three_probabilities_a_row(validated, study: Path, bedside) -> None:
    done = bedside("predict", validated[0], study.parent / "wines.csv")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(done.stdout.splitlines()))
    names = ["probability_red", "probability_green", "probability_blue"]
    assert list(rows[0]) == ["bottle", *names, "abstained", "reasons"]
    answered = [row for row in rows if row["abstained"] == "false"]
    assert len(answered) > 150
    for row in answered:
        assert sum(float(row[name]) for name in names) == pytest.approx(1, abs=1e-6)


def test_the_same_study_and_seed_give_the_same_digest(validated, study: Path, tmp_path: Path, bedside) -> None:
    done = bedside("train", study, "--out", tmp_path / "elsewhere" / "again", "--json")
    assert done.returncode == 0, done.stderr
    evidence = json.loads((validated[0] / "evidence.json").read_text())
    assert json.loads(done.stdout)["digest"] == evidence["release"]["digest"]


def test_every_look_is_counted(validated, bedside) -> None:
    candidate, _ = validated
    before = json.loads((candidate / "evidence.json").read_text())["looks"]
    bedside("validate", candidate)
    assert json.loads((candidate / "evidence.json").read_text())["looks"] == before + 1


def test_a_table_changed_since_training_is_refused(validated, study: Path, tmp_path: Path, bedside) -> None:
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(study.parent, folder)
    split = folder / "candidate.local" / "split.json"
    split.write_text(split.read_text().replace(str(study.parent), str(folder)))
    lines = (folder / "wines.csv").read_text().splitlines()
    (folder / "wines.csv").write_text("\n".join(lines[:-1]) + "\n")
    done = bedside("validate", folder / "candidate")
    assert done.returncode == 2
    assert "changed" in done.stderr
