"""Imputers and scalers before trees, in scikit-learn's own arithmetic: at a boundary the last bit decides.

scikit-learn scales float32 rows in place: `StandardScaler` in single precision, the others in double precision, rounded
after each operation. skl2onnx multiplies by reciprocals instead, which moves whole numbers off a tree's boundary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def steps_graph(steps: Sequence[Any], width: int) -> Any | None:
    """An ONNX model ``x`` → ``prepared`` of these steps; None where one of them is not known here."""
    from onnx import TensorProto, helper

    written = _Written()
    for step in steps:
        write = KNOWN.get(type(step).__name__)
        if write is None or not write(written, step):
            return None
    written.nodes.append(helper.make_node("Identity", [written.last], ["prepared"]))
    graph = helper.make_graph(
        written.nodes,
        "steps",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["patient", width])],
        [helper.make_tensor_value_info("prepared", TensorProto.FLOAT, ["patient", width])],
        written.tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


class _Written:
    """Nodes so far; `last` is the name of what the next one takes."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []
        self.last = "x"

    def constant(self, values: Any, kind: type[np.floating[Any]]) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.asarray(values).astype(kind), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"s{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def single(self, operator: str, values: Any) -> None:
        self.last = self.node(operator, self.last, self.constant(values, np.float32))

    def double(self, operator: str, values: Any) -> None:
        from onnx import TensorProto

        wide = self.node("Cast", self.last, to=TensorProto.DOUBLE)
        found = self.node(operator, wide, self.constant(values, np.float64))
        self.last = self.node("Cast", found, to=TensorProto.FLOAT)


def _imputer(written: _Written, step: Any) -> bool:
    missing, fill = step.missing_values, np.asarray(step.statistics_)
    plain = isinstance(missing, float) and np.isnan(missing) and not step.add_indicator
    if not plain or fill.dtype.kind != "f" or not np.isfinite(fill).all():
        return False
    unknown = written.node("IsNaN", written.last)
    written.last = written.node("Where", unknown, written.constant(fill, np.float32), written.last)
    return True


def _standard(written: _Written, step: Any) -> bool:
    if step.with_mean:
        written.single("Sub", step.mean_)
    if step.with_std:
        written.single("Div", step.scale_)
    return True


def _least_most(written: _Written, step: Any) -> bool:
    written.double("Mul", step.scale_)
    written.double("Add", step.min_)
    return not step.clip


def _robust(written: _Written, step: Any) -> bool:
    if step.with_centering:
        written.double("Sub", step.center_)
    if step.with_scaling:
        written.double("Div", step.scale_)
    return True


KNOWN = {"SimpleImputer": _imputer, "StandardScaler": _standard, "MinMaxScaler": _least_most, "RobustScaler": _robust}
