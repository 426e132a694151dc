"""Hand-made models, cohorts and studies: a frozen graph in numpy that keeps the graph's contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import handmade
import numpy as np
import pytest

from bedside.cohort import (
    Cohort,
    Data,
    Gate,
    Outcome,
    Study,
    Subgroup,
    ValidationPlan,
    task,
)
from bedside.release import Conformal, Manifest, Model, Outputs, Prediction
from bedside.sources import Schema, Variable
from bedside.validation import Looks

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
        task="diagnosis",
        intended_use="Supports a cytologist.",
        population="Adults with a mass",
        schema=SCHEMA,
        outputs=Outputs(classes=classes, positive=positive),
        threshold=threshold,
        conformal=Conformal(alpha=0.1, quantiles=tuple(0.8 for _ in classes)),
        distance_limit=12.0,
        missing_limit=0.4,
    )
    return handmade.manifest(**(fields | changes))


def make_model(manifest: Manifest, predict, target: str = "server-cpu") -> Model:
    rng = np.random.default_rng(5)
    values = np.column_stack([rng.normal(14, 2, 20), rng.normal(55, 4, 20), rng.integers(0, 2, 20)]).astype(np.float64)
    return handmade.model(manifest, predict, values, target)


def make_cohort(rng: np.random.Generator, n: int, draw, *, site: bool = False) -> Cohort:
    values = np.column_stack([rng.normal(15, 4, n), rng.normal(55, 12, n).clip(18, 100), rng.integers(0, 2, n)])
    values[rng.random(n) < 0.1, 1] = np.nan
    sites = np.array([("north", "south")[i % 2] for i in range(n)], dtype=object) if site else None
    return handmade.cohort(values, removed=5, outcome=draw(values), site=sites)


def make_study(classes, positive, threshold, *, gates=(), subgroups=(), leakage=()) -> Study:
    return handmade.study(
        name="lump",
        task=task("diagnosis"),
        intended_use="Supports a cytologist.",
        population="Adults with a mass",
        data=Data(table=Path("/nowhere/patients.csv"), leakage_known=tuple(leakage)),
        schema=SCHEMA,
        outcome=Outcome(
            column="diagnosis", classes=classes, positive=positive, codes={c: i for i, c in enumerate(classes)}
        ),
        validation=ValidationPlan(threshold=threshold, subgroups=tuple(subgroups), seed=20),
        gates=tuple(gates),
    )


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


@pytest.fixture(scope="session")
def world() -> SimpleNamespace:
    """The makers of this file, as tests cannot import them."""
    return SimpleNamespace(
        today=handmade.TODAY, schema=SCHEMA, scene=make_scene, binary_weights=WEIGHTS_2, model=make_model,
        manifest=make_manifest, graph=graph, evidence=handmade.evidence, gates=GATES,
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
    return handmade.evidence(binary, looks=Looks(count=3, candidates=2, studies=2), development=DEVELOPMENT)


@pytest.fixture(scope="session")
def three_evidence(three: Scene) -> dict:
    return handmade.evidence(three)


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
