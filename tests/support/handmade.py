"""What releases, cohorts and studies made by hand have in common; whoever makes one says what differs."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np

from bedside.cohort import AttritionStep, Cohort, Data, Study, TargetLimits, Training
from bedside.privacy import Prototypes
from bedside.release import Manifest, Model, Network, TargetFile
from bedside.sources import Problem, Reading
from bedside.validation import encode, evidence_for_candidate

TODAY = dt.date(2026, 11, 22)


def manifest(**fields) -> Manifest:
    """Of a release that nobody has signed."""
    common = dict(  # noqa: C408
        version="1.0.0",
        distance_limit=2.5,
        missing_limit=0.5,
        network=Network(packed="residual", asked="residual", members=5, log_loss_difference=-0.01, parameters=321),
        targets={"server-cpu": TargetFile(file="model.onnx", digest="0" * 64, runtime="onnxruntime", tolerance=1e-5)},
        files={},
        study_digest="1" * 64,
        cohort_digest="2" * 64,
        seed=7,
        trained_by="Dr. T. Rainer",
        versions={"numpy": "2"},
    )
    return Manifest(**(common | fields))


def model(told: Manifest, predict, values: np.ndarray, target: str = "server-cpu") -> Model:
    """A model whose graph is the function ``predict``; ``values`` of its 20 prototypes."""
    return Model(
        manifest=told,
        digest="a" * 64,
        target=target,
        processor="x86-64 avx2",
        background=Prototypes(values=values, weights=np.full(20, 1 / 20), k=10),
        compared_with="averages of patients",
        predict=predict,
    )


def cohort(values: np.ndarray, *, removed: int = 0, **fields) -> Cohort:
    """Patients, one a row; nan is missing. ``removed``: rows without an outcome."""
    n = len(values)
    steps = [AttritionStep(step="rows read", rows=n + removed, removed=0)]
    if removed:
        steps.append(AttritionStep(step="with an outcome", rows=n, removed=removed))
    problems = np.where(np.isnan(values), int(Problem.MISSING), int(Problem.NONE)).astype(np.uint8)
    common = dict(  # noqa: C408
        reading=Reading(rows=np.arange(1, n + 1), values=values, problems=problems),
        patient=np.array([f"SECRET-{i:04d}" for i in range(n)], dtype=object),
        site=None,
        time=None,
        attrition=tuple(steps),
        digest="c" * 64,
        source_digest="d" * 64,
    )
    return Cohort(**(common | fields))


def study(**fields) -> Study:
    """A study whose files are nowhere."""
    common = dict(  # noqa: C408
        path=Path("/nowhere/study.toml"),
        digest="1" * 64,
        version="1.0.0",
        valid_until=None,
        data=Data(table=Path("/nowhere/patients.csv")),
        scales={},
        training=Training(),
        target_limits=TargetLimits(),
        targets=("server-cpu",),
    )
    return Study(**(common | fields))


def evidence(one, **options) -> dict:
    """The evidence on a model, with its floor, cohort and study, as JSON gives it back."""
    found = evidence_for_candidate(one.model, one.floor, one.cohort, one.study, today=TODAY, **options)
    return json.loads(encode(found))
