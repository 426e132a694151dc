"""Real patients with categories and holes, read by the study file's own road."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from bedside.cohort import assemble, read_study, split
from bedside.training import fit

STUDY = """
[study]
name = "heart"
version = "1.0.0"
task = "diagnosis"
intended_use = "Test."
population = "Patients with chest pain"

[data]
table = "{table}"

[predictors.age]
label = "Age"
unit = "a"
[predictors.sex]
label = "Sex"
categories = ["0", "1"]
[predictors.cp]
label = "Chest pain"
categories = ["1", "2", "3", "4"]
[predictors.chol]
label = "Cholesterol"
[predictors.thalach]
label = "Heart rate"
[predictors.oldpeak]
label = "ST depression"
[predictors.slope]
label = "Slope"
categories = ["1", "2", "3"]
[predictors.ca]
label = "Vessels"
[predictors.thal]
label = "Thallium"
categories = ["3", "6", "7"]

[outcome]
column = "exang"
positive = "1"

[training]
members = 2
"""


def test_patients_with_categories_and_holes(data_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(STUDY.format(table=data_dir / "records" / "uci_heart_cleveland.csv"))
    study = read_study(path)
    cohort = assemble(study)
    parts = split(study, cohort)
    fitted = fit(study, cohort.take(parts.development))
    held_out = cohort.take(parts.held_out)
    assert np.isnan(cohort.reading.values).any()
    assert roc_auc_score(held_out.outcome, fitted.predict(held_out.reading.values)[:, 1]) > 0.7
    names = fitted.model.preparation.names
    assert {"thal unknown", "ca unknown", "cp = 4"} <= set(names)
    assert fitted.development["scales"]["oldpeak"] == "log"
