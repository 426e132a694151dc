"""A graph in onnxruntime, held to the graph contract: what every target that onnxruntime runs shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from bedside.errors import DataError
from bedside.release.model import Prediction

ROWS_AT_ONCE = 16_384
Providers = Sequence[str | tuple[str, Mapping[str, str]]]


def opened(graph: bytes, where: str, providers: Providers = ("CPUExecutionProvider",)) -> Any:
    """A session on one thread, so that an answer does not depend on the machine's load.

    Raises
    ------
    DataError: onnxruntime cannot read the graph.
    """
    import onnxruntime as ort

    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(graph, options, providers=list(providers))
    except Exception as error:  # onnxruntime raises classes of its own that share no base
        raise DataError(f"onnxruntime cannot load it: {error}", where=where) from error


def runnable(
    session: Any, *, variables: int, classes: int, where: str
) -> Callable[[Float[np.ndarray, "patient variable"]], Prediction]:
    """A session as a function from patients to their prediction.

    Raises
    ------
    DataError: its inputs and outputs are not those of the graph contract.
    """
    import onnxruntime as ort

    names = _checked(session, variables, classes, where)
    wanted_only = ort.RunOptions()
    wanted_only.only_execute_path_to_fetches = True

    def once(values: np.ndarray) -> list[np.ndarray]:
        outputs: list[np.ndarray] = session.run(names, {"values": values}, wanted_only)
        return outputs

    def predict(values: Float[np.ndarray, "patient variable"]) -> Prediction:
        given = np.ascontiguousarray(values, dtype=np.float32)
        if len(given) <= ROWS_AT_ONCE:
            outputs = once(given)
        else:  # in pieces, so that a large table needs no more memory than a small one
            pieces = [once(given[at : at + ROWS_AT_ONCE]) for at in range(0, len(given), ROWS_AT_ONCE)]
            outputs = [np.concatenate(parts) for parts in zip(*pieces, strict=True)]
        return Prediction(outputs[0], outputs[1], outputs[2] if len(outputs) > 2 else None)

    return predict


def _checked(session: Any, variables: int, classes: int, where: str) -> list[str]:
    """Names of the outputs to ask for, after checking every shape and type that the graph declares."""
    per_class: list[int | None] = [None, classes]
    alone: list[int | None] = [None]
    inputs, outputs = session.get_inputs(), {output.name: output for output in session.get_outputs()}
    first = "estimate" if "estimate" in outputs else "probability"
    expected = {first: per_class, "distance": alone, "spread": per_class}
    if [i.name for i in inputs] != ["values"] or not _fits(inputs[0], [None, variables]):
        raise DataError(f"its input must be `values`, float32 [n, {variables}]", where=where)
    missing = {first, "distance"} - outputs.keys()
    if missing:
        raise DataError(f"it has no output {' and no output '.join(sorted(missing))}", where=where)
    names = [name for name in expected if name in outputs]
    for name in names:
        if not _fits(outputs[name], expected[name]):
            shape = "[n]" if name == "distance" else f"[n, {classes}]"
            raise DataError(f"its output `{name}` must be float32 {shape}", where=where)
    return names


def _fits(argument: Any, shape: list[int | None]) -> bool:
    """A dimension that the graph leaves open fits any size; the first, the patients, must be open."""
    if argument.type != "tensor(float)" or len(argument.shape) != len(shape) or isinstance(argument.shape[0], int):
        return False
    pairs = zip(argument.shape[1:], shape[1:], strict=True)
    return all(not isinstance(given, int) or given == wanted for given, wanted in pairs)
