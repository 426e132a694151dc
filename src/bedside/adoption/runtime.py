"""Running an ONNX model while it is being adopted: on one thread, by the runtime that will serve it."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from bedside.adoption.original import Predict
from bedside.errors import DataError


def session(graph: bytes, *, where: str, as_written: bool = False) -> Any:
    """An onnxruntime session.

    Parameters
    ----------
    as_written: run node after node as the file has them, without any optimisation: the reference.

    Raises
    ------
    DataError: onnxruntime cannot load it; an operator that it does not know is named.
    """
    import onnxruntime as ort

    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    if as_written:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that share no base
        raise DataError(f"onnxruntime cannot load it: {error}", where=where) from error


def runner(graph: bytes, output: str, *, where: str, as_written: bool = False) -> Predict:
    """Rows of the model's one input → the output of this name, one row for each."""
    opened = session(graph, where=where, as_written=as_written)
    name = opened.get_inputs()[0].name
    wanted = np.float64 if opened.get_inputs()[0].type == "tensor(double)" else np.float32

    def run(rows: Float[np.ndarray, "row input"]) -> Float[np.ndarray, "row output"]:
        try:
            found = opened.run([output], {name: np.ascontiguousarray(rows, dtype=np.float32).astype(wanted)})[0]
        except Exception as error:  # as above
            raise DataError(f"onnxruntime cannot run it: {error}", where=where) from error
        return np.asarray(found, dtype=np.float64).reshape(len(rows), -1)

    return run
