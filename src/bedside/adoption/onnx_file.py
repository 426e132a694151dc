"""ONNX, as it is: the original framework is onnxruntime on the file's own graph, without any optimisation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bedside.adoption.original import Asked, Format, Original
from bedside.adoption.plain_graph import plain_graph
from bedside.adoption.plain_words import plain
from bedside.adoption.runtime import runner


def read(path: Path, asked: Asked) -> Original:
    """A tabular ONNX model.

    Raises
    ------
    DataError: as `plain_graph`.
    """
    return original_of(path.read_bytes(), asked, where=str(path))


def original_of(content: bytes, asked: Asked, *, where: str) -> Original:
    """The same from bytes, for readers that convert into ONNX first."""
    plain = plain_graph(content, asked, where=where)
    predict = runner(_with_output(content, plain.output), plain.output, where=where, as_written=True)
    return Original(
        graph=plain.graph,
        width=plain.width,
        columns=predict(np.zeros((2, plain.width), dtype=np.float32)).shape[1],
        predict=predict,
        parameters=plain.parameters,
        trees=b"TreeEnsemble" in content,
        facts=_facts(content),
    )


def _with_output(content: bytes, name: str) -> bytes:
    """The file's own graph with this tensor among its outputs (what goes into a ``ZipMap`` is none of them)."""
    import onnx

    model = onnx.load_model_from_string(content)
    if all(one.name != name for one in model.graph.output):
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return bytes(model.SerializeToString())


def _facts(content: bytes) -> dict[str, str]:
    import onnx

    model = onnx.load_model_from_string(content)
    sets = ", ".join(f"{plain(one.domain) or 'ai.onnx'} {one.version}" for one in model.opset_import)
    made = f"{plain(model.producer_name)} {plain(model.producer_version)}".strip()
    return {"written by": made or "unknown", "operator sets": sets}


FORMAT = Format(name="ONNX", suffixes=(".onnx",), read=read)
