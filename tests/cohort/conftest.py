"""A small study on disk, to be changed by each test."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

STUDY = """\
[study]
name = "small"
version = "1.0.0"
task = "diagnosis"
intended_use = "Supports a test."
population = "Invented patients"

[data]
table = "patients.csv"
patient = "pid"
site = "hospital"
time = "seen"
missing = ["", "NA"]

[predictors.age]
label = "Age"
unit = "a"
range = [18, 110]

[predictors.chol]
unit = "mg/dL"
range = [50, 700]
missing = [0]

[predictors.sex]
categories = ["f", "m"]

[outcome]
column = "ill"
positive = "yes"

[validation]
holdout = 0.25
threshold = 0.2
seed = 7
"""


def table(rows: int = 200, seed: int = 1) -> dict[str, list[Any]]:
    """Invented patients: illness depends on age and cholesterol a little."""
    rng = np.random.default_rng(seed)
    age, chol = rng.uniform(30, 90, rows).round(1), rng.normal(210, 40, rows).round(1)
    ill = rng.uniform(size=rows) < 1 / (1 + np.exp(-(0.06 * (age - 60) + 0.01 * (chol - 210))))
    return {
        "pid": [f"p{i}" for i in range(rows)],
        "hospital": [["north", "south", "west"][i % 3] for i in range(rows)],
        "seen": [f"20{20 + i % 5}-0{1 + i % 9}-15" for i in range(rows)],
        "age": age.tolist(),
        "chol": chol.tolist(),
        "sex": ["f" if u < 0.5 else "m" for u in rng.uniform(size=rows)],
        "ill": ["yes" if one else "no" for one in ill],
    }


def write_csv(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


Maker = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    """Write a study and its table; replacements change the text, columns replace or add to the table's."""

    def made(
        *replacements: tuple[str, str], text: str = STUDY, columns: Mapping[str, Any] | None = None, rows: int = 200
    ) -> Path:
        write_csv(tmp_path / "patients.csv", table(rows) | dict(columns or {}))
        for old, new in replacements:
            assert old in text, old
            text = text.replace(old, new)
        (tmp_path / "study.toml").write_text(text, encoding="utf-8")
        return tmp_path / "study.toml"

    return made


@pytest.fixture
def patients() -> Callable[..., dict[str, list[Any]]]:
    """The table that `make` writes."""
    return table
