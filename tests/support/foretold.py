"""A release that foretells a course: hazards 0.1 exp(x) known to it, patients made by ``followed``."""

from __future__ import annotations

from types import SimpleNamespace

import handmade
import numpy as np
from followed import followed

from bedside.cohort import Cohort, FollowUp, Gate, Outcome, Study, Subgroup, ValidationPlan
from bedside.cohort.prognosis import TASK
from bedside.release import Band, Course, Manifest, Model, Outputs, Prediction
from bedside.sources import Schema, Variable

EDGES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0)
SCHEMA = Schema(
    variables=(
        Variable(name="x", kind="number", label="Score", unit=None, range=(-6.0, 6.0)),
        Variable(name="sex", kind="category", label="Sex", categories=("f", "m")),
    ),
    patient="patient_id",
)
GATES = (
    Gate(measure="c_ipcw", min=0.6),
    Gate(measure="auc_t", min=0.6, bound="low"),
    Gate(measure="calibration_slope_at_2", min=0.5, max=2.0),
    Gate(measure="net_benefit", better_than=("treat-all", "treat-none")),
    Gate(measure="auc_t", subgroups=True, max_gap=0.3, min_events=10),
)


def course(competing: float = 0.0, **changes) -> Course:
    """Two horizons, 2 and 5 years; the second is the decision's."""
    fields = dict(  # noqa: C408
        events=("death", "transplant") if competing else ("death",),
        edges=EDGES,
        unit="a",
        horizons=(2.0, 5.0),
        decision=5.0,
        time="years",
        band=Band(half_width=0.15, alpha=0.1, group=50),
    )
    return Course(**(fields | changes))


def cells(hazard: np.ndarray, competing: float, edges: tuple[float, ...] = EDGES) -> np.ndarray:
    """The cells of constant hazards."""
    both = hazard + competing
    gone = -np.diff(np.exp(-both[:, None] * np.array(edges)), axis=1)
    parts = [gone * (hazard / both)[:, None]]
    if competing:
        parts.append(gone * (competing / both)[:, None])
    return np.concatenate([*parts, 1 - gone.sum(axis=1, keepdims=True)], axis=1)


def graph(competing: float, slope: float):
    """A graph that knows the hazards, up to a slope; the distance is |x|."""

    def predict(values: np.ndarray) -> Prediction:
        x = np.nan_to_num(np.asarray(values, dtype=np.float64)[:, 0])
        probability = cells(0.1 * np.exp(slope * x), competing).astype(np.float32)
        return Prediction(columns=probability, distance=np.abs(x).astype(np.float32), spread=None)

    return predict


def model(manifest: Manifest, predict, target: str = "server-cpu") -> Model:
    """A model of that graph."""
    values = np.column_stack([np.linspace(-1, 1, 20), np.arange(20) % 2]).astype(np.float64)
    return handmade.model(manifest, predict, values, target)


def classes(competing: float) -> tuple[str, ...]:
    """Of the table."""
    return ("alive", "death", "transplant") if competing else ("alive", "death")


def scene(n: int = 400, *, competing: float = 0.0, seed: int = 1, threshold=0.3, gates=GATES, **options):
    """Model, floor (too flat by half), cohort, and study."""
    changes = {key: options.pop(key) for key in ("horizons", "decision", "edges", "band") if key in options}
    made = followed(seed, n, competing=competing, **options)
    manifest = handmade.manifest(
        name="course",
        task="prognosis",
        intended_use="Supports a conversation about what is to come.",
        population="Adults",
        schema=SCHEMA,
        outputs=Outputs(
            classes=classes(competing), positive="death", column="status", course=course(competing, **changes)
        ),
        threshold=threshold,
        conformal=None,
    )
    return SimpleNamespace(
        model=model(manifest, graph(competing, 1.0)),
        floor=model(manifest, graph(competing, 0.5)),
        cohort=cohort(made),
        study=study(threshold, gates, classes(competing)),
        made=made,
    )


def cohort(made) -> Cohort:
    """Those patients, one a row."""
    n = len(made.time)
    values = np.column_stack([np.log(made.hazard / 0.1), np.arange(n) % 2]).astype(np.float64)
    return handmade.cohort(
        values,
        removed=5,
        outcome=made.event,
        followed=made.time,
        entered=made.entry if made.entry.any() else None,
    )


def study(threshold, gates, names: tuple[str, ...]) -> Study:
    """Asks for the gates and for both sexes."""
    return handmade.study(
        name="course",
        task=TASK,
        intended_use="Supports a conversation about what is to come.",
        population="Adults",
        schema=SCHEMA,
        outcome=Outcome(
            column="status",
            classes=names,
            positive="death",
            codes={name: place for place, name in enumerate(names)},
            follow_up=FollowUp(time="years", unit="a", horizons=(2.0, 5.0)),
        ),
        validation=ValidationPlan(threshold=threshold, subgroups=(Subgroup(text="sex", variable="sex"),), seed=20),
        gates=tuple(gates),
    )
