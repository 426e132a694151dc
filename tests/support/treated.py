"""A release that compares treatments, on patients whose outcome under each arm is known: made by ``trial``."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from trial import Trial, trial

from bedside.cohort import (
    AttritionStep,
    Cohort,
    Data,
    Gate,
    Outcome,
    Study,
    Subgroup,
    TargetLimits,
    Training,
    ValidationPlan,
    task,
)
from bedside.cohort.study import Quantity
from bedside.privacy import Prototypes
from bedside.release import Arms, Manifest, Model, Network, Outputs, Prediction, TargetFile
from bedside.sources import Problem, Reading, Schema, Variable
from bedside.validation import encode, evidence_for_candidate

TODAY = dt.date(2026, 11, 22)
SCHEMA = Schema(
    variables=(
        Variable(name="x0", kind="number", label="Score", unit=None, range=(-6.0, 6.0)),
        Variable(name="x1", kind="number", label="Burden", unit="a", range=(-6.0, 6.0)),
        Variable(name="x2", kind="number", label="Load", unit=None, range=(-6.0, 6.0)),
        Variable(name="sex", kind="category", label="Sex", categories=("f", "m")),
    ),
    patient="patient_id",
)
GATES = (Gate(measure="policy_gain", min=0.0, bound="low"), Gate(measure="abstained", max=0.2))
NAMES = ("control", "drug", "drug twice")


def arms(count: int, **changes) -> Arms:
    """The meaning of the columns; a mean, higher is better."""
    fields = dict(  # noqa: C408
        arms=NAMES[:count],
        column="arm",
        codes={name: place for place, name in enumerate(NAMES[:count])},
        outcome="score at a year",
        unit="{score}",
        kind="mean",
        better="higher",
        randomised=True,
        alpha=0.05,
        overlap=0.05,
        scale=1.5,
        single=1,
    )
    return Arms(**(fields | changes))


def graph(made: Trial, count: int, *, flat: float = 1.0, error: float = 0.3, wrong: float = 0.0):
    """A graph that knows what is expected, the effects shrunk to their mean by 1 - ``flat``; the distance is |x1|.

    ``wrong``: added to the propensity of the last arm, and taken from the control's.
    """
    effects = made.expected - made.expected[:, :1]
    effects = effects.mean(axis=0) + flat * (effects - effects.mean(axis=0))
    propensity = made.propensity.copy()
    propensity[:, 0] -= wrong
    propensity[:, -1] += wrong
    pairs = np.full((len(effects), count * (count - 1) // 2), error)
    columns = np.concatenate([made.expected[:, :1] + effects, pairs, propensity], axis=1).astype(np.float32)

    def predict(values: np.ndarray) -> Prediction:
        rows = [int(np.flatnonzero(made.X[:, 0] == row[0])[0]) for row in values]
        return Prediction(columns=columns[rows], distance=np.abs(values[:, 1]).astype(np.float32), spread=None)

    return predict


def model(manifest: Manifest, predict, target: str = "server-cpu") -> Model:
    """A model of that graph."""
    values = np.column_stack([np.tile(np.linspace(-1, 1, 20)[:, None], 3), np.arange(20) % 2])
    return Model(
        manifest=manifest,
        digest="a" * 64,
        target=target,
        processor="x86-64 avx2",
        background=Prototypes(values=values, weights=np.full(20, 1 / 20), k=10),
        compared_with="averages of patients",
        predict=predict,
    )


def scene(n: int = 600, *, count: int = 2, seed: int = 1, gates=GATES, observed=False, effect=1.0, **options):
    """Model, floor (which knows no effect of the single patient), cohort, and study."""
    how = {key: options.pop(key) for key in ("flat", "error", "wrong") if key in options}
    made = trial(seed, n, arms=count, observed=observed, effect=effect)
    meaning = arms(count, randomised=not observed, **options)
    manifest = Manifest(
        name="arms",
        version="1.0.0",
        task="treatment",
        intended_use="Supports the choice between treatments.",
        population="Adults",
        schema=SCHEMA,
        outputs=Outputs(classes=(), column="score", arms=meaning),
        threshold=None,
        conformal=None,
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
    return SimpleNamespace(
        model=model(manifest, graph(made, count, **how)),
        floor=model(manifest, graph(made, count, flat=0.0)),
        cohort=cohort(made),
        study=study(gates),
        made=made,
        arms=meaning,
    )


def cohort(made: Trial) -> Cohort:
    """Those patients, one a row."""
    n = len(made.arm)
    values = np.column_stack([made.X, np.arange(n) % 2]).astype(np.float64)
    return Cohort(
        reading=Reading(
            rows=np.arange(1, n + 1), values=values, problems=np.full(values.shape, int(Problem.NONE), dtype=np.uint8)
        ),
        patient=np.array([f"SECRET-{i:04d}" for i in range(n)], dtype=object),
        outcome=np.zeros(n, dtype=np.int64),
        amount=made.y,
        arm=made.arm,
        site=None,
        time=None,
        attrition=(AttritionStep(step="rows read", rows=n, removed=0),),
        digest="c" * 64,
        source_digest="d" * 64,
    )


def study(gates) -> Study:
    """Asks for the gates and for both sexes."""
    return Study(
        path=Path("/nowhere/study.toml"),
        digest="1" * 64,
        name="arms",
        version="1.0.0",
        task=task("treatment"),
        intended_use="Supports the choice between treatments.",
        population="Adults",
        valid_until=None,
        data=Data(table=Path("/nowhere/patients.csv")),
        schema=SCHEMA,
        scales={},
        outcome=Outcome(
            column="score",
            classes=(),
            positive=None,
            codes={},
            quantity=Quantity(name="score at a year", unit="{score}"),
        ),
        training=Training(),
        validation=ValidationPlan(subgroups=(Subgroup(text="sex", variable="sex"),), seed=20),
        gates=tuple(gates),
        target_limits=TargetLimits(),
        targets=("server-cpu",),
    )


def evidence(one, **options) -> dict:
    """The evidence as JSON gives it back."""
    found = evidence_for_candidate(one.model, one.floor, one.cohort, one.study, today=TODAY, **options)
    return json.loads(encode(found))
