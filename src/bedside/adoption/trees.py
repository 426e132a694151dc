"""Boosted trees as plain data, and as one ONNX graph that decides every float32 exactly as the library does.

A split cuts the number line at some places and says for each piece whether it goes left. Written as ``x < cut`` with
cuts in single precision, it is exact for every float32: ``x <= t`` in double precision is ``x < next float32 above t``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from bedside.errors import DataError

BOUNDARY_ROWS = 400
LOWEST, HIGHEST = np.float32(-np.inf), np.float32(np.inf)


@dataclass(frozen=True)
class Split:
    """A node with two children.

    Attributes
    ----------
    feature: column that it looks at. cuts: ascending, exact in single precision.
    left: for each piece of the number line, from the lowest, whether it goes left; a piece begins with its lower cut.
    unknown_left: whether nan goes left. yes, no: positions of the left and the right child in the tree.
    """

    feature: int
    cuts: tuple[float, ...]
    left: tuple[bool, ...]
    unknown_left: bool
    yes: int
    no: int


Leaf = float | tuple[float, ...]


@dataclass(frozen=True)
class Tree:
    """Nodes, the root first: a `Split`, or what a leaf adds: a number to output `target`, or one to each output."""

    nodes: Sequence[Split | Leaf]
    target: int = 0


def above(limit: float) -> float:
    """Give the smallest float32 that is larger: for every float32, ``x <= limit`` is ``x <`` this."""
    with np.errstate(over="ignore"):
        near = np.float32(limit)
    return float(near) if float(near) > limit else float(np.nextafter(near, HIGHEST))


def pieces(cuts: Sequence[float], goes_left: Callable[[float], bool]) -> tuple[tuple[float, ...], tuple[bool, ...]]:
    """Cuts and sides of a rule that changes at no other place than at `cuts`; what changes nothing is left out."""
    ascending = sorted({float(np.float32(cut)) for cut in cuts})
    kept: list[float] = []
    lowest = np.nextafter(np.float32(ascending[0]), LOWEST) if ascending else np.float32(0)
    left = [goes_left(float(lowest))]
    for cut in ascending:
        if goes_left(cut) != left[-1]:
            kept.append(cut)
            left.append(not left[-1])
    return tuple(kept), tuple(left)


def category_cuts(categories: Sequence[int]) -> list[float]:
    """Where membership of a set of whole numbers can change, for numbers that are cut off to whole ones, as in C."""
    return [above(-1.0), *(float(edge) for one in categories for edge in (one, one + 1))]


def refuse_no_trees(trees: Sequence[Tree], width: int, *, where: str) -> None:
    """Hold every tree to being one.

    Raises
    ------
    DataError: a child that is not there or has two parents, a column that is not there, a leaf that is no number.
    """
    for number, tree in enumerate(trees):
        seen, ahead = {0}, [0]
        while ahead:
            node = tree.nodes[ahead.pop()]
            if not isinstance(node, Split):
                if not np.isfinite(node).all():
                    raise DataError(f"is damaged: a leaf of tree {number} is no number", where=where)
                continue
            for child in (node.yes, node.no):
                if not 0 < child < len(tree.nodes) or child in seen:
                    raise DataError(f"is damaged: tree {number} is no tree", where=where)
                seen.add(child)
                ahead.append(child)
            if not 0 <= node.feature < width or np.isnan(node.cuts).any():
                raise DataError(f"is damaged: tree {number} asks for what is not there", where=where)


@dataclass
class _Table:
    """The attributes of ``TreeEnsembleRegressor``, one list each."""

    columns: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, **row: Any) -> None:
        for name, value in row.items():
            self.columns.setdefault(name, []).append(value)

    def node(self, tree: int, node: int, feature: int, mode: str, cut: float, yes: int, no: int, unknown: bool) -> None:
        self.add(
            nodes_treeids=tree,
            nodes_nodeids=node,
            nodes_featureids=feature,
            nodes_modes=mode,
            nodes_values=cut,
            nodes_truenodeids=yes,
            nodes_falsenodeids=no,
            nodes_missing_value_tracks_true=int(unknown),
        )


def forest_graph(
    trees: Sequence[Tree], width: int, start: Sequence[float], link: Literal["Sigmoid", "Softmax", "Identity"]
) -> bytes:
    """link(start + sum of the trees) as ONNX: input ``x`` [patient, width], output ``y`` [patient, outputs]."""
    from onnx import TensorProto, helper

    table = _Table()
    for number, tree in enumerate(trees):
        _write(table, number, tree)
    nodes = [
        helper.make_node(
            "TreeEnsembleRegressor",
            ["x"],
            ["margin"],
            domain="ai.onnx.ml",
            n_targets=len(start),
            base_values=[float(one) for one in start],
            **table.columns,
        ),
        helper.make_node(link, ["margin"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "trees",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["patient", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["patient", len(start)])],
    )
    sets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 3)]
    return bytes(helper.make_model(graph, opset_imports=sets, ir_version=10).SerializeToString())


def _write(table: _Table, number: int, tree: Tree) -> None:
    """A split with several cuts becomes a chain of nodes; the first of them has the split's own number."""
    free = len(tree.nodes)
    for position in _reached(tree):
        node = tree.nodes[position]
        if not isinstance(node, Split):
            table.node(number, position, 0, "LEAF", 0.0, 0, 0, False)
            for target, weight in enumerate(node) if isinstance(node, tuple) else [(tree.target, node)]:
                table.add(target_treeids=number, target_nodeids=position, target_ids=target, target_weights=weight)
            continue
        cuts, left = (node.cuts, node.left) if node.cuts else ((float(LOWEST),), (node.unknown_left, *node.left))
        sides = [node.yes if one else node.no for one in left]
        unknown = node.yes if node.unknown_left else node.no
        here, caught = position, sides[-1] == unknown
        for place, cut in enumerate(cuts):
            last = place == len(cuts) - 1
            catches = not caught and sides[place] == unknown
            caught = caught or catches
            beyond = sides[-1] if last else free
            table.node(number, here, node.feature, "BRANCH_LT", cut, sides[place], beyond, catches)
            if not last:
                here, free = free, free + 1


def _reached(tree: Tree) -> Iterator[int]:
    ahead = [0]
    while ahead:
        position = ahead.pop()
        yield position
        node = tree.nodes[position]
        if isinstance(node, Split):
            ahead += [node.no, node.yes]


def boundary_rows(trees: Sequence[Tree], width: int) -> Float[np.ndarray, "row input"] | None:
    """Rows on the trees' own cuts, and one float32 below; the other columns are on some cut of theirs."""
    splits = [node for tree in trees for node in tree.nodes if isinstance(node, Split)]
    cuts = [(split.feature, cut) for split in splits for cut in split.cuts if np.isfinite(cut)]
    if not cuts:
        return None
    rng = np.random.default_rng(0)
    chosen = [cuts[place] for place in rng.choice(len(cuts), min(len(cuts), BOUNDARY_ROWS // 2), replace=False)]
    rows = np.zeros((2 * len(chosen), width), dtype=np.float32)
    for column in range(width):
        own = [cut for feature, cut in cuts if feature == column]
        if own:
            rows[:, column] = rng.choice(own, len(rows))
    for place, (feature, cut) in enumerate(chosen):
        rows[2 * place, feature] = cut
        rows[2 * place + 1, feature] = np.nextafter(np.float32(cut), LOWEST)
    return rows
