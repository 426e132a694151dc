"""An ONNX graph for one patient: what is constant is computed once, what is left is checked before anything is made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from .refusal import CannotConvert


@dataclass(frozen=True)
class Step:
    """One node: its operator, its attributes, and the names of what it takes ("" for nothing) and gives."""

    operator: str
    attributes: dict[str, Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """A graph without what is constant in it.

    Attributes
    ----------
    steps: in the order in which they are computed. known: constant values by name.
    width: numbers of one patient. outputs: names, in the graph's order.
    """

    steps: tuple[Step, ...]
    known: dict[str, np.ndarray]
    width: int
    outputs: tuple[str, ...]


def read_graph(content: bytes, supported: Iterable[str]) -> Graph:
    """A packed graph with input ``values`` [patient, variable], at one patient.

    Raises
    ------
    CannotConvert: operators that are not `supported` are left after folding; all of them are named.
    """
    model = onnx.load_model_from_string(content)
    _of_one_patient(model)
    shapes = _shapes(model)
    known = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    steps = []
    for node in model.graph.node:
        found = _folded(node, known, shapes, model)
        if found is None:
            steps.append(_step(node))
        else:
            known.update(zip(node.output, found, strict=False))
    _refuse_unsupported(steps, set(supported))
    (given,) = model.graph.input
    width = given.type.tensor_type.shape.dim[1].dim_value
    return Graph(tuple(steps), known, width, tuple(output.name for output in model.graph.output))


def _of_one_patient(model: Any) -> None:
    """Every shape follows from the input's, so that none depends on how many patients there are."""
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    model.graph.ClearField("value_info")
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[0].dim_value = 1


def _shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """Shapes of all values for which they are known."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    found = {}
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        sizes = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(size.HasField("dim_value") for size in sizes):
            found[value.name] = tuple(size.dim_value for size in sizes)
    return found


def _folded(
    node: Any, known: dict[str, np.ndarray], shapes: dict[str, tuple[int, ...]], model: Any
) -> list[np.ndarray] | None:
    """What a node gives for every patient, by onnx's own reference; None where it depends on the patient."""
    if node.op_type in ("Shape", "Size") and node.input[0] in shapes and node.input[0] not in known:
        known = known | {node.input[0]: np.zeros(shapes[node.input[0]], dtype=np.float32)}
    if any(name and name not in known for name in node.input) or _branches(node) or node.op_type.startswith("Random"):
        return None
    alone = helper.make_graph(
        [node],
        "alone",
        [helper.make_value_info(name, onnx.TypeProto()) for name in node.input if name],
        [helper.make_value_info(name, onnx.TypeProto()) for name in node.output],
    )
    evaluator = ReferenceEvaluator(helper.make_model(alone, opset_imports=model.opset_import))
    return [np.asarray(one) for one in evaluator.run(None, {name: known[name] for name in node.input if name})]


def _branches(node: Any) -> bool:
    return any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)


def _step(node: Any) -> Step:
    if _branches(node):
        return Step(node.op_type, {}, tuple(node.input), tuple(node.output))
    attributes = {one.name: _plain(helper.get_attribute_value(one)) for one in node.attribute}
    name = f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
    return Step(name, attributes, tuple(node.input), tuple(node.output))


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _refuse_unsupported(steps: Iterable[Step], supported: set[str]) -> None:
    foreign = sorted({step.operator for step in steps} - supported)
    if foreign:
        raise CannotConvert(f"it holds operators that cannot be converted for ExecuTorch: {', '.join(foreign)}")
