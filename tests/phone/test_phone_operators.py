"""Every operator that the converter knows, in ExecuTorch, against onnxruntime on the same graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import small_model
from onnx import TensorProto, helper, numpy_helper
from own_environment import require

from bedside.errors import DataError
from bedside.phone.program import PROGRAM, Program
from bedside.phone.target import TARGET
from bedside.release import Material

WIDTH = 24


@pytest.fixture(scope="module", autouse=True)
def executorch() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        require("executorch", patch)
        yield


class Writer:
    """A graph of many branches from ``values``, whose results stand side by side in ``probability``."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.results: list[str] = []

    def constant(self, value: Any, kind: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value, dtype=kind)
        return name

    def whole(self, *numbers: int) -> str:
        return self.constant(numbers, np.int64)

    def node(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        names = [f"v{len(self.nodes)}_{position}" for position in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names[0]

    def result(self, name: str, *, cast: bool = False) -> None:
        """One more branch ends here: as float32 [1, n]."""
        value = self.node("Cast", name, to=TensorProto.FLOAT) if cast else name
        self.results.append(self.node("Reshape", value, self.whole(1, -1)))

    def plain(self, operator: str, *inputs: str, cast: bool = False, **attributes: Any) -> None:
        self.result(self.node(operator, *inputs, **attributes), cast=cast)

    def model(self) -> bytes:
        self.nodes.append(helper.make_node("Concat", self.results, ["probability"], axis=1))
        self.nodes.append(helper.make_node("ReduceL2", ["values", self.whole(1)], ["distance"], keepdims=0))
        made = helper.make_graph(
            self.nodes,
            "many",
            [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["n", WIDTH])],
            [
                helper.make_tensor_value_info("distance", TensorProto.FLOAT, ["n"]),
                helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", "all"]),
            ],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)])
        model.ir_version = 10
        return bytes(model.SerializeToString())


def elementwise(w: Writer) -> None:
    x = "values"
    half, above = w.constant(0.5), w.node("Add", w.node("Abs", x), w.constant(0.1))
    for operator in ("Abs", "Ceil", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity",
                     "LeakyRelu", "LogSoftmax", "Neg", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Softmax",
                     "Softplus", "Softsign", "Tanh", "Dropout"):  # fmt: skip
        w.plain(operator, x)
    for operator in ("Log", "Reciprocal", "Sqrt"):
        w.plain(operator, above)
    for operator in ("Add", "Div", "Max", "Mean", "Min", "Mul", "Pow", "Sub", "Sum"):
        w.plain(operator, above, half)
    w.plain("PRelu", x, half)
    w.plain("Clip", x, w.constant(-0.3), w.constant(0.4))
    w.plain("Clip", x, "", w.constant(0.4))
    w.plain("Elu", x, alpha=0.7)
    w.plain("Gelu", x, approximate="tanh")
    low, high = w.node("Less", x, half), w.node("Greater", x, w.constant(-0.5))
    for operator in ("And", "Or", "Xor"):
        w.plain(operator, low, high, cast=True)
    for operator in ("Equal", "GreaterOrEqual", "LessOrEqual"):
        w.plain(operator, w.node("Round", x), w.constant(1.0), cast=True)
    w.plain("Not", low, cast=True)
    w.plain("Where", low, x, w.constant(np.arange(WIDTH)))
    w.plain("IsNaN", w.node("Log", x), cast=True)
    w.plain("IsInf", w.node("Div", x, w.constant(np.arange(WIDTH) % 2)), cast=True)
    codes = w.node("Cast", w.node("Floor", w.node("Abs", x)), to=TensorProto.INT64)
    w.plain("Div", w.node("Sub", codes, w.whole(5)), w.whole(2), cast=True)
    w.plain("OneHot", codes, w.whole(4), w.constant([0, 1]))
    w.plain("Gather", w.constant(np.random.default_rng(1).normal(size=(9, 3))), codes)
    w.plain("GatherElements", x, codes, axis=1)
    w.plain("CumSum", x, w.constant(1, np.int64))


def layers(w: Writer) -> None:
    x, rng = "values", np.random.default_rng(2)
    weights = w.constant(rng.normal(size=(WIDTH, 5)))
    w.plain("MatMul", x, weights)
    w.plain("Gemm", x, weights, w.constant(rng.normal(size=5)))
    w.plain("Gemm", x, w.constant(rng.normal(size=(5, WIDTH))), w.constant(0.3), transB=1, alpha=0.5, beta=2.0)
    w.plain("Einsum", x, weights, equation="ij,jk->ki")
    w.plain("LayerNormalization", x, w.constant(rng.normal(size=WIDTH)), w.constant(rng.normal(size=WIDTH)))
    for operator in ("ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
                     "ReduceSum", "ReduceSumSquare"):  # fmt: skip
        w.plain(operator, x, w.whole(1))
    w.plain("ReduceLogSum", w.node("Abs", x), w.whole(1), keepdims=0)
    w.plain("ReduceSum", x)
    for operator in ("ArgMax", "ArgMin"):
        w.plain(operator, x, axis=1, cast=True)


def shaping(w: Writer) -> None:
    x = "values"
    cube = w.node("Reshape", x, w.whole(0, 2, 3, 4))
    w.plain("Transpose", cube, perm=[0, 3, 1, 2])
    w.plain("Flatten", cube, axis=2)
    w.plain("Squeeze", w.node("Unsqueeze", x, w.whole(0, -1)), w.whole(0))
    w.plain("Slice", cube, w.whole(3, 0), w.whole(-10, 2), w.whole(3, 2), w.whole(-2, 1))
    w.plain("Gather", x, w.constant([3, -1, 0], np.int64), axis=1)
    w.plain("Expand", w.node("Slice", x, w.whole(0), w.whole(1), w.whole(1)), w.whole(1, 3))
    w.plain("Tile", x, w.whole(1, 2))
    w.plain("Pad", cube, w.whole(0, 0, 1, 0, 0, 0, 0, 2), w.constant(7.0))
    w.node("Split", x, w.whole(5, 19), axis=1, outputs=2)
    w.result(f"v{len(w.nodes) - 1}_1")
    sizes = w.node("Concat", w.node("Slice", w.node("Shape", x), w.whole(0), w.whole(1)), w.whole(6, -1), axis=0)
    w.plain("Transpose", w.node("Reshape", x, sizes), perm=[0, 2, 1])


def images(w: Writer) -> None:
    rng = np.random.default_rng(3)
    picture = w.node("Reshape", "values", w.whole(-1, 2, 3, 4))
    kernel = w.constant(rng.normal(size=(4, 2, 2, 3)))
    convolved = w.node("Conv", picture, kernel, w.constant(rng.normal(size=4)), pads=[1, 1, 1, 1])
    w.result(convolved)
    w.plain("Conv", picture, kernel, auto_pad="SAME_UPPER", strides=[2, 1])
    w.plain("Conv", picture, w.constant(rng.normal(size=(2, 1, 2, 2))), group=2, pads=[0, 1, 1, 0], dilations=[1, 2])
    line = w.node("Reshape", "values", w.whole(-1, 2, 12))
    w.plain("Conv", line, w.constant(rng.normal(size=(3, 2, 4))), strides=[2])
    four = [w.constant(np.abs(rng.normal(size=4)) + 0.1) for _ in range(4)]
    w.plain("BatchNormalization", convolved, *four)
    for operator in ("MaxPool", "AveragePool"):
        w.plain(operator, convolved, kernel_shape=[2, 2], strides=[2, 2], pads=[1, 0, 1, 0])
    w.plain("MaxPool", convolved, kernel_shape=[3, 2], pads=[1, 0, 0, 1])
    w.plain("AveragePool", convolved, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    w.plain("GlobalAveragePool", convolved)
    w.plain("GlobalMaxPool", convolved)


@pytest.fixture(scope="module")
def written() -> Writer:
    writer = Writer()
    for part in (elementwise, layers, shaping, images):
        part(writer)
    return writer


def made(graph: bytes) -> bytes:
    content = TARGET.make(Material(graph, small_model.manifest()))
    assert content is not None
    return content


def test_every_operator_gives_what_onnxruntime_gives(written: Writer) -> None:
    graph = written.model()
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    values = np.random.default_rng(5).normal(size=(20, WIDTH)).astype(np.float32)
    rows = [session.run(["probability", "distance"], {"values": row[None]}) for row in values]
    expected = np.concatenate([row[0] for row in rows])
    found = Program(made(graph), expected.shape[1], "here")(values)
    np.testing.assert_allclose(found.columns, expected, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(found.distance, np.concatenate([row[1] for row in rows]), rtol=1e-6)


def test_no_operator_of_the_converter_is_left_out(written: Writer) -> None:
    import ast

    known = set()
    for name in ("operators", "shaping", "images"):
        for node in ast.parse((PROGRAM / f"{name}.py").read_text()).body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict):
                known |= {key.value for key in node.value.keys if isinstance(key, ast.Constant)}
    assert len(known) > 80
    assert known - {node.op_type for node in written.nodes} == set()


def test_operators_that_cannot_be_converted_are_all_named(written: Writer) -> None:
    writer = Writer()
    writer.plain("Sin", "values")
    writer.plain("Cosh", "values")
    writer.plain("Relu", "values")
    with pytest.raises(
        DataError, match=r"^model.pte: it holds operators .* converted for ExecuTorch: Cosh, Sin\. Leave phone out"
    ):
        made(writer.model())


def test_a_form_that_cannot_be_converted_is_named() -> None:
    writer = Writer()
    writer.plain("CumSum", "values", writer.constant(1, np.int64), reverse=1)
    with pytest.raises(
        DataError, match=r"^model.pte: CumSum cannot be converted with exclusive or reverse\. Leave phone out"
    ):
        made(writer.model())
