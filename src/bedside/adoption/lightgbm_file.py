"""LightGBM's own text format: its trees read as data, and LightGBM's predictions to compare with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from bedside.adoption.original import Asked, Format, Original, Predict
from bedside.adoption.trees import (
    Split,
    Tree,
    above,
    boundary_rows,
    category_cuts,
    forest_graph,
    pieces,
    refuse_no_trees,
)
from bedside.errors import DataError, MissingExtra, UsageError

LINKS: Mapping[str, Literal["Sigmoid", "Softmax"]] = {
    "binary": "Sigmoid",
    "cross_entropy": "Sigmoid",
    "multiclass": "Softmax",
    "multiclassova": "Sigmoid",
}
"""Objectives whose predictions are probabilities, and how they come from the trees' sum."""
ZERO = float(np.float32(1e-35))
"""LightGBM takes numbers as near to 0 as this for 0 (``kZeroThreshold``, a float32), in every row that it is given."""
NEAR_ZERO = (-ZERO, above(ZERO))
"""The first float32 that is taken for 0, and the first that no longer is."""
CATEGORICAL, DEFAULT_LEFT = 1, 2
MISSING_IS_ZERO, MISSING_IS_NAN = 1, 2
DAMAGED = "is damaged: {} of tree {}"


@dataclass(frozen=True)
class _Saved:
    """A file as data; `text` is all of it that LightGBM is given: its header and its trees."""

    header: Mapping[str, str]
    trees: Sequence[Mapping[str, str]]
    text: str


def read(path: Path, _: Asked) -> Original:
    """A LightGBM classifier.

    Raises
    ------
    DataError: it is damaged, its objective gives no probability, or its leaves are linear models.
    MissingExtra: LightGBM is not installed.
    """
    where = str(path)
    saved = _saved(path.read_bytes(), where)
    objective, *options = (saved.header.get("objective") or "custom").split()
    if objective not in LINKS:
        raise DataError(
            f"its objective, {objective[:40]}, gives no probability of a class",
            where=where,
            remedy="A classifier can be adopted: objective binary, multiclass, multiclassova or cross_entropy",
        )
    width, outputs = (_whole(saved.header, key, where) for key in ("max_feature_idx", "num_tree_per_iteration"))
    width += 1
    trees = [_tree(one, number, outputs, where) for number, one in enumerate(saved.trees)]
    refuse_no_trees(trees, width, where=where)
    scale = _sigmoid(options) if LINKS[objective] == "Sigmoid" else 1.0
    if "average_output" in saved.header:
        scale /= max(len(trees) // outputs, 1)
    scaled = [
        Tree([one if isinstance(one, (Split, tuple)) else one * scale for one in t.nodes], t.target) for t in trees
    ]
    return Original(
        graph=forest_graph(scaled, width, [0.0] * outputs, LINKS[objective]),
        width=width,
        columns=outputs,
        predict=_predict(saved.text, where),
        parameters=sum(len(tree.nodes) for tree in trees),
        trees=True,
        takes_nan=True,
        boundaries=boundary_rows(trees, width),
        facts={
            "written by": f"LightGBM, format {_plain(saved.header)}",
            "objective": objective,
            "trees": str(len(trees)),
        },
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {"lightgbm": version("lightgbm")}


def _plain(header: Mapping[str, str]) -> str:
    written = header.get("version", "")
    return written if re.fullmatch(r"v\d{1,3}", written) else "unknown"


def _saved(content: bytes, where: str) -> _Saved:
    """The header, without ``tree_sizes`` (places in the file, where LightGBM would look unchecked), and the trees."""
    body, end, _ = content.decode("utf-8", "replace").replace("\r\n", "\n").partition("\nend of trees")
    start, *blocks = re.split(r"\nTree=\d+\n", body)
    if not end or not blocks:
        raise DataError("holds no whole model: it has no trees, or does not end", where=where)
    header = {key: value for key, value in _lines(start) if key != "tree_sizes"}
    first = "".join(f"{key}={value}\n" if value is not None else f"{key}\n" for key, value in header.items())
    trees = "".join(f"Tree={number}\n{block.strip()}\n\n\n" for number, block in enumerate(blocks))
    read_ = {key: value or "" for key, value in header.items()}
    return _Saved(read_, [{k: v or "" for k, v in _lines(one)} for one in blocks], f"{first}\n{trees}end of trees\n")


def _lines(text: str) -> list[tuple[str, str | None]]:
    parts = [line.strip().partition("=") for line in text.splitlines() if line.strip()]
    return [(key, value if sign else None) for key, sign, value in parts]


def _whole(header: Mapping[str, str], key: str, where: str) -> int:
    value = header.get(key, "")
    if not re.fullmatch(r"\d{1,6}", value):
        raise DataError(f"is damaged: {key} is no number", where=where)
    return int(value)


def _sigmoid(options: Sequence[str]) -> float:
    """The factor of ``binary sigmoid:1``."""
    for one in options:
        found = re.fullmatch(r"sigmoid:([0-9.eE+-]{1,30})", one)
        if found:
            return float(found[1])
    return 1.0


def _numbers(block: Mapping[str, str], key: str, count: int, tree: int, where: str, kind: Any = int) -> list[Any]:
    try:
        found = [kind(one) for one in block.get(key, "").split()]
    except ValueError as error:
        raise DataError(DAMAGED.format(key, tree), where=where) from error
    if len(found) != count:
        raise DataError(DAMAGED.format(key, tree), where=where)
    return found


def _tree(block: Mapping[str, str], number: int, outputs: int, where: str) -> Tree:
    """Internal nodes stand first, then the leaves: LightGBM counts children as n >= 0, leaves as -1, -2, ..."""
    if block.get("is_linear", "0") != "0":
        raise DataError("its leaves are linear models (linear_tree), which no standard operator computes", where=where)
    leaves = _numbers(block, "num_leaves", 1, number, where)[0]
    values = _numbers(block, "leaf_value", leaves, number, where, float)
    if leaves == 1:
        return Tree(values, number % outputs)
    inner = leaves - 1
    names = ("split_feature", "decision_type", "left_child", "right_child")
    features, kinds, left, right = (_numbers(block, name, inner, number, where) for name in names)
    limits = _numbers(block, "threshold", inner, number, where, float)
    sets = _category_sets(block, number, where)

    def child(code: int) -> int:
        return code if code >= 0 else inner + ~code

    nodes: list[Split | float] = []
    for place in range(inner):
        cuts, sides, unknown = _rule(kinds[place], limits[place], sets, number, where)
        nodes.append(Split(features[place], cuts, sides, unknown, child(left[place]), child(right[place])))
    return Tree([*nodes, *values], number % outputs)


def _category_sets(block: Mapping[str, str], tree: int, where: str) -> list[list[int]]:
    """The categories that go left, for each split on categories: bits of 32-bit words."""
    count = _numbers(block, "num_cat", 1, tree, where)[0]
    if count == 0:
        return []
    bounds = _numbers(block, "cat_boundaries", count + 1, tree, where)
    words = _numbers(block, "cat_threshold", bounds[-1], tree, where)
    if bounds[0] != 0 or sorted(bounds) != bounds or min(words, default=0) < 0:
        raise DataError(DAMAGED.format("cat_boundaries", tree), where=where)
    return [
        [32 * place + bit for place, word in enumerate(words[low:high]) for bit in range(32) if word >> bit & 1]
        for low, high in pairwise(bounds)
    ]


def _rule(
    kind: int, limit: float, sets: list[list[int]], tree: int, where: str
) -> tuple[tuple[float, ...], tuple[bool, ...], bool]:
    """Cuts, sides and the way of nan, as ``Tree::NumericalDecision`` and ``CategoricalDecision`` have them."""
    if kind & CATEGORICAL:
        if not 0 <= limit < len(sets):
            raise DataError(DAMAGED.format("threshold", tree), where=where)
        held = frozenset(sets[int(limit)])
        cuts, left = pieces(category_cuts(sorted(held)), lambda x: x > -1 and int(x) in held)
        return cuts, left, False
    default, missing = bool(kind & DEFAULT_LEFT), kind >> 2 & 3
    cuts, left = pieces(
        [above(limit), *NEAR_ZERO],
        lambda x: default if missing == MISSING_IS_ZERO and abs(x) <= ZERO else (0.0 if abs(x) <= ZERO else x) <= limit,
    )
    return cuts, left, default if missing in (MISSING_IS_ZERO, MISSING_IS_NAN) else limit >= 0


def _predict(text: str, where: str) -> Predict:
    try:
        import lightgbm
    except ImportError as error:
        raise MissingExtra("lightgbm", "boosted") from error
    try:
        booster = lightgbm.Booster(model_str=text)
    except Exception as error:  # LightGBM raises a class of its own
        raise DataError(f"LightGBM cannot open it: {str(error).splitlines()[0][:200]}", where=where) from error

    def predict(rows: Float[np.ndarray, "row input"]) -> Float[np.ndarray, "row output"]:
        taken = np.ascontiguousarray(rows, dtype=np.float32)
        return np.asarray(booster.predict(taken, num_threads=1), dtype=np.float64).reshape(len(rows), -1)

    return predict


def recognises(path: Path) -> bool:
    """Whether a file begins as LightGBM's text.

    Raises
    ------
    UsageError: it is what ``dump_model`` gives, which LightGBM itself cannot open.
    """
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(64)
    if re.match(rb'\s*\{\s*"name"\s*:\s*"tree"', start):
        raise UsageError(
            "is a dump of LightGBM, which LightGBM itself cannot open: there is nothing to compare with",
            where=str(path),
            remedy="Save the model as booster.save_model('model.txt')",
        )
    return re.match(rb"tree\r?\nversion=", start) is not None


FORMAT = Format(name="LightGBM", suffixes=(), read=read, recognises=recognises)
