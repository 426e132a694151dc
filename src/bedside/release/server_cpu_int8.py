"""The target ``server-cpu-int8``: inner layers in 8-bit integers, run by onnxruntime's CPU kernels."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from bedside.errors import BedsideError, DataError, MissingExtra
from bedside.graphs import cleaned_graph
from bedside.release.inner_layers import before, name_nodes, weighted_layers
from bedside.release.server_cpu import ServerCpu
from bedside.release.target import Material

CALIBRATION_ROWS = 1024
BATCH = 64


@dataclass(frozen=True)
class ServerCpuInt8(ServerCpu):
    """Static quantisation: weights and the inputs of inner layers as 8-bit integers, with ranges from development rows.

    Weights take seven of their eight bits. A processor with AVX2 but without VNNI adds products in 16 bits, which the
    eighth bit would overflow: then the same file gives other risks there. With seven the integers come out the same on
    both, and what is left is a float next to a rounding boundary, which moves a risk by far less than `tolerance`.
    """

    name: str = "server-cpu-int8"
    tolerance: float = 2e-3
    file: str = "model.int8.onnx"

    def missing_to_make(self) -> BedsideError | None:
        """The quantiser of onnxruntime needs onnx."""
        from importlib.util import find_spec

        return None if find_spec("onnx") else MissingExtra("onnx", "train")

    def make(self, material: Material) -> bytes | None:
        """Quantise the layers that `inner_layers.weighted_layers` finds; None where there is none.

        Raises
        ------
        DataError: there are no rows to take ranges from, or onnxruntime cannot quantise the graph.
        """
        try:
            import onnx
        except ImportError as error:
            raise MissingExtra("onnx", "train") from error
        model = onnx.load_model_from_string(material.graph)
        layers = weighted_layers(model.graph)
        if not layers:
            return None
        if material.calibration is None or not len(material.calibration):
            raise DataError("there are no development patients to take ranges from", where=self.file)
        name_nodes(model.graph)
        _separate(model.graph, layers)
        rows = spread_out(material.calibration, CALIBRATION_ROWS)
        made = _quantised(model, [node.name for node in layers], rows, self.file)
        return cleaned_graph(made, where=self.file)


TARGET = ServerCpuInt8()


def _separate(graph: Any, layers: list[Any]) -> None:
    """Give the layers their own copy of what the distance is also computed from.

    The quantiser rounds a value for everybody who takes it; the distance decides who gets no estimate, and stays exact.
    """
    from onnx import helper

    shared = before(graph, ["distance"])
    own: dict[str, str] = {}
    for node in layers:
        if node.input[0] in shared:
            node.input[0] = own.setdefault(node.input[0], f"{node.input[0]}_for_layers")
    copies = {name: helper.make_node("Identity", [name], [own[name]], f"{name}_copy") for name in own}
    nodes = [copies[value.name] for value in graph.input if value.name in copies]
    for node in graph.node:
        nodes += [node, *(copies[name] for name in node.output if name in copies)]
    graph.ClearField("node")
    graph.node.extend(nodes)


def spread_out(values: Float[np.ndarray, "patient variable"], most: int) -> Float[np.ndarray, "patient variable"]:
    """At most so many rows, taken at equal steps."""
    step = -(-len(values) // most)
    return values[::step]


def _quantised(model: Any, layers: list[str], values: Float[np.ndarray, "patient variable"], where: str) -> bytes:
    from onnxruntime import quantization

    class Rows(quantization.CalibrationDataReader):  # type: ignore[misc]
        """Development rows in batches, once."""

        def __init__(self, batches: Iterator[dict[str, np.ndarray]]) -> None:
            self._batches = batches

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._batches, None)

    rows = np.ascontiguousarray(values, dtype=np.float32)
    batches = ({"values": rows[at : at + BATCH]} for at in range(0, len(rows), BATCH))
    model.graph.ClearField("value_info")
    # What the quantiser's own preparation would leave behind: shapes are inferred without it, and nothing is merged.
    model.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
    flat = all(len(tensor.dims) != 3 for tensor in model.graph.initializer)
    with tempfile.TemporaryDirectory(prefix="bedside-") as folder:
        made = Path(folder) / "quantised.onnx"
        try:
            quantization.quantize_static(
                model,
                made,
                Rows(batches),
                quant_format=quantization.QuantFormat.QDQ,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                per_channel=flat,  # onnxruntime's kernel for the members of an ensemble takes one scale
                reduce_range=True,
                nodes_to_quantize=layers,
                extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul", "Gemm"]},
            )
        except Exception as error:  # onnxruntime raises classes of its own that share no base
            raise DataError(f"onnxruntime cannot quantise it: {error}", where=where) from error
        return made.read_bytes()
