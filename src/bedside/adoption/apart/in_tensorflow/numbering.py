"""The same names each time: tf2onnx keeps one of several equal constants by chance, and its name with it."""

from __future__ import annotations

from typing import Any


def numbered(model: Any) -> Any:
    """A model whose tensors and nodes are numbered in the order in which they are used; inputs and outputs keep names.

    One with a graph inside of a node, which may use names of the outer one, stays as it is.
    """
    graph = model.graph
    if any(attribute.HasField("g") or attribute.graphs for node in graph.node for attribute in node.attribute):
        return model
    names = {"": ""} | {one.name: one.name for one in (*graph.input, *graph.output)}
    for place, node in enumerate(graph.node):
        node.name = f"node{place}"
        for ends in (node.input, node.output):
            ends[:] = [names.setdefault(name, f"tensor{len(names)}") for name in ends]
    order = list(names)
    held = sorted((one for one in graph.initializer if one.name in names), key=lambda one: order.index(one.name))
    for one in held:
        one.name = names[one.name]
    kept = [type(one).FromString(one.SerializeToString()) for one in held]
    del graph.initializer[:], graph.value_info[:]
    graph.initializer.extend(kept)
    return model
