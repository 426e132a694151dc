"""A Keras model of one hospital is adopted by another: real patients, other habits of measuring, values unknown."""

from __future__ import annotations

import csv
import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bedside
from bedside.adoption.torch_graph import quiet

NUMBERS = ("age", "trestbps", "chol", "thalach", "oldpeak")
YES_NO = ("sex", "fbs", "exang")
PAIN = ("1", "2", "3", "4")
STUDY = """\
[study]
name = "heart-elsewhere"
version = "1.0.0"
task = "diagnosis"
intended_use = "Supports a cardiologist deciding whether a patient with chest pain needs coronary angiography."
population = "Adults referred for coronary angiography"

[data]
table = {table}
missing = ["", "?"]

[outcome]
column = "num"
positive = "1"
negative = "0"

[validation]
holdout = 0.5
threshold = 0.2
seed = 4

[accept]
auroc = {{ min = 0.75, bound = "low" }}

[predictors]
age = {{ unit = "a", range = [18, 110] }}
trestbps = {{ unit = "mm[Hg]", range = [60, 260] }}
chol = {{ unit = "mg/dL", range = [60, 700] }}
thalach = {{ range = [50, 230] }}
oldpeak = {{ range = [-3, 10] }}
sex = {{ categories = [0, 1] }}
fbs = {{ categories = [0, 1] }}
exang = {{ categories = [0, 1] }}
cp = {{ categories = [1, 2, 3, 4] }}

[adoption]
order = ["cp", "sex", "fbs", "exang", "age", "trestbps", "chol", "thalach", "oldpeak"]
trained_on = "303 patients of Cleveland"
unseen = true

[adoption.inputs]
cp = {{ one_hot = true, fill = "4" }}
"""


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _number(text: str, fill: float) -> float:
    return fill if text in ("", "?") else float(text)


def _taken(rows: list[dict[str, str]], mean: dict[str, float], deviation: dict[str, float]) -> np.ndarray:
    """What Cleveland's model takes, written down without any code of bedside's."""
    taken = []
    for row in rows:
        pain = [float(float(row["cp"]) == float(text)) for text in PAIN]
        flags = [float(_number(row[name], 0.0) == 1.0) for name in YES_NO]
        numbers = [(_number(row[name], mean[name]) - mean[name]) / deviation[name] for name in NUMBERS]
        taken.append([*pain, *flags, *numbers])
    return np.array(taken)


def _trained(x: np.ndarray, y: np.ndarray, path: Path) -> Any:
    """A small network, trained and saved by Keras itself."""
    os.environ["KERAS_BACKEND"] = "torch"
    with quiet():
        import keras

        keras.utils.set_random_seed(1)
        layers = [keras.Input((12,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "sigmoid")]
        model = keras.Sequential(layers)
        model.compile("adam", "binary_crossentropy")
        model.fit(x, y, epochs=40, verbose=0)
        model.save(path)
    return model


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> tuple[Path, Path, np.ndarray]:
    """The hospital's folder, its table, and what Keras itself says about its patients."""
    if find_spec("keras") is None:
        pytest.skip("keras is not installed")
    folder = tmp_path_factory.mktemp("heart")
    cleveland = _read(data_dir / "records" / "uci_heart_cleveland.csv")
    table = data_dir / "records" / "uci_heart_hungarian.csv"
    known = {name: [float(row[name]) for row in cleveland if row[name] not in ("", "?")] for name in NUMBERS}
    mean = {name: round(float(np.mean(values)), 3) for name, values in known.items()}
    deviation = {name: round(float(np.std(values)), 3) for name, values in known.items()}
    ill = np.array([float(float(row["num"]) > 0) for row in cleveland])
    model = _trained(_taken(cleveland, mean, deviation), ill, folder / "cleveland.keras")
    with quiet():
        said = model.predict(_taken(_read(table), mean, deviation), verbose=0)[:, 0]
    scales = [
        f"{name} = {{ fill = {mean[name]}, subtract = {mean[name]}, divide = {deviation[name]} }}" for name in NUMBERS
    ]
    flags = [f'{name} = {{ codes = {{ 0 = 0, 1 = 1 }}, fill = "0" }}' for name in YES_NO]
    (folder / "study.toml").write_text("\n".join([STUDY.format(table=json.dumps(str(table))), *scales, *flags, ""]))
    for out, recalibrate in (("plain", False), ("recalibrated", True)):
        bedside.adopt(folder / "cleveland.keras", folder / "study.toml", out=folder / out, recalibrate=recalibrate)
        assert bedside.validate(folder / out).evidence.verdict == "accepted"
    return folder, table, said


def test_every_patient_gets_what_keras_says(adopted: tuple[Path, Path, np.ndarray]) -> None:
    folder, table, expected = adopted
    bedside.predict(folder / "plain", table, out=folder / "answers.csv")
    answers = _read(folder / "answers.csv")
    pairs = [
        (float(row["probability"]), said) for row, said in zip(answers, expected, strict=True) if row["probability"]
    ]
    assert len(pairs) > 0.9 * len(answers)
    assert max(abs(one - other) for one, other in pairs) < 1e-5


def test_it_ranks_well_elsewhere_and_recalibration_mends_its_level(adopted: tuple[Path, Path, np.ndarray]) -> None:
    folder = adopted[0]
    plain, again = (
        json.loads((folder / out / "evidence.json").read_text())["measures"] for out in ("plain", "recalibrated")
    )
    assert 0.82 < plain["auroc"]["value"] < 0.95  # Cleveland to Hungarian, published: .879 to .889
    assert again["auroc"]["value"] == pytest.approx(plain["auroc"]["value"], abs=1e-9)
    assert abs(again["calibration_slope"]["value"] - 1) < abs(plain["calibration_slope"]["value"] - 1)
    assert again["log_loss"]["value"] < plain["log_loss"]["value"]
