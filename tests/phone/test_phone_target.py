"""The target phone the whole way: packed, validated by ExecuTorch, signed, and asked as an app would ask it."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elsewhere import SEX, STUDY, write_patients
from own_environment import require

from bedside.environments import python_of
from bedside.release import open_candidate

Run = Callable[..., subprocess.CompletedProcess[str]]
AS_AN_APP = """
import sys
import numpy as np
import torch
from executorch.runtime import Runtime

method = Runtime.get().load_program(sys.argv[1]).load_method("forward")
rows = np.load(sys.argv[2])
found = [[one.numpy().copy() for one in method.execute([torch.from_numpy(row[None])])] for row in rows]
np.savez(sys.argv[3], *[np.concatenate(column) for column in zip(*found)])
"""


@pytest.fixture(scope="module", autouse=True)
def executorch() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        require("executorch", patch)
        yield


@pytest.fixture(scope="module")
def home(executorch: None, tmp_path_factory: pytest.TempPathFactory, bedside: Run) -> Path:
    """Trained for ``phone``, and validated where ExecuTorch is not; read only."""
    folder = tmp_path_factory.mktemp("home")
    write_patients(folder, unknown=0.1)
    sections = '[training]\nnetwork = "floor"\n\n[targets]\nnames = ["phone"]\n'
    study = f"{STUDY}\n{sections}".replace("[outcome]", f"{SEX}\n[outcome]")
    (folder / "study.toml").write_text(study)
    done = bedside("train", folder / "study.toml")
    assert done.returncode == 0, done.stderr
    done = bedside("validate", folder / "candidate", BEDSIDE_ENVIRONMENTS=str(folder / "none"))
    assert done.returncode == 0, done.stderr
    assert bedside("keygen", "--out", folder / "keys").returncode == 0
    return folder


def row_of(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / "candidate" / "evidence.json").read_text())["targets"]["phone"]
    return found


def test_without_executorch_it_is_not_validated_and_then_it_is(home: Path, bedside: Run, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(home, tmp_path / "home"))
    sign = ("sign", copy / "candidate", "--key", copy / "keys" / "signing.key", "--out", copy / "release")
    assert not row_of(copy)["validated"]
    assert "not validated here (executorch is missing)" in (copy / "candidate" / "report.html").read_text()
    refused = bedside(*sign)
    assert (refused.returncode, "the target phone is not validated" in refused.stderr) == (1, True)
    words = ("validate", copy / "candidate", "--target", "phone", "--study", copy / "study.toml")
    missing = bedside(*words, BEDSIDE_ENVIRONMENTS=str(copy / "none"))
    assert (missing.returncode, "bedside environment executorch" in missing.stderr) == (2, True)

    done = bedside(*words)
    assert done.returncode == 0, done.stderr
    row = row_of(copy)
    assert row["validated"]
    assert row["runtime"] == "executorch"
    assert row["version"] == "1.5.1"
    assert 0 < row["largest_change"] < 1e-5
    assert row["flips"] == 0
    assert row["size"] == (copy / "candidate" / "model.pte").stat().st_size
    assert 0 < row["latency"] < 0.1
    assert 0 < row["memory"] < 200e6  # of the program alone, not of Python and torch
    assert bedside(*sign).returncode == 0


def test_the_file_gives_what_the_server_gives(home: Path, tmp_path: Path) -> None:
    """Through ExecuTorch's own API, with no line of ours in between; every held-out patient, unknown values too."""
    candidate = open_candidate(home / "candidate")
    held_out = json.loads((home / "candidate.local" / "split.json").read_text())["rows"]
    with (home / "patients.csv").open() as file:
        rows = [row for number, row in enumerate(csv.DictReader(file)) if number in set(held_out)]
    names = [variable.name for variable in candidate.manifest.schema.variables]
    codes = {"f": "0", "m": "1", "": "nan"}
    values = np.array([[codes.get(row[n], row[n]) for n in names] for row in rows], dtype=np.float32)
    assert 0 < np.isnan(values).mean() < 0.1
    assert len(values) == len(held_out) >= 50
    np.save(tmp_path / "rows.npy", values)
    (tmp_path / "app.py").write_text(AS_AN_APP)
    words = [python_of("executorch"), "app.py", home / "candidate" / "model.pte", "rows.npy", "found.npz"]
    subprocess.run([*map(str, words)], cwd=tmp_path, check=True, capture_output=True, env={"PATH": os.environ["PATH"]})
    with np.load(tmp_path / "found.npz") as found:
        probability, distance = found["arr_0"], found["arr_1"]
    expected = candidate.load().predict(values)
    np.testing.assert_allclose(probability, expected.columns, atol=1e-5, rtol=0)
    np.testing.assert_allclose(distance, expected.distance, rtol=1e-4)


def test_what_runs_it_stands_in_the_bill_of_materials(home: Path) -> None:
    found = open_candidate(home / "candidate").document("sbom.cdx.json")
    (runtime,) = (one for one in found["components"] if one["name"] == "executorch")
    assert (runtime["version"], runtime["scope"]) == ("1.5.1", "optional")
    assert {"ref": "file:model.pte", "dependsOn": [runtime["bom-ref"]]} in found["dependencies"]
    assert "executorch" in {one["name"] for one in found["formulation"][0]["components"]}
