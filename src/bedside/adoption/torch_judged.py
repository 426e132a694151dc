"""What an exported program of PyTorch says, judged as plain JSON: arithmetic on tensors, and nothing that runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bedside.errors import DataError

OPERATOR = re.compile(
    r"torch\.ops\.aten\._?[A-Za-z][A-Za-z0-9_]*\.[A-Za-z][A-Za-z0-9_]*|_operator\.(getitem|add|sub|mul|floordiv)"
)
NEVER = re.compile(r"torch\.ops\.aten\.(from_file|save|load|set_|_print|resize\w*)\..*")
"""Operators that read a file, print, or make memory into something else."""
WORDS = frozenset({"none", "tanh", "floor", "trunc", "mean", "sum", "constant", "reflect", "replicate", "circular"})
SIZE = re.compile(
    r"(Symbol\('[a-z]{1,2}\d{1,6}'(, (positive|integer|nonnegative)=True)*\)|(Integer|Add|Mul|Max|Min|Mod|FloorDiv)\("
    r"|[a-z]{1,2}\d{1,6}|\d{1,9}|\)|, |[+-]| |\*(?!\*))*"
)
NAME = re.compile(r"[A-Za-z0-9_.\-]{0,200}")
FILE = re.compile(r"(weight|tensor)_\d{1,6}")
PLAIN_TREES = ("builtins.tuple", "builtins.list", "builtins.dict")
FOREIGN = ("as_graph", "as_graphs", "as_custom_obj", "as_operator", "as_complex", "as_string_to_argument")
"""Kinds of arguments that are no tensors, numbers or words."""


def judged_program(given: Any, *, where: str) -> dict[str, Any]:
    """The program without stack traces, guards and samples; everything in it is of a known, harmless kind.

    Raises
    ------
    DataError: an operator, a size, a text or a structure in it is not.
    """
    try:
        graph = given["graph_module"]["graph"]
        for node in graph["nodes"]:
            _refuse_operator(str(node["target"]), where)
            node["metadata"] = {}
        for key, value in _leaves(given):
            _refuse_leaf(key, value, where)
        module = given["graph_module"]
        module["module_call_graph"] = [one for one in module["module_call_graph"] if one["fqn"] == ""]
        module["metadata"], module["treespec_namedtuple_fields"] = {}, {}
        for one in module["module_call_graph"]:
            for spec in ("in_spec", "out_spec"):
                _refuse_structure(json.loads(one["signature"][spec])[1], where)
        if graph["custom_obj_values"]:
            raise DataError("holds custom objects; tensors can be adopted", where=where)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"is damaged, or of an unknown version of torch.export: {error!r}"[:200], where=where
        ) from error
    given["guards_code"] = []
    return dict(given)


def _refuse_operator(target: str, where: str) -> None:
    if OPERATOR.fullmatch(target) is None or NEVER.fullmatch(target) is not None:
        raise DataError(
            f"uses an operator that cannot be adopted: {target[:100]}",
            where=where,
            remedy="A model of PyTorch's own arithmetic can be adopted; export any other to ONNX",
        )


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every key with its value where that is no object; of a list, each of its items."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield "", str(name)
            if name != "guards_code":
                yield from _leaves(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, key)
    else:
        yield key, value


def _refuse_leaf(key: str, value: Any, where: str) -> None:
    if key == "" and value in FOREIGN:
        raise DataError(f"holds a {value.removeprefix('as_')}, which cannot be adopted", where=where)
    if not isinstance(value, str) or key in ("in_spec", "out_spec"):
        return
    if key == "expr_str":
        known = SIZE.fullmatch(value) is not None and len(value) < 300
    elif key == "as_string":
        known = value in WORDS
    else:
        known = NAME.fullmatch(value.replace("+", "")) is not None
    if not known:
        raise DataError(f"holds a text that is no name, number or size: {value[:60]!r}", where=where)


def _refuse_structure(spec: Mapping[str, Any], where: str) -> None:
    if spec["type"] is not None and spec["type"] not in PLAIN_TREES:
        raise DataError(f"takes or gives a structure of the kind {str(spec['type'])[:60]}", where=where)
    context = json.loads(spec["context"]) if isinstance(spec["context"], str) else spec["context"]
    if context not in (None, []):
        raise DataError(
            "takes named inputs, or gives named outputs; one matrix in and one out can be adopted", where=where
        )
    for inner in spec["children_spec"]:
        _refuse_structure(inner, where)


def judged_weights(given: Any, *, where: str) -> tuple[dict[str, Any], list[str]]:
    """Where the numbers of each tensor lie, and the names of those files.

    Raises
    ------
    DataError: something is a pickle, or lies elsewhere.
    """
    files = []
    try:
        for name, one in given["config"].items():
            if one["use_pickle"] or FILE.fullmatch(one["path_name"]) is None or one["tensor_meta"] is None:
                raise DataError(
                    f"holds '{name[:60]}' as a pickle; opening it would run whatever is in it",
                    where=where,
                    remedy="Keep nothing but ordinary tensors in the model's parameters and buffers",
                )
            if one["tensor_meta"]["device"]["type"] != "cpu":
                raise DataError("holds tensors of another device", where=where, remedy="Export it after model.cpu()")
            for key, value in _leaves(one):
                _refuse_leaf(key, value, where)
            files.append(one["path_name"])
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"is damaged: its list of tensors cannot be read: {error!r}"[:200], where=where) from error
    return {"config": given["config"]}, files


def input_shape(program: Mapping[str, Any], asked: int, *, where: str) -> int:
    """How many numbers the program takes for each patient.

    Raises
    ------
    DataError: it takes something else than one float32 matrix with any number of rows.
    """
    graph, specs = program["graph_module"]["graph"], program["graph_module"]["signature"]["input_specs"]
    try:
        taken = [one["user_input"]["arg"]["as_tensor"]["name"] for one in specs if "user_input" in one]
        shapes = [graph["tensor_values"][name] for name in taken]
        sizes = [[one.get("as_int") for one in shape["sizes"]] for shape in shapes]
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError("takes something else than tensors", where=where) from error
    if len(sizes) != 1 or len(sizes[0]) != 2 or sizes[0][1] is None:
        said = "; ".join("[" + ", ".join("n" if one is None else str(one) for one in size) + "]" for size in sizes)
        raise DataError(
            f"takes {said}; one matrix [n, {asked}] with a row for each patient can be adopted", where=where
        )
    if sizes[0][0] is not None:
        raise DataError(
            f"takes {sizes[0][0]} patients at a time, neither more nor fewer",
            where=where,
            remedy="Export it with dynamic_shapes=({0: torch.export.Dim('patient')},)",
        )
    return int(sizes[0][1])
