"""Write a model down as an ONNX graph.

`Trace` implements the operations of a model by noting each one as a node: the formula that is tested in double
precision is the one that serves. Nothing of the machine gets in, so the same weights give the same bytes everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bedside.preparation import Array

OPSET = 20
IR_VERSION = 10


class Value:
    """One intermediate result of a graph; arithmetic on it adds nodes, with NumPy's broadcasting."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, trace: Trace, name: str) -> None:
        self.trace = trace
        self.name = name

    def __add__(self, other: Value) -> Value:
        return self.trace.node("Add", self, other)

    def __sub__(self, other: Value) -> Value:
        return self.trace.node("Sub", self, other)

    def __mul__(self, other: Value) -> Value:
        return self.trace.node("Mul", self, other)

    def __matmul__(self, other: Value) -> Value:
        return self.trace.node("MatMul", self, other)

    def __eq__(self, other: Value) -> Value:  # type: ignore[override]
        return self.trace.node("Equal", self, other)


class Trace:
    """`Operations` that record an ONNX graph in single precision."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], tuple[str, np.ndarray]] = {}
        self._tensors: list[Any] = []
        self._opsets = {"": OPSET}
        self._ir_version = IR_VERSION

    def node(self, operator: str, *inputs: Value, **attributes: Any) -> Value:
        """The result of one more node."""
        from onnx import helper

        name = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, [value.name for value in inputs], [name], **attributes))
        return Value(self, name)

    def constant(self, array: np.ndarray) -> Value:
        """An initialiser: single precision, or a condition."""
        array = np.asarray(array)
        return self._initialiser(array if array.dtype == bool else array.astype(np.float32))

    def _initialiser(self, array: np.ndarray) -> Value:
        key = (array.dtype.str, array.shape, array.tobytes())
        name, _ = self._constants.setdefault(key, (f"c{len(self._constants)}", array))
        return Value(self, name)

    def columns(self, x: Value, index: np.ndarray) -> Value:
        """``x[:, index]``."""
        return self.node("Gather", x, self._initialiser(index.astype(np.int64)), axis=1)

    def isnan(self, x: Value) -> Value:
        """Where a value is not known."""
        return self.node("IsNaN", x)

    def where(self, condition: Value, x: Value, y: Value) -> Value:
        """``x`` where the condition holds, else ``y``."""
        return self.node("Where", condition, x, y)

    def number(self, condition: Value) -> Value:
        """1 where the condition holds, else 0."""
        from onnx import TensorProto

        return self.node("Cast", condition, to=TensorProto.FLOAT)

    def log(self, x: Value) -> Value:
        """Natural logarithm."""
        return self.node("Log", x)

    def exp(self, x: Value) -> Value:
        """The exponential of each."""
        return self.node("Exp", x)

    def maximum(self, x: Value, y: Value) -> Value:
        """The larger of each pair."""
        return self.node("Max", x, y)

    def minimum(self, x: Value, y: Value) -> Value:
        """The smaller of each pair."""
        return self.node("Min", x, y)

    def mean(self, x: Value, axis: int) -> Value:
        """Mean over one axis, which disappears."""
        return self.node("ReduceMean", x, self._axis(axis), keepdims=0)

    def norm(self, x: Value, axis: int) -> Value:
        """Root of the summed squares over one axis, which disappears."""
        return self.node("ReduceL2", x, self._axis(axis), keepdims=0)

    def _axis(self, axis: int) -> Value:
        return self._initialiser(np.array([axis], dtype=np.int64))

    def softmax(self, x: Value) -> Value:
        """exp(x) / sum exp(x) over the last axis."""
        return self.node("Softmax", x, axis=-1)

    def spliced(self, model: Any, x: Value) -> Value:
        """The output of another ONNX model with one input and one output, whose nodes become part of this graph.

        Its names must not be this graph's (t0, c0, ..., ``values`` and the outputs); its operator set must be `OPSET`
        or newer.
        """
        from onnx import helper

        self._nodes.append(helper.make_node("Identity", [x.name], [model.graph.input[0].name]))
        self._nodes.extend(model.graph.node)
        self._tensors.extend(model.graph.initializer)
        for entry in model.opset_import:
            self._opsets["" if entry.domain == "ai.onnx" else entry.domain] = entry.version
        self._ir_version = max(self._ir_version, model.ir_version)
        return self.node("Identity", Value(self, model.graph.output[0].name))

    def model(self, variables: int, outputs: dict[str, tuple[Array, int | None]]) -> bytes:
        """The graph's bytes: input ``values`` [patient, variables]; each output by name with its number of columns."""
        from onnx import TensorProto, checker, helper, numpy_helper

        shape = {name: ["patient", *([] if width is None else [width])] for name, (_, width) in outputs.items()}
        named = [helper.make_node("Identity", [value.name], [name]) for name, (value, _) in outputs.items()]
        graph = helper.make_graph(
            [*self._nodes, *named],
            "bedside",
            [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["patient", variables])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape[name]) for name in outputs],
            [*(numpy_helper.from_array(array, name) for name, array in self._constants.values()), *self._tensors],
        )
        model = helper.make_model(
            graph,
            producer_name="bedside",
            opset_imports=[helper.make_opsetid(domain, version) for domain, version in sorted(self._opsets.items())],
            ir_version=self._ir_version,
        )
        checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))
