"""A whole model, from values to calibrated probability, as fitted arrays and one formula."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bedside.network import Members, logits
from bedside.preparation import NUMPY, Array, Operations, Preparation, as_served, features
from bedside.training.calibration import Calibration, calibrated
from bedside.training.distance import Distance, distance
from bedside.training.graph import Trace, Value


@dataclass(frozen=True)
class Model:
    """Everything that the packed graph holds."""

    preparation: Preparation
    members: Members
    calibration: Calibration
    distance: Distance

    @property
    def parameters(self) -> int:
        """Fitted numbers of the members and the calibration."""
        return self.members.parameters + 1 + len(self.calibration.bias)


def mean_probability(ops: Operations, members: Members, x: Array) -> tuple[Array, Array | None]:
    """Mean over members of the softmax of their logits, and the standard deviation between them (None for one)."""
    each = ops.softmax(logits(ops, members, x))
    mean = ops.mean(each, axis=0)
    if members.count == 1:
        return mean, None
    return mean, ops.norm(each - mean, axis=0) * ops.constant(np.full(1, 1 / np.sqrt(members.count - 1)))


def outputs(ops: Operations, model: Model, values: Array) -> tuple[Array, Array, Array | None]:
    """(probability [patient, class], distance [patient], spread [patient, class] before calibration) of ``values``."""
    x = features(ops, model.preparation, values)
    mean, spread = mean_probability(ops, model.members, x)
    return calibrated(ops, model.calibration, mean), distance(ops, model.distance, x), spread


def predicted(model: Model, values: Float[np.ndarray, "patient variable"]) -> Float[np.ndarray, "patient class"]:
    """Calibrated probabilities in double precision."""
    with np.errstate(over="ignore"):
        return np.asarray(outputs(NUMPY, model, as_served(values))[0])


def graph(model: Model, *, variables: int) -> bytes:
    """The model as ONNX: ``values`` → ``probability``, ``distance`` and, with several members, ``spread``."""
    trace = Trace()
    classes = len(model.calibration.bias)
    probability, distances, spread = outputs(trace, model, Value(trace, "values"))
    named: dict[str, tuple[Array, int | None]] = {"probability": (probability, classes), "distance": (distances, None)}
    if spread is not None:
        named["spread"] = (spread, classes)
    return trace.model(variables, named)
