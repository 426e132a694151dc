"""The target ``server-cpu-int8`` for convolutional networks: quantised by NNCF, computed by OpenVINO.

Run as ``python -m bedside.release.convolutions GRAPH ROWS KEPT OUT``: NNCF writes to the terminal, imports training
frameworks where it finds them, and reports its use unless its own switch is set before; all that stays in a process of
its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from bedside.errors import BedsideError, DataError, MissingExtra
from bedside.graphs import cleaned_graph
from bedside.release.inner_layers import inner_nodes, name_nodes, weighted_layers
from bedside.release.model import Prediction, processor_class
from bedside.release.server_cpu_int8 import spread_out
from bedside.release.target import Material, Predict

CALIBRATION_ROWS = 300


@dataclass(frozen=True)
class Convolutions:
    """``server-cpu-int8`` for graphs with convolutions: there OpenVINO gains most, and onnxruntime little."""

    name: str = "server-cpu-int8"
    runtime: str = "openvino"
    tolerance: float = 1e-2
    file: str = "model.int8.onnx"
    serves: bool = True

    def missing_to_make(self) -> BedsideError | None:
        """What `make` needs beside OpenVINO, and OpenVINO for the golden outputs."""
        return _missing("onnx", "nncf", "openvino")

    def make(self, material: Material) -> bytes | None:
        """Quantise everything from the first inner layer to the last; None for a graph without convolutions.

        Raises
        ------
        MissingExtra: a tool is not installed. DataError: there are no rows to take ranges from, or NNCF cannot
            quantise the graph.
        """
        if not _HAS_CONVOLUTIONS.search(material.graph):
            return None
        missing = self.missing_to_make()
        if missing is not None:
            raise missing
        import onnx

        model = onnx.load_model_from_string(material.graph)
        if not _over_pictures(model.graph):
            return None
        if material.calibration is None or not len(material.calibration):
            raise DataError("there are no development patients to take ranges from", where=self.file)
        name_nodes(model.graph)
        inner = {node.name for node in inner_nodes(model.graph)}
        kept = [node.name for node in model.graph.node if node.name not in inner]
        rows = spread_out(material.calibration, CALIBRATION_ROWS)
        made = quantised(model.SerializeToString(), rows, kept, where=self.file)
        return cleaned_graph(made, where=self.file)

    def missing_to_run(self) -> BedsideError | None:
        """OpenVINO."""
        return _missing("openvino")

    def processor(self) -> str:
        """The class of this machine's processor."""
        return processor_class()

    def load(self, graph: bytes, *, variables: int, classes: int, where: str) -> Predict:
        """Compile `graph`.

        Raises
        ------
        DataError: OpenVINO cannot read it, or its inputs and outputs are not those of the graph contract.
        """
        run = opened(graph, where=where)
        tried = run(np.zeros((2, variables), dtype=np.float32))
        expected = {"probability": (2, classes), "distance": (2,), "spread": (2, classes)}
        for name, shape in expected.items():
            given = tried[name].shape if name in tried else None
            if given != shape and not (name == "spread" and given is None):
                raise DataError(f"for two patients its output `{name}` has shape {given}, not {shape}", where=where)

        def predict(values: Float[np.ndarray, "patient variable"]) -> Prediction:
            found = run(np.ascontiguousarray(values, dtype=np.float32))
            return Prediction(found["probability"], found["distance"], found.get("spread"))

        return predict

    def rehearse(self, graph: bytes, *, variables: int, classes: int, where: str) -> Predict | None:
        """As it will serve."""
        return self.load(graph, variables=variables, classes=classes, where=where)


TARGET = Convolutions()

_HAS_CONVOLUTIONS = re.compile(rb"\x22\x04Conv")
"""An operator's type in a graph's bytes (field 4, four letters): looking does not need onnx."""


def _over_pictures(graph: Any) -> bool:
    """Whether inner layers are convolutions over two dimensions or more.

    Those over one (a signal, a row of values) gain little, and OpenVINO 2026.4 computes them wrongly in 8-bit integers:
    a row's result then depends on the rows beside it.
    """
    dimensions = {initialiser.name: len(initialiser.dims) - 2 for initialiser in graph.initializer}
    found = [dimensions.get(node.input[1], 0) for node in weighted_layers(graph) if node.op_type == "Conv"]
    return bool(found) and min(found) >= 2


def _missing(*packages: str) -> MissingExtra | None:
    from importlib.util import find_spec

    return next((MissingExtra(name, "int8") for name in packages if not find_spec(name)), None)


def quantised(graph: bytes, rows: Float[np.ndarray, "row ..."], kept: Sequence[str], *, where: str) -> bytes:
    """The same graph with its convolutions and products in 8-bit integers; ranges come from `rows` of its one input.

    Post-training quantisation with ranges from data and corrected biases (Nagel et al. 2021, arXiv:2106.08295), written
    as ONNX with pairs of QuantizeLinear and DequantizeLinear. Weights take seven of their eight bits, so that a
    processor without VNNI does not overflow.

    Parameters
    ----------
    kept: names of the nodes that stay as they are.

    Raises
    ------
    DataError: NNCF cannot quantise it; the message holds its last line.
    """
    with tempfile.TemporaryDirectory(prefix="bedside-") as name:
        folder = Path(name)
        (folder / "graph.onnx").write_bytes(graph)
        np.save(folder / "rows.npy", np.ascontiguousarray(rows, dtype=np.float32), allow_pickle=False)
        (folder / "kept.json").write_text(json.dumps(list(kept)))
        words = [sys.executable, "-m", "bedside.release.convolutions", *_paths(folder)]
        quiet = os.environ | {"NNCF_CI": "1"}  # NNCF's own switch: it reports nothing
        done = subprocess.run(words, env=quiet, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            said = (done.stderr.strip() or "it said nothing").splitlines()[-1]
            raise DataError(f"NNCF cannot quantise it: {said}", where=where)
        return (folder / "out.onnx").read_bytes()


def _paths(folder: Path) -> list[str]:
    return [str(folder / name) for name in ("graph.onnx", "rows.npy", "kept.json", "out.onnx")]


def opened(graph: bytes, *, threads: int = 1, where: str) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """The graph in OpenVINO: a function from its one input to its outputs by name; safe to call from several threads.

    Rows are computed one by one: with its shapes known OpenVINO fuses more, an eighth faster for the one picture that
    is asked about at the bedside, and no row's result can depend on the rows beside it.

    Raises
    ------
    DataError: OpenVINO cannot read or compile it.
    """
    import openvino

    core = openvino.Core()
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        # What is not quantised is computed at float32: OpenVINO would take bfloat16 where the processor has it.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    try:
        model = core.read_model(model=graph, weights=b"")
        model.reshape([1, *list(model.input().partial_shape)[1:]])
        compiled = core.compile_model(model, "CPU", settings)
    except Exception as error:  # OpenVINO raises RuntimeError and classes of its own
        raise DataError(f"OpenVINO cannot load it: {' '.join(str(error).split())[:300]}", where=where) from error
    names = [output.get_names() for output in compiled.outputs]  # each may have several
    own = threading.local()  # a request is not safe to share between threads

    def run(values: np.ndarray) -> dict[str, np.ndarray]:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        given: Any = own.request.get_input_tensor().data
        if values.shape[1:] != given.shape[1:]:  # the assignment below would repeat a single value
            raise DataError(f"it takes rows of shape {given.shape[1:]}, not {values.shape[1:]}", where=where)
        outputs: list[list[np.ndarray]] = [[] for _ in names]
        for row in values if len(values) else np.zeros((1, *values.shape[1:]), dtype=values.dtype):
            given[0] = row
            own.request.infer()
            for position, found in enumerate(outputs):
                found.append(own.request.get_output_tensor(position).data.copy())
        return {
            name: np.concatenate(found)[: len(values)]
            for found, own_names in zip(outputs, names, strict=True)
            for name in own_names
        }

    return run


def main(paths: Sequence[str]) -> None:
    """Quantise ``GRAPH`` with ``ROWS`` but for the nodes in ``KEPT``, into ``OUT``."""
    import logging

    import nncf
    import onnx
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix

    graph, rows, kept, out = map(Path, paths)
    nncf.set_log_level(logging.ERROR)
    model = onnx.load(graph)
    name = model.graph.input[0].name
    values = np.load(rows, allow_pickle=False)[:CALIBRATION_ROWS]
    made = nncf.quantize(
        model,
        nncf.Dataset([{name: row[None]} for row in values]),
        subset_size=len(values),
        # Not validated: a node that NNCF left out of its own graph is kept as it is anyway.
        ignored_scope=nncf.IgnoredScope(names=json.loads(kept.read_text()), validate=False),
        advanced_parameters=AdvancedQuantizationParameters(overflow_fix=OverflowFix.ENABLE),
    )
    onnx.save(made, out)


if __name__ == "__main__":
    main(sys.argv[1:])
