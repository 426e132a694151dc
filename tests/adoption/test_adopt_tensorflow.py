"""A SavedModel becomes a candidate: TensorFlow writes it in an environment of its own, and converts it there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import own_environment
import pytest
from elsewhere import SEX, STUDY, logit

import bedside
from bedside.adoption import Asked
from bedside.adoption.runtime import runner
from bedside.adoption.saved_model import PROGRAM, _asked, read
from bedside.environments import python_of
from bedside.errors import DataError
from bedside.release import open_candidate

ROOT = Path(__file__).parents[2]
Write = Callable[..., Path]
Run = Callable[..., subprocess.CompletedProcess[str]]
OUR = ("age", "chol", "marker")


@pytest.fixture(scope="module", autouse=True)
def made_here() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        own_environment.require("tensorflow", patch)
        yield


def _by_tensorflow(*words: str | Path) -> str:
    done = subprocess.run(
        [python_of("tensorflow"), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        env={"PATH": os.environ["PATH"], "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(PROGRAM.parent)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def models(made_here: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all models; read only."""
    folder = tmp_path_factory.mktemp("saved-models")
    _by_tensorflow(ROOT / "tests" / "saved_models" / "write.py", folder)
    return folder


def _patients(rows: int = 50) -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.stack([rng.uniform(20, 100, rows), rng.uniform(60, 600, rows), rng.normal(0, 1, rows)], axis=1)


def test_a_trained_model_is_adopted_validated_and_signed(
    study: Write, models: Path, tmp_path: Path, bedside: Run
) -> None:
    path = study()
    done = bedside("adopt", models / "trained", path, "--out", tmp_path / "c", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["adopted"]["random"] == 1000 and told["adopted"]["largest"] <= 1e-5
    kept = np.load(models / "trained.npz")
    candidate = open_candidate(tmp_path / "c")
    answered = candidate.load().predict(kept["rows"].astype(np.float64)).columns
    assert np.abs(answered - kept["found"]).max() < 1e-5  # by Keras itself, before it was saved
    origin = candidate.manifest.adopted
    assert origin is not None and origin.says["written by"] == "TensorFlow 2.21.0"
    assert {"tensorflow-cpu", "tf2onnx"} <= set(candidate.manifest.versions)
    once, again = (read(models / "trained", Asked(width=3, columns=OUR, whole=(False,) * 3)) for _ in range(2))
    assert once.graph == again.graph
    assert bedside("validate", tmp_path / "c").returncode == 0
    bedside("keygen", "--out", tmp_path / "keys")
    signed = bedside("sign", tmp_path / "c", "--key", tmp_path / "keys/signing.key", "--out", tmp_path / "r")
    assert signed.returncode == 0, signed.stderr
    assert bedside("verify", tmp_path / "r", "--key", tmp_path / "keys/signing.pub").returncode == 0


def test_inputs_of_a_name_get_the_predictor_of_that_name(study: Write, models: Path, tmp_path: Path) -> None:
    said = """
[adoption]
order = ["sex", "marker", "age", "chol"]
output = "risk"
inputs = { sex = { codes = { f = 1, m = 2 } } }
"""
    path = study(said, text=STUDY.replace("[outcome]", f"{SEX}\n[outcome]"))
    bedside.adopt(models / "named", path, out=tmp_path / "c")
    patients = _patients()
    expected = 1 / (1 + np.exp(-logit(*patients.T) - np.tile([0.5, -0.5], 25)))
    values = np.concatenate([patients, np.tile([[0.0], [1.0]], (25, 1))], axis=1)
    answered = open_candidate(tmp_path / "c").load().predict(values).columns[:, 1]
    assert np.abs(answered - expected).max() < 1e-5


@pytest.mark.parametrize("name", ["truth", "classic"])
def test_variables_are_found_whatever_they_are_called_and_whoever_saved_them(models: Path, name: str) -> None:
    original = read(models / name, Asked(width=3, columns=OUR, whole=(False,) * 3))
    rows = _patients().astype(np.float32)
    expected = 1 / (1 + np.exp(-logit(*rows.astype(np.float64).T)))
    for found in (original.predict(rows), runner(original.graph, "y", where=name)(rows)):
        assert found.shape == (50, 1) and np.abs(found[:, 0] - expected).max() < 1e-5


def test_what_would_write_a_file_never_does(study: Write, models: Path, tmp_path: Path, bedside: Run) -> None:
    wrote = ["on-loading", "on-restoring", "writes"]
    assert json.loads((models / "wrote.json").read_text()) == wrote  # where TensorFlow itself opens them
    path = study()
    for name, expected in {"writes": "holds the", "on-restoring": "restores its variables with the"}.items():
        done = bedside("adopt", models / name, path, "--out", tmp_path / "c")
        assert (
            done.returncode == 2 and f"{expected} operation WriteFile" in done.stderr and "Traceback" not in done.stderr
        )
        assert not (tmp_path / "c").exists()
    # Its answers do not need what it would do on loading: that part is left out.
    rows = np.array([[60.0, 210.0, 0.0]], dtype=np.float32)
    original = read(models / "on-loading", Asked(width=3, columns=OUR, whole=(False,) * 3))
    assert original.predict(rows) == pytest.approx(np.array([[0.5]]), abs=1e-6)
    assert not [one for one in models.iterdir() if one.suffix == ".marker"]


REFUSED = {
    "writes": "holds the operation WriteFile",
    "by-python": "holds the operation EagerPyFunc",
    "from-a-file": "holds the operation ReadFile",
    "sauce": "holds the operation SecretSauce",
    "random": "holds the operation RandomUniform",
    "loop": "holds the operation StatelessWhile",
    "on-restoring": "restores its variables with the operation WriteFile",
    "elsewhere": "restores its variables from a file of its own choice",
    "no-signature": "has no signature",
    "two-signatures": "has the signatures first, second, and none is called serving_default",
    "one-at-a-time": "takes 1 at a time",
    "images": "has the shape [n, 28, 28, 3]",
    "any-shape": "has the shape unknown",
    "whole-numbers": "takes int32, and would lose",
    "texts": "takes text",
    "several": "has 2 outputs that could be meant (other, risk)",
    "sum": "its output 'output_0' has the shape []",
    "by-halves": "takes the inputs a, b, and the study gives it age, chol, marker",
    "two-of-age": "its input 'age' takes 2 numbers for each patient, and the study gives it 1",
    "whole-age": "its input 'age' takes int64",
    "untagged": "holds no graph for serving",
    "torn": "its saved_model.pb cannot be read",
    "empty": "has variables, and their values are not there",
}


def test_one_clear_error_each(models: Path, tmp_path: Path) -> None:
    asked = tmp_path / "asked.json"
    asked.write_bytes(_asked(Asked(width=3, columns=OUR, whole=(False,) * 3)))
    told = json.loads(_by_tensorflow(ROOT / "tests" / "saved_models" / "refuse.py", models, asked, "truth", *REFUSED))
    assert told.pop("truth") is None
    assert {name: REFUSED[name] in (told[name] or [""])[0] for name in REFUSED} == dict.fromkeys(REFUSED, True), told


def test_an_error_names_the_folder_and_says_what_to_do(study: Write, models: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="could be meant") as refused:
        bedside.adopt(models / "several", study(), out=tmp_path / "c")
    assert refused.value.where == str(models / "several") and 'output = "..."' in refused.value.remedy


def test_a_link_in_the_folder_is_refused(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "truth", tmp_path / "linked")
    index = tmp_path / "linked" / "variables" / "variables.index"
    index.unlink()
    index.symlink_to(models / "truth" / "variables" / "variables.index")
    with pytest.raises(DataError, match="is a link"):
        read(tmp_path / "linked", Asked(width=3, columns=OUR, whole=(False,) * 3))
