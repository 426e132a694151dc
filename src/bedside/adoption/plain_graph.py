"""Any tabular ONNX model in one plain form: input ``x`` float32 [patient, width], output ``y`` float32 [patient, k]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bedside.adoption.original import Asked
from bedside.errors import DataError
from bedside.graphs import cleaned_graph, inner_graphs

OWN = "own."
"""Put before every name of the original."""


@dataclass(frozen=True)
class Plain:
    """A model in the plain form.

    Attributes
    ----------
    graph: its bytes. width: numbers that it takes. output: name of the tensor in the original that became ``y``.
    parameters: numbers in its initialisers and tree attributes.
    """

    graph: bytes
    width: int
    output: str
    parameters: int


def plain_graph(graph: bytes, asked: Asked, *, where: str) -> Plain:
    """The same computation with one matrix in and one matrix out.

    A single column for each patient may come as [patient] or [patient, 1]; double precision is rounded on the way out;
    of a ``ZipMap``, the tensor that goes into it is taken; nodes that the output does not need are dropped.

    Raises
    ------
    DataError: as `cleaned_graph`; or the model takes several inputs, or none of the shape [n, width], or a fixed number
        of patients; or nothing says which of several outputs is meant.
    """
    import onnx
    from onnx import compose

    model = onnx.load_model_from_string(cleaned_graph(graph, where=where, oldest=0))
    taken = _input(model, where)
    width = _width(taken, asked.width, where)
    output = _output(model, asked.output, where)
    kind = taken.type.tensor_type.elem_type
    model = compose.add_prefix(model, OWN)  # its names must not be ours
    _rewrite(model, OWN + taken.name, kind, width, OWN + output)
    return Plain(bytes(model.SerializeToString(deterministic=True)), width, output, _parameters(model))


def _input(model: Any, where: str) -> Any:
    held = {tensor.name for tensor in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in held]
    if len(inputs) != 1:
        names = ", ".join(one.name for one in inputs[:6])
        raise DataError(
            f"takes {len(inputs)} inputs ({names}); one matrix with a row for each patient can be adopted",
            where=where,
            remedy="Export it so that all predictors enter as the columns of one float matrix",
        )
    kind = inputs[0].type.tensor_type.elem_type
    if kind not in (1, 11):  # float32, float64
        raise DataError(f"its input `{inputs[0].name}` is no matrix of floating-point numbers", where=where)
    return inputs[0]


def _shape(value: Any) -> list[int | None]:
    """Sizes of a tensor; None where the graph leaves one open."""
    return [one.dim_value if one.HasField("dim_value") else None for one in value.type.tensor_type.shape.dim]


def _width(taken: Any, asked: int, where: str) -> int:
    shape = _shape(taken)
    if len(shape) != 2:
        sizes = ", ".join("n" if one is None else str(one) for one in shape)
        raise DataError(
            f"its input `{taken.name}` has the shape [{sizes}]; a model of one flat row for each patient, "
            f"[n, {asked}], can be adopted",
            where=where,
        )
    if shape[0] is not None:
        raise DataError(
            f"takes {shape[0]} patient{'s' if shape[0] != 1 else ''} at a time, neither more nor fewer",
            where=where,
            remedy="Export it with an open first dimension (dynamic batch)",
        )
    return asked if shape[1] is None else shape[1]


def _output(model: Any, asked: str | None, where: str) -> str:
    """The name of the tensor that is used."""
    zipped: dict[str, str] = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "ZipMap"}
    matrices = [
        one.name for one in model.graph.output if one.name in zipped or one.type.tensor_type.elem_type in (1, 11)
    ]
    if asked is not None and asked not in matrices:
        listed = ", ".join(matrices) or "none"
        raise DataError(f"has no output '{asked}' of floating-point numbers", where=where, remedy=f"It has: {listed}")
    if not matrices and any(one.type.tensor_type.elem_type in (10, 16) for one in model.graph.output):
        raise DataError(
            "gives its numbers in half precision, which is coarser than what may differ",
            where=where,
            remedy="Save it in float32 where it was trained",
        )
    if asked is None and len(matrices) != 1:
        listed = ", ".join(matrices) or "none of floating-point numbers"
        raise DataError(
            f"has {len(matrices)} outputs that could be meant ({listed})",
            where=where,
            remedy='Name one in the study: output = "..." in [adoption]',
        )
    name: str = asked or matrices[0]
    return zipped.get(name, name)


def _rewrite(model: Any, taken: str, kind: int, width: int, output: str) -> None:
    """Give the model the plain input and output, in place."""
    import onnx
    from onnx import TensorProto, helper

    graph = model.graph
    kept = _needed(graph, output)
    first = helper.make_node("Cast", ["x"], [taken], to=kind)
    flat = helper.make_node("Reshape", [output, "y.shape"], ["y.flat"])
    last = helper.make_node("Cast", ["y.flat"], ["y"], to=TensorProto.FLOAT)
    shape = helper.make_tensor("y.shape", TensorProto.INT64, [2], [0, -1])
    del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend([first, *kept, flat, last])
    graph.initializer.append(shape)
    graph.input.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, ["patient", width]))
    graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["patient", None]))
    if not any(entry.domain in ("", "ai.onnx") for entry in model.opset_import):
        model.opset_import.append(onnx.helper.make_opsetid("", 17))


def _needed(graph: Any, output: str) -> list[Any]:
    """The nodes that the output depends on, in their order."""
    wanted, kept = {output}, []
    for node in reversed(graph.node):
        if wanted.isdisjoint(node.output):
            continue
        kept.append(node)
        wanted.update(node.input)
        for attribute in node.attribute:
            bodies = [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]
            for body in (inner for one in bodies for inner in inner_graphs(one)):
                wanted.update(name for step in body.node for name in step.input)
                wanted.update(one.name for one in body.output)
    return kept[::-1]


def _parameters(model: Any) -> int:
    count = 0
    for tensor in model.graph.initializer:
        size = 1
        for one in tensor.dims:
            size *= one
        count += size if tensor.data_type in (1, 10, 11) else 0
    for node in model.graph.node:
        if node.op_type.startswith("TreeEnsemble") or node.domain == "ai.onnx.ml":
            count += sum(len(attribute.floats) for attribute in node.attribute)
    return count
