"""Which part of a graph may be computed with fewer bits: the inner layers of the network, and nothing around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

WEIGHTED = ("MatMul", "Gemm", "Conv")
"""Operators that multiply with fitted weights: nearly all of a network's size and time."""


def weighted_layers(graph: Any) -> list[Any]:
    """The layers that may be converted, in the graph's order.

    Nodes that multiply with constant weights, on the way to ``probability``, with another such node behind them. So
    left out are: the last layer, which is small and whose result is the logits themselves (rounding them moves risks);
    what leads to ``distance`` (the preparation included), so that no other patient is abstained from; softmax and
    calibration, which hold no such node; sums and differences of probabilities, as the curve of a course is made of,
    written as products with 0, 1 and -1: they are no fitted weights.
    """
    leading = before(graph, ["probability"]) - before(graph, ["distance"])
    found = [node for node in _multiplying(graph) if node.output[0] in leading]
    before_another = before(graph, [name for node in found for name in node.input])
    return [node for node in found if node.output[0] in before_another]


def inner_nodes(graph: Any) -> list[Any]:
    """Everything between the first and the last layer: what `weighted_layers` finds and the nodes among them.

    A node is inside where it comes after one of those layers (or is one), leads to the probability through a layer
    that multiplies, leads to no distance, and is taken by no branch or loop from inside.
    """
    inside = _after(graph, weighted_layers(graph))
    multiplying = [name for node in _multiplying(graph) for name in node.input]
    leading = before(graph, multiplying) - before(graph, ["distance"])
    leading -= {name for node in graph.node for name in set(_inputs(node)) - set(node.input)}  # taken inside branches
    return [node for node in graph.node if inside.intersection(node.output) and node.output[0] in leading]


def _multiplying(graph: Any) -> list[Any]:
    """Every node that multiplies with constant weights other than 0, 1 and -1."""
    constant, adding = _constants(graph), _adding(graph)
    nodes = [node for node in graph.node if node.op_type in WEIGHTED]
    return [node for node in nodes if _weight(node) in constant and _weight(node) not in adding]


def _adding(graph: Any) -> set[str]:
    """Names of initialisers that hold nothing but 0, 1 and -1: to multiply with them is to choose and to add up."""
    from onnx import numpy_helper

    return {
        tensor.name
        for tensor in graph.initializer
        if tensor.data_type == tensor.FLOAT and np.isin(numpy_helper.to_array(tensor), (-1.0, 0.0, 1.0)).all()
    }


def name_nodes(graph: Any) -> None:
    """Give each node a name of its own: quantisers find nodes by name, and packed graphs have none."""
    for position, node in enumerate(graph.node):
        node.name = f"node{position}"


def _weight(node: Any) -> str:
    return node.input[1] if len(node.input) > 1 else ""


def _constants(graph: Any) -> set[str]:
    """Names of values that do not depend on a patient."""
    found = {initialiser.name for initialiser in graph.initializer}
    for node in graph.node:
        if all(name in found for name in _inputs(node) if name):
            found.update(node.output)
    return found


def before(graph: Any, names: Iterable[str]) -> set[str]:
    """Names of all values that these are computed from, themselves included."""
    found = set(names)
    for node in reversed(graph.node):  # nodes stand in the order in which they are computed
        if found.intersection(node.output):
            found.update(_inputs(node))
    return found


def _inputs(node: Any) -> Iterator[str]:
    """What a node takes, also inside branches and loops."""
    yield from node.input
    for attribute in node.attribute:
        for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
            for one in inner.node:
                yield from _inputs(one)
            yield from (output.name for output in inner.output)


def _after(graph: Any, nodes: Iterable[Any]) -> set[str]:
    """Names of the results of these nodes, and of all that is computed from them."""
    found = {name for node in nodes for name in node.output}
    for node in graph.node:
        if found.intersection(_inputs(node)):
            found.update(node.output)
    return found
