"""The part of a graph that is wanted, cut out and inspected as data: nothing of it has been run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .operations import OPERATIONS, RESTORING
from .unusable import Unusable

VARIABLES = Path("model/variables/variables")


def node_of(name: str) -> str:
    """The node of an input: ``name``, ``name:0`` or ``^name``."""
    return name.removeprefix("^").split(":")[0]


def part(graph: Any, wanted: list[str], given: set[str]) -> Any:
    """What the wanted tensors need, without what is given; with the functions that it calls, and free of devices."""
    from tensorflow.core.framework import graph_pb2

    nodes = {node.name: node for node in graph.node}
    functions = {one.signature.name: one for one in graph.library.function}
    left, seen, called = [node_of(name) for name in wanted], {node_of(name) for name in given}, set[str]()
    kept = graph_pb2.GraphDef(versions=graph.versions)
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in nodes:
            raise Unusable(f"its graph has no node '{name}', which its output needs", "")
        kept.node.append(nodes[name])
        left += [node_of(one) for one in nodes[name].input]
    unread = list(kept.node)
    while unread:
        for name in calls(unread.pop(), functions) - called:
            called.add(name)
            kept.library.function.append(functions[name])
            unread += functions[name].node_def
    for node in every_node(kept):
        node.device = ""
        for name in ("_class", "_XlaMustCompile"):
            node.attr.pop(name, None)
    return kept


def calls(node: Any, functions: dict[str, Any]) -> set[str]:
    """The functions of the file that a node names."""
    named = set[str]()
    for one in node.attr.values():
        named |= {one.func.name} | {inner.name for inner in one.list.func}
    return named & set(functions)


def every_node(graph: Any) -> Iterator[Any]:
    """All nodes, those of functions too."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def inspected(meta: Any, output: str, given: set[str]) -> tuple[Any, str]:
    """What the output needs, and the name of the node that fills its variables; empty where it has none."""
    kept = part(meta.graph_def, [output], given)
    refuse_others(kept, OPERATIONS, "holds")
    if all(node.op not in ("VarHandleOp", "VariableV2") for node in every_node(kept)):
        return kept, ""
    restore, filename = meta.saver_def.restore_op_name, meta.saver_def.filename_tensor_name
    if not restore or not filename or not VARIABLES.with_suffix(".index").exists():
        raise Unusable("has variables, and their values are not there", "Its folder holds variables/variables.index")
    restoring = part(meta.graph_def, [restore], {filename})
    refuse_others(restoring, RESTORING, "restores its variables with")
    refuse_other_files(restoring, node_of(filename))
    return part(meta.graph_def, [output, restore], {*given, filename}), node_of(restore)


def refuse_others(graph: Any, operations: frozenset[str], how: str) -> None:
    """Any operation outside of a list; a function is called by one in it, and never stands as an operation itself."""
    for node in every_node(graph):
        if node.op not in operations:
            raise Unusable(
                f"{how} the operation {node.op} ({node.name[:80]}), which does not just compute numbers from numbers",
                "Save the model without it, or export it to ONNX where it was trained",
            )


def refuse_other_files(graph: Any, filename: str) -> None:
    """What restores reads the file whose name it is given and no other, and so does every function that it calls."""
    functions = {one.signature.name: one for one in graph.library.function}
    scopes = [(filename, graph.node)]
    scopes += [(next((arg.name for arg in one.signature.input_arg), ""), one.node_def) for one in functions.values()]
    for name, nodes in scopes:
        named = {node.name: node for node in nodes}
        for node in nodes:
            reads = node.op == "RestoreV2" or calls(node, functions)
            if reads and (name in named or _source(node, named) != name):
                raise Unusable(
                    f"restores its variables from a file of its own choice ({node.name[:80]})",
                    "Save it again with model.export(...) of Keras, or tf.saved_model.save",
                )


def _source(node: Any, named: dict[str, Any]) -> str:
    """Where a node's first input comes from, through any number of ``Identity``."""
    name = node.input[0] if node.input else "nothing"
    for _ in named:
        before = named.get(node_of(name))
        if before is None or before.op != "Identity":
            break
        name = before.input[0]
    return str(name).removesuffix(":0")
