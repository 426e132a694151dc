"""Files for several machines: packed here, validated where each runs, signed together or dropped."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_breast_cancer

STUDY = """\
[study]
name = "mass"
version = "1.0.0"
task = "diagnosis"
intended_use = "Supports a cytologist."
population = "Adults with a palpable breast mass"

[data]
table = "patients.csv"
patient = "patient"

[outcome]
column = "diagnosis"
positive = "malignant"

[validation]
threshold = 0.2
seed = 1

[accept]
auroc = { min = 0.8 }

[targets]
names = ["server-cpu-int8", "elsewhere"]

"""
TARGET = '''
"""A target whose runtime is on one machine only: the one with HERE set."""
import os
from dataclasses import dataclass

from bedside.errors import UsageError
from bedside.release.server_cpu import ServerCpu


@dataclass(frozen=True)
class Elsewhere(ServerCpu):
    name: str = "elsewhere"
    runtime: str = "some-runtime"
    file: str = "model.elsewhere.onnx"

    def missing_to_run(self):
        return None if os.environ.get("HERE") else UsageError("some-runtime is not on this machine", where=self.name)


TARGET = Elsewhere()
'''


@pytest.fixture(scope="module")
def plug_in(tmp_path_factory: pytest.TempPathFactory) -> str:
    """``PYTHONPATH`` with an installed package that registers the target."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "elsewhere.py").write_text(TARGET)
    about = folder / "elsewhere-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[bedside.targets]\nelsewhere = elsewhere:TARGET\n")
    return os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, plug_in: str, bedside: Any) -> Path:
    """A trained and validated candidate with three targets, one of which cannot run here; read only."""
    folder, data = tmp_path_factory.mktemp("home"), load_breast_cancer()
    names = [name.replace(" ", "_") for name in data.feature_names]
    with (folder / "patients.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient", *names, "diagnosis"])
        for number, (row, target) in enumerate(zip(data.data, data.target, strict=True)):
            writer.writerow([f"p{number}", *row, "benign" if target else "malignant"])
    ranges = "\n".join(f"[predictors.{n}]\nrange = [0, {2 * high:.3f}]\n" for n, high in zip(names, data.data.max(0)))  # noqa: B905
    (folder / "study.toml").write_text(STUDY + ranges)
    for words in (["train", folder / "study.toml"], ["validate", folder / "candidate"]):
        done = bedside(*words, PYTHONPATH=plug_in)
        assert done.returncode == 0, done.stderr
    assert bedside("keygen", "--out", folder / "keys").returncode == 0
    return folder


@pytest.fixture
def home(packed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(packed, tmp_path / "home"))


def evidence(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / "candidate" / "evidence.json").read_text())
    return found


def sign(bedside: Any, home: Path, plug_in: str) -> Any:
    return bedside(
        "sign",
        home / "candidate",
        "--key",
        home / "keys" / "signing.key",
        "--out",
        home / "release",
        PYTHONPATH=plug_in,
    )


def test_each_target_has_a_row_and_what_is_not_here_is_said(packed: Path) -> None:
    rows = evidence(packed)["targets"]
    assert list(rows) == ["server-cpu", "elsewhere", "server-cpu-int8"]
    assert {name: row["validated"] for name, row in rows.items()} == {
        "server-cpu": True, "server-cpu-int8": True, "elsewhere": False,
    }  # fmt: skip
    int8 = rows["server-cpu-int8"]
    assert 0 < int8["largest_change"] < 0.1
    assert 0 <= int8["change_p99"] <= int8["largest_change"]
    assert int8["size"] == (packed / "candidate" / "model.int8.onnx").stat().st_size
    assert 0 < int8["latency"] < 1
    assert int8["memory"] > 0
    assert int8["processor"] == rows["server-cpu"]["processor"]
    report = (packed / "candidate" / "report.html").read_text()
    assert "not validated here (some-runtime is missing)" in report
    assert int8["processor_name"] in report


def test_what_is_not_validated_is_not_signed(bedside: Any, home: Path, plug_in: str) -> None:
    done = sign(bedside, home, plug_in)
    assert done.returncode == 1
    assert "the target elsewhere is not validated" in done.stderr
    done = bedside("validate", home / "candidate", "--target", "elsewhere", PYTHONPATH=plug_in)
    assert done.returncode == 2
    assert "some-runtime is not on this machine" in done.stderr


def test_a_candidate_carried_to_another_machine_completes_its_evidence(
    bedside: Any, packed: Path, plug_in: str, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    for name in ("candidate", "candidate.local", "keys"):
        shutil.copytree(packed / name, away / name)
    for name in ("study.toml", "patients.csv"):
        shutil.copy(packed / name, away / name)
    split = away / "candidate.local" / "split.json"
    split.write_text(split.read_text().replace(str(packed), str(packed / "gone")))
    before = evidence(away)
    words = ("validate", away / "candidate", "--target", "elsewhere")
    lost = bedside(*words, PYTHONPATH=plug_in, HERE="1")
    assert (lost.returncode, "Use --study FILE" in lost.stderr) == (2, True)
    done = bedside(*words, "--study", away / "study.toml", PYTHONPATH=plug_in, HERE="1")
    assert done.returncode == 0, done.stderr
    after = evidence(away)
    assert after["targets"]["elsewhere"]["validated"]
    assert after["targets"]["elsewhere"]["flips"] == 0
    assert after["looks"] == before["looks"] + 1
    renewed = {"targets", "gates", "verdict_text", "looks", "warnings", "warned"}
    assert {k: v for k, v in after.items() if k not in renewed} == {k: v for k, v in before.items() if k not in renewed}
    assert after["targets"]["server-cpu-int8"] == before["targets"]["server-cpu-int8"]
    assert [gate["name"] for gate in after["gates"] if "elsewhere" in gate["name"]] == [
        "targets.elsewhere: auroc_loss", "targets.elsewhere: flips", "targets.elsewhere: largest_change",
    ]  # fmt: skip
    # Carried back and validated again where the runtime is not: the row stays what it was.
    assert sign(bedside, away, plug_in).returncode == 0
    assert bedside("validate", away / "candidate", "--study", away / "study.toml", PYTHONPATH=plug_in).returncode == 0
    assert evidence(away)["targets"]["elsewhere"] == after["targets"]["elsewhere"]


def test_another_study_or_table_is_refused(bedside: Any, home: Path, plug_in: str) -> None:
    other = home / "other.toml"
    other.write_text((home / "study.toml").read_text().replace("min = 0.8", "min = 0.7"))
    words = ("validate", home / "candidate", "--target", "elsewhere", "--study")
    done = bedside(*words, other, PYTHONPATH=plug_in, HERE="1")
    assert (done.returncode, "the study changed" in done.stderr) == (2, True)
    table = (home / "patients.csv").read_text().replace("malignant", "benign", 1)
    (home / "patients.csv").write_text(table)
    done = bedside(*words, home / "study.toml", PYTHONPATH=plug_in, HERE="1")
    assert (done.returncode, "the table changed" in done.stderr) == (2, True)
    assert not evidence(home)["targets"]["elsewhere"]["validated"]


def test_dropped_validated_and_signed(bedside: Any, home: Path, plug_in: str) -> None:
    digest = evidence(home)["release"]["digest"]
    done = bedside("drop", home / "candidate", "elsewhere", "--json", PYTHONPATH=plug_in)
    left = json.loads(done.stdout)
    assert left["targets"] == ["server-cpu", "server-cpu-int8"]
    assert left["digest"] != digest
    assert sign(bedside, home, plug_in).returncode == 1  # no evidence
    assert bedside("validate", home / "candidate", PYTHONPATH=plug_in).returncode == 0
    assert sign(bedside, home, plug_in).returncode == 0
