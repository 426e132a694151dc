"""A whole model, from values to calibrated probability, as fitted arrays and one formula."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bedside.network import Members, logits
from bedside.preparation import NUMPY, Array, Operations, Preparation, as_served, features
from bedside.training.distance import Distance, distance
from bedside.training.graph import Trace, Value
from bedside.training.head import Finish, Head, Map


@dataclass(frozen=True)
class Model:
    """Everything that the packed graph holds."""

    preparation: Preparation
    members: Members
    calibration: Map
    distance: Distance
    head: Head
    finish: Finish | None = None

    @property
    def parameters(self) -> int:
        """Fitted numbers of the members, the calibration and what is added last."""
        last = 0 if self.finish is None else self.finish.parameters
        return self.members.parameters + int(self.calibration.parameters) + last

    @property
    def width(self) -> int:
        """Columns of the graph's first output."""
        return self.head.width if self.finish is None else self.finish.width


def mean_columns(ops: Operations, head: Head, members: Members, x: Array) -> tuple[Array, Array | None]:
    """Mean over members of the columns of their logits, and the standard deviation between them.

    That is None for one member, and where the head has no spread.
    """
    each = head.columns(ops, logits(ops, members, x))
    mean = ops.mean(each, axis=0)
    if members.count == 1 or not head.spread:
        return mean, None
    return mean, ops.norm(each - mean, axis=0) * ops.constant(np.full(1, 1 / np.sqrt(members.count - 1)))


def outputs(ops: Operations, model: Model, values: Array) -> tuple[Array, Array, Array | None]:
    """(columns [patient, column], distance [patient], spread like columns, not calibrated) of ``values``."""
    x = features(ops, model.preparation, values)
    mean, spread = mean_columns(ops, model.head, model.members, x)
    found = model.head.calibrated(ops, model.calibration, mean)
    if model.finish is not None:
        found = model.finish.columns(ops, found, x)
    return found, distance(ops, model.distance, x), spread


def predicted(model: Model, values: Float[np.ndarray, "patient variable"]) -> Float[np.ndarray, "patient column"]:
    """What the graph gives first, in double precision."""
    with np.errstate(over="ignore"):
        return np.asarray(outputs(NUMPY, model, as_served(values))[0])


def graph(model: Model, *, variables: int) -> bytes:
    """The model as ONNX: ``values`` → the head's tensor, ``distance``, ``spread`` where there is one, its sums."""
    trace = Trace()
    width = model.width
    columns, distances, spread = outputs(trace, model, Value(trace, "values"))
    named: dict[str, tuple[Array, int | None]] = {model.head.tensor: (columns, width), "distance": (distances, None)}
    if spread is not None:
        named["spread"] = (spread, width)
    for name, matrix in model.head.sums().items():
        named[name] = (columns @ trace.constant(matrix), matrix.shape[1])
    return trace.model(variables, named)
