"""One graph: the declared preparation, the model as it was, what its outputs mean, and the distance to our patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from bedside.adoption.inputs import Inputs, prepared
from bedside.adoption.meaning import Meaning, probabilities
from bedside.adoption.original import Original
from bedside.errors import DataError
from bedside.graphs import cleaned_graph
from bedside.preparation import NUMPY, Array, Operations, Preparation, as_served, features, in_single_precision
from bedside.training.calibration import Calibration, calibrated
from bedside.training.distance import Distance, distance
from bedside.training.graph import OPSET, Trace, Value


@dataclass(frozen=True)
class Joined:
    """Everything that stands around an adopted model in the packed graph.

    Attributes
    ----------
    inputs: the declared preparation. meaning: of the outputs. calibration: None where none was fitted here.
    preparation, distance: how far a patient is from the development patients, as for a trained model.
    """

    original: Original
    inputs: Inputs
    meaning: Meaning
    calibration: Calibration | None
    preparation: Preparation
    distance: Distance


def _outputs(ops: Operations, joined: Joined, given: Array) -> Array:
    """The model's own outputs → probability [patient, class]."""
    probability = probabilities(ops, joined.meaning, given)
    return probability if joined.calibration is None else calibrated(ops, joined.calibration, probability)


def model_rows(inputs: Inputs, values: Float[np.ndarray, "row variable"]) -> Float[np.ndarray, "row input"]:
    """What the model takes for these values, in single precision: the reference for the graph."""
    with np.errstate(all="ignore"):
        return in_single_precision(np.asarray(prepared(NUMPY, inputs, as_served(values))))


def predicted(joined: Joined, values: Float[np.ndarray, "row variable"]) -> Float[np.ndarray, "row class"]:
    """Probabilities by the original framework, with all that stands around it in double precision."""
    given = joined.original.predict(model_rows(joined.inputs, values))
    with np.errstate(all="ignore"):
        return np.asarray(_outputs(NUMPY, joined, given.astype(np.float64)))


def joined_graph(joined: Joined, *, where: str) -> bytes:
    """``values`` → ``probability`` and ``distance``, after the graph contract: the very bytes that are packed.

    Raises
    ------
    DataError: the model's operators cannot be brought to the operator set of the graph around it.
    """
    trace = Trace()
    values = Value(trace, "values")
    given = trace.spliced(_raised(joined.original.graph, where), prepared(trace, joined.inputs, values))
    probability = _outputs(trace, joined, given)
    far = distance(trace, joined.distance, features(trace, joined.preparation, values))
    graph = trace.model(
        joined.preparation.variables, {"probability": (probability, joined.meaning.classes), "distance": (far, None)}
    )
    return cleaned_graph(graph, where=where)


def _raised(graph: bytes, where: str) -> Any:
    """The model with names of its own, brought to our operator set where it is older."""
    import onnx
    from onnx import compose, version_converter

    model = onnx.load_model_from_string(graph)
    version = next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), OPSET)
    try:
        if version < OPSET:
            model = version_converter.convert_version(model, OPSET)
        return compose.add_prefix(model, "model.")
    except Exception as error:  # onnx raises classes of its own that share no base
        raise DataError(
            f"its operators of set {version} cannot be brought to set {OPSET}: {str(error).splitlines()[0]}",
            where=where,
            remedy=f"Export it with operator set {OPSET} (opset_version={OPSET})",
        ) from error
