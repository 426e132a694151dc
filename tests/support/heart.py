"""The public heart data of Cleveland as a study that adopts a model, and as plain arrays to train one elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

NAMES = ("age", "cp", "trestbps", "chol", "thalach", "oldpeak", "ca")
STUDY = """\
[study]
name = "heart"
version = "1.0.0"
task = "diagnosis"
intended_use = "Supports a test."
population = "Adults sent to angiography"

[data]
table = "uci_heart_cleveland.csv"

[predictors.age]
unit = "a"
range = [18, 100]

[predictors.cp]
categories = ["1", "2", "3", "4"]

[predictors.trestbps]
unit = "mm[Hg]"
range = [60, 260]

[predictors.chol]
unit = "mg/dL"
range = [80, 700]

[predictors.thalach]
unit = "/min"
range = [40, 230]

[predictors.oldpeak]
range = [-3, 8]

[predictors.ca]
range = [0, 3]

[outcome]
column = "num"
positive = ["1", "2", "3", "4"]

[validation]
threshold = 0.3
seed = 4

[accept]
auroc = { min = 0.6 }

[adoption.inputs]
cp = { codes = { 1 = 1, 2 = 2, 3 = 3, 4 = 4 } }
"""


def patients(data: Path) -> tuple[np.ndarray, np.ndarray]:
    """[patient, predictor] in the order of `NAMES`, nan for unknown; and whether a vessel was narrow."""
    table = np.genfromtxt(data / "records" / "uci_heart_cleveland.csv", delimiter=",", names=True)
    values = np.stack([table[name] for name in NAMES], axis=1).astype(np.float32)
    return values, (table["num"] > 0).astype(np.int64)


def write_study(data: Path, folder: Path, more: str = "") -> Path:
    shutil.copy(data / "records" / "uci_heart_cleveland.csv", folder)
    path = folder / "study.toml"
    path.write_text(STUDY + more)
    return path
