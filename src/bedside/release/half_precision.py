"""Inner layers in half precision and nothing else: onnxruntime's own converter would round what comes in, too."""

from __future__ import annotations

from typing import Any

import numpy as np

from bedside.release.inner_layers import inner_nodes

CONVERTED = frozenset(
    {"Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Conv", "Div", "Elu", "Erf", "Flatten", "Gelu",
     "Gemm", "GlobalAveragePool", "GlobalMaxPool", "Identity", "LeakyRelu", "MatMul", "Max", "MaxPool", "Min", "Mul",
     "PRelu", "Relu", "Reshape", "Selu", "Sigmoid", "Softplus", "Sub", "Tanh", "Transpose"}
)  # fmt: skip
"""Operators that every input and output of type float can be half precision of."""


def in_half_precision(model: Any) -> bool:
    """Convert a model's inner layers, in place; False where it has none.

    What comes in is cast once; weights and biases are stored in half precision; what goes out is cast back.
    """
    import onnx

    inner = [node for node in inner_nodes(model.graph) if node.op_type in CONVERTED]
    if not inner:
        return False
    floats = _floats(onnx.shape_inference.infer_shapes(model).graph)
    conversion = _Conversion(model.graph, inner, floats)
    conversion.run()
    model.graph.ClearField("value_info")  # it still says single precision
    return True


def _floats(graph: Any) -> set[str]:
    """Names of all values in single precision."""
    from onnx import TensorProto

    typed = [*graph.value_info, *graph.input, *graph.output]
    found = {value.name for value in typed if value.type.tensor_type.elem_type == TensorProto.FLOAT}
    return found | {initialiser.name for initialiser in graph.initializer if initialiser.data_type == TensorProto.FLOAT}


class _Conversion:
    """One pass over a graph: `to_half` and `to_single` hold the name of each value's other form."""

    def __init__(self, graph: Any, inner: list[Any], floats: set[str]) -> None:
        self.graph = graph
        self.inner = {node.output[0] for node in inner}
        self.floats = floats
        self.weights = {initialiser.name: initialiser for initialiser in graph.initializer}
        self.halves = {name for node in inner for name in node.output if name in floats}
        self.to_half: dict[str, str] = {}
        self.to_single: dict[str, str] = {}
        self.nodes: list[Any] = []

    def run(self) -> None:
        for node in self.graph.node:
            within = node.output[0] in self.inner
            for position, name in enumerate(node.input):
                if within and name in self.floats and name not in self.halves:
                    node.input[position] = self.half(name)
                elif not within and name in self.halves:
                    node.input[position] = self.single(name)
            self.nodes.append(node)
        self.graph.ClearField("node")
        self.graph.node.extend(self.nodes)
        self._drop_unused()

    def half(self, name: str) -> str:
        """A weight in half precision, or a cast before the node that takes the value."""
        from onnx import TensorProto, numpy_helper

        if name in self.to_half:
            return self.to_half[name]
        self.to_half[name] = f"{name}_half"
        if name in self.weights:
            array = numpy_helper.to_array(self.weights[name])
            limit = np.finfo(np.float16).max
            halved = np.clip(array, -limit, limit).astype(np.float16)
            self.graph.initializer.append(numpy_helper.from_array(halved, self.to_half[name]))
        else:
            self._cast(name, self.to_half[name], TensorProto.FLOAT16)
        return self.to_half[name]

    def single(self, name: str) -> str:
        """A cast back before the first node outside that takes the value."""
        from onnx import TensorProto

        if name not in self.to_single:
            self.to_single[name] = f"{name}_single"
            self._cast(name, self.to_single[name], TensorProto.FLOAT)
        return self.to_single[name]

    def _cast(self, name: str, result: str, kind: int) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node("Cast", [name], [result], to=kind))

    def _drop_unused(self) -> None:
        taken = {name for node in self.graph.node for name in node.input}
        taken.update(output.name for output in self.graph.output)
        left = [initialiser for initialiser in self.graph.initializer if initialiser.name in taken]
        self.graph.ClearField("initializer")
        self.graph.initializer.extend(left)
