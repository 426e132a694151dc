"""The graph before it is packed: held to the contract, and stripped of everything that is not computation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bedside.errors import DataError, MissingExtra

DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
"""Operators of the ONNX standard: every runtime has them, and none of them reads a file."""
OLDEST_OPSET = 13


def cleaned_graph(graph: bytes, *, where: str, oldest: int = OLDEST_OPSET) -> bytes:
    """The same computation without doc strings, metadata and names of the tools that wrote it; deterministic bytes.

    Exporters leave stack traces with source paths in those fields. Functions local to the model are inlined, so that
    only standard operators remain. The graph's inputs and outputs are checked where it is loaded for its target.

    Raises
    ------
    DataError: it is no valid ONNX model, reads tensors from other files, uses operators outside the ONNX standard,
        or an operator set older than `oldest`.
    MissingExtra: onnx is not installed.
    """
    try:
        import onnx
        from onnx import inliner
    except ImportError as error:
        raise MissingExtra("onnx", "train") from error
    try:
        model = onnx.load_model_from_string(graph)
        _refuse_external(model, where)
        if model.functions:
            model = inliner.inline_local_functions(model)
        _strip(model)
        onnx.checker.check_model(model, full_check=True)
    except DataError:
        raise
    except Exception as error:  # protobuf and onnx raise classes of their own that share no base
        raise DataError(f"is not a valid ONNX model: {_first_line(error)}", where=where) from error
    _refuse_operators(model, where, oldest)
    stripped: bytes = model.SerializeToString(deterministic=True)
    return stripped


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def inner_graphs(graph: Any) -> Iterator[Any]:
    """A graph and every graph inside its nodes (branches, loop bodies)."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from inner_graphs(inner)


def _tensors(graph: Any) -> Iterator[Any]:
    for inner in inner_graphs(graph):
        yield from inner.initializer
        for sparse in inner.sparse_initializer:
            yield from (sparse.values, sparse.indices)
        for node in inner.node:
            for attribute in node.attribute:
                yield from attribute.tensors
                if attribute.HasField("t"):
                    yield attribute.t


def _refuse_external(model: Any, where: str) -> None:
    function_nodes = [node for function in model.functions for node in function.node]
    held = [a.t for node in function_nodes for a in node.attribute if a.HasField("t")]
    for tensor in (*_tensors(model.graph), *held):
        if tensor.external_data or tensor.data_location == 1:
            raise DataError(
                f"tensor {tensor.name!r} is kept in another file", where=where, remedy="Export the graph as one file"
            )


def _strip(model: Any) -> None:
    for field in ("doc_string", "producer_name", "producer_version", "domain", "metadata_props"):
        model.ClearField(field)
    model.ClearField("model_version")
    for graph in inner_graphs(model.graph):
        for field in ("doc_string", "metadata_props"):
            graph.ClearField(field)
        for item in (*graph.node, *graph.input, *graph.output, *graph.value_info):
            for field in ("doc_string", "metadata_props"):
                item.ClearField(field)
        for node in graph.node:
            for attribute in node.attribute:
                attribute.ClearField("doc_string")
    for tensor in _tensors(model.graph):
        tensor.ClearField("doc_string")
        tensor.ClearField("metadata_props")


def _refuse_operators(model: Any, where: str, oldest: int) -> None:
    foreign = sorted(
        {f"{n.domain}.{n.op_type}" for g in inner_graphs(model.graph) for n in g.node if n.domain not in DOMAINS}
    )
    if foreign:
        raise DataError(f"uses operators outside the ONNX standard: {', '.join(foreign)}", where=where)
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if opset < oldest:
        raise DataError(f"uses operator set {opset}; {oldest} is the oldest that is packed", where=where)
    used = {node.domain or "ai.onnx" for graph in inner_graphs(model.graph) for node in graph.node}
    kept = [entry for entry in model.opset_import if (entry.domain or "ai.onnx") in used | {"ai.onnx"}]
    model.ClearField("opset_import")
    model.opset_import.extend(sorted(kept, key=lambda entry: entry.domain))
