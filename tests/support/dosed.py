"""A release that gives a dose, on invented patients whose therapeutic dose is known."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import msgspec
import numpy as np
import treated

from bedside.cohort import Gate, task
from bedside.release import Dose, Outputs, Prediction

DOSE = Dose(
    drug="warfarin", column="dose", unit="mg/wk", tolerance=0.2, alpha=0.1, lowest=5.0, highest=100.0, scale=15.0
)
GATES = (Gate(measure="mae", max=12.0), Gate(measure="within_tolerance", min=0.3, bound="low"))


def graph(root: np.ndarray, x: np.ndarray, shift: float = 0.0):
    """A graph that knows the root of the dose, give or take what nobody knows; the distance is |x1|."""
    middle = ((root + shift).clip(2.3, 10.0)) ** 2
    low, high = ((root + shift - 1.0).clip(2.3, 10.0)) ** 2, ((root + shift + 1.0).clip(2.3, 10.0)) ** 2
    columns = np.column_stack([middle, low, high]).astype(np.float32)

    def predict(values: np.ndarray) -> Prediction:
        rows = [int(np.flatnonzero(x[:, 0] == row[0])[0]) for row in values]
        return Prediction(columns=columns[rows], distance=np.abs(values[:, 1]).astype(np.float32), spread=None)

    return predict


def scene(n: int = 600, *, seed: int = 1, gates=GATES) -> SimpleNamespace:
    """Model, floor (half a root too high), cohort with another rule (of nobody with x2 above 1), and study."""
    made = treated.trial(seed, n)
    rng = np.random.default_rng(seed + 100)
    root = 5.8 + 0.6 * made.X[:, 0]
    amount = (root + rng.normal(0, 0.6, n)).clip(2.3, 10.0) ** 2
    other = np.where(made.X[:, 2] > 1, np.nan, 35.0 + 4 * made.X[:, 0])
    base = treated.scene(n, seed=seed, gates=gates)
    manifest = msgspec.structs.replace(
        base.model.manifest, task="dose", outputs=Outputs(classes=(), column="dose", dose=DOSE)
    )
    study = msgspec.structs.replace(base.study, task=task("dose"))
    cohort = replace(base.cohort, amount=amount, arm=None, comparators={"clinical equation": other})
    return SimpleNamespace(
        model=treated.model(manifest, graph(root, made.X)),
        floor=treated.model(manifest, graph(root, made.X, 0.5)),
        cohort=cohort,
        study=study,
        other=other,
    )
