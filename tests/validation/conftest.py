"""Hand-made models, cohorts and studies: a frozen graph in numpy that keeps the graph's contract."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

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
from bedside.privacy import Prototypes
from bedside.release import Conformal, Manifest, Model, Network, Outputs, Prediction, TargetFile
from bedside.sources import Problem, Reading, Schema, Variable
from bedside.validation import Looks, encode, evidence_for_candidate

TODAY = dt.date(2026, 11, 22)
SCHEMA = Schema(
    variables=(
        Variable(name="radius", kind="number", label="Mean radius", unit="um", range=(0.0, 60.0)),
        Variable(name="age", kind="number", label="Age", unit="a", range=(18.0, 100.0)),
        Variable(name="menopause", kind="category", label="Menopause", categories=("pre", "post")),
    ),
    patient="patient_id",
)


class Scene:
    """What one validation needs: model, floor, cohort, study."""

    def __init__(self, model: Model, floor: Model, cohort: Cohort, study: Study) -> None:
        self.model, self.floor, self.cohort, self.study = model, floor, cohort, study


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def graph(weights: np.ndarray, sharpness: float = 1.0) -> Callable[[np.ndarray], Prediction]:
    """Softmax of a linear score of the first two variables; unknown counts as the mean; distance is |radius - 15|."""

    def predict(values: np.ndarray) -> Prediction:
        x = np.nan_to_num(np.asarray(values, dtype=np.float64)[:, :2] - np.array([15.0, 55.0]), nan=0.0)
        probability = softmax(sharpness * (x @ weights)).astype(np.float32)
        return Prediction(columns=probability, distance=np.abs(x[:, 0]).astype(np.float32), spread=None)

    return predict


def make_manifest(classes: tuple[str, ...], positive: str | None, threshold, **changes) -> Manifest:
    fields = dict(  # noqa: C408
        name="lump",
        version="1.0.0",
        task="diagnosis",
        intended_use="Supports a cytologist.",
        population="Adults with a mass",
        schema=SCHEMA,
        outputs=Outputs(classes=classes, positive=positive),
        threshold=threshold,
        conformal=Conformal(alpha=0.1, quantiles=tuple(0.8 for _ in classes)),
        distance_limit=12.0,
        missing_limit=0.4,
        network=Network(packed="residual", asked="residual", members=5, log_loss_difference=-0.01, parameters=321),
        targets={"server-cpu": TargetFile(file="model.onnx", digest="0" * 64, runtime="onnxruntime", tolerance=1e-5)},
        files={},
        study_digest="1" * 64,
        cohort_digest="2" * 64,
        seed=7,
        trained_by="Dr. T. Rainer",
        versions={"numpy": "2"},
    )
    return Manifest(**(fields | changes))


def make_model(manifest: Manifest, predict, digest: str = "a" * 64, target: str = "server-cpu") -> Model:
    rng = np.random.default_rng(5)
    values = np.column_stack([rng.normal(14, 2, 20), rng.normal(55, 4, 20), rng.integers(0, 2, 20)]).astype(np.float64)
    return Model(
        manifest=manifest,
        digest=digest,
        target=target,
        processor="x86-64 avx2",
        background=Prototypes(values=values, weights=np.full(20, 1 / 20), k=10),
        compared_with="averages of patients",
        predict=predict,
    )


def make_cohort(rng: np.random.Generator, n: int, draw, *, site: bool = False) -> Cohort:
    values = np.column_stack([rng.normal(15, 4, n), rng.normal(55, 12, n).clip(18, 100), rng.integers(0, 2, n)])
    values[rng.random(n) < 0.1, 1] = np.nan
    problems = np.where(np.isnan(values), int(Problem.MISSING), int(Problem.NONE)).astype(np.uint8)
    outcome = draw(values)
    return Cohort(
        reading=Reading(rows=np.arange(1, n + 1), values=values, problems=problems),
        patient=np.array([f"SECRET-{i:04d}" for i in range(n)], dtype=object),
        outcome=outcome,
        site=np.array([("north", "south")[i % 2] for i in range(n)], dtype=object) if site else None,
        time=None,
        attrition=(
            AttritionStep(step="rows read", rows=n + 5, removed=0),
            AttritionStep(step="with an outcome", rows=n, removed=5),
        ),
        digest="c" * 64,
        source_digest="d" * 64,
    )


def make_study(classes, positive, threshold, *, gates=(), subgroups=(), leakage=()) -> Study:
    return Study(
        path=Path("/nowhere/study.toml"),
        digest="1" * 64,
        name="lump",
        version="1.0.0",
        task=task("diagnosis"),
        intended_use="Supports a cytologist.",
        population="Adults with a mass",
        valid_until=None,
        data=Data(table=Path("/nowhere/patients.csv"), leakage_known=tuple(leakage)),
        schema=SCHEMA,
        scales={},
        outcome=Outcome(
            column="diagnosis", classes=classes, positive=positive, codes={c: i for i, c in enumerate(classes)}
        ),
        training=Training(),
        validation=ValidationPlan(threshold=threshold, subgroups=tuple(subgroups), seed=20),
        gates=tuple(gates),
        target_limits=TargetLimits(),
        targets=("server-cpu",),
    )  # fmt: skip


WEIGHTS_2 = np.array([[0.0, 0.35], [0.0, 0.02]])
WEIGHTS_3 = np.array([[-0.3, 0.0, 0.3], [0.0, 0.03, 0.0]])
SUBGROUPS = (
    Subgroup(text="menopause", variable="menopause"),
    Subgroup(text="age >= 65", variable="age", operator=">=", value=65.0),
)
GATES = (
    Gate(measure="auroc", min=0.6),
    Gate(measure="calibration_slope", min=0.3, max=3.0),
    Gate(measure="net_benefit", better_than=("treat-all", "treat-none")),
    Gate(measure="abstained", max=0.3),
    Gate(measure="auroc", subgroups=True, max_gap=0.3, min_events=10),
)


def make_scene(
    classes, weights, threshold, *, n=142, seed=1, site=False, gates=GATES, subgroups=SUBGROUPS, **changes
) -> Scene:
    rng = np.random.default_rng(seed)
    positive = classes[1] if len(classes) == 2 else None

    def draw(values: np.ndarray) -> np.ndarray:
        P = graph(weights)(values).columns
        return (rng.random(len(P))[:, None] > np.cumsum(P, axis=1)[:, :-1]).sum(axis=1).astype(np.int64)

    cohort = make_cohort(rng, n, draw, site=site)
    manifest = make_manifest(classes, positive, threshold, **changes)
    return Scene(
        make_model(manifest, graph(weights, 0.9)),
        make_model(manifest, graph(weights * np.array([[1.0], [0.0]]), 0.7)),
        cohort,
        make_study(classes, positive, threshold, gates=gates, subgroups=subgroups),
    )


BENIGN_MALIGNANT = ("benign", "malignant")


def evidence_of(scene: Scene, **options) -> dict:
    """The evidence as JSON gives it back."""
    found = evidence_for_candidate(scene.model, scene.floor, scene.cohort, scene.study, today=TODAY, **options)
    return json.loads(encode(found))


@pytest.fixture(scope="session")
def world() -> SimpleNamespace:
    """The makers of this file, as tests cannot import them."""
    return SimpleNamespace(
        today=TODAY, schema=SCHEMA, scene=make_scene, binary_weights=WEIGHTS_2, model=make_model,
        manifest=make_manifest, graph=graph, evidence=evidence_of, gates=GATES,
    )  # fmt: skip


@pytest.fixture(scope="session")
def binary() -> Scene:
    """Two classes, 200 rows, about a quarter of which the model does not answer."""
    return make_scene(BENIGN_MALIGNANT, WEIGHTS_2, 0.4, n=200, site=True, distance_limit=4.0)


@pytest.fixture(scope="session")
def three() -> Scene:
    """Three classes, all answered, two of them with a threshold."""
    return make_scene(("a", "b", "c"), WEIGHTS_3, {"b": 0.3, "c": 0.25}, n=220, distance_limit=100.0)


@pytest.fixture(scope="session")
def binary_evidence(binary: Scene) -> dict:
    return evidence_of(binary, looks=Looks(count=3, candidates=2, studies=2), development=DEVELOPMENT)


@pytest.fixture(scope="session")
def three_evidence(three: Scene) -> dict:
    return evidence_of(three)


DEVELOPMENT = {
    "learning_curve": [
        {"patients": 50, "log_loss": 0.52, "auroc": 0.81},
        {"patients": 200, "log_loss": 0.43, "auroc": 0.87},
    ],
    "learning_curve_last_step": {"from": 50, "to": 200, "value": -0.09, "low": -0.12, "high": -0.06},
    "data_check": {
        "sample_size": [
            {
                "parameters": 3,
                "needed": 580,
                "needed_events": 214,
                "available": 427,
                "available_events": 158,
                "criteria": {"shrinkage": 410, "overall_risk": 580},
                "r2_nagelkerke": 0.15,
                "outcome": "malignant",
            }
        ]
    },
    "epochs": [12, 14, 9],
}
