"""A release that compares treatments, on patients whose outcome under each arm is known: made by ``trial``."""

from __future__ import annotations

from types import SimpleNamespace

import handmade
import numpy as np
from trial import Trial, trial

from bedside.cohort import Cohort, Gate, Outcome, Study, Subgroup, ValidationPlan, task
from bedside.cohort.study import Quantity
from bedside.release import Arms, Manifest, Model, Outputs, Prediction
from bedside.sources import Schema, Variable

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
    return handmade.model(manifest, predict, values, target)


def scene(n: int = 600, *, count: int = 2, seed: int = 1, gates=GATES, observed=False, effect=1.0, **options):
    """Model, floor (which knows no effect of the single patient), cohort, and study."""
    how = {key: options.pop(key) for key in ("flat", "error", "wrong") if key in options}
    made = trial(seed, n, arms=count, observed=observed, effect=effect)
    meaning = arms(count, randomised=not observed, **options)
    manifest = handmade.manifest(
        name="arms",
        task="treatment",
        intended_use="Supports the choice between treatments.",
        population="Adults",
        schema=SCHEMA,
        outputs=Outputs(classes=(), column="score", arms=meaning),
        threshold=None,
        conformal=None,
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
    return handmade.cohort(values, outcome=np.zeros(n, dtype=np.int64), amount=made.y, arm=made.arm)


def study(gates) -> Study:
    """Asks for the gates and for both sexes."""
    return handmade.study(
        name="arms",
        task=task("treatment"),
        intended_use="Supports the choice between treatments.",
        population="Adults",
        schema=SCHEMA,
        outcome=Outcome(
            column="score",
            classes=(),
            positive=None,
            codes={},
            quantity=Quantity(name="score at a year", unit="{score}"),
        ),
        validation=ValidationPlan(subgroups=(Subgroup(text="sex", variable="sex"),), seed=20),
        gates=tuple(gates),
    )
