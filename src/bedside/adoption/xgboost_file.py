"""XGBoost's own JSON and UBJSON: its trees read as data, and XGBoost's predictions to compare with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from bedside.adoption.original import Asked, Format, Original, Predict
from bedside.adoption.trees import Split, Tree, boundary_rows, category_cuts, forest_graph, pieces, refuse_no_trees
from bedside.adoption.xgboost_saved import ORDINARY, feature_types, whole_of, written_anew
from bedside.errors import DataError, MissingExtra

LINKS: Mapping[str, Literal["Sigmoid", "Softmax", "Identity"]] = {
    "binary:logistic": "Sigmoid",
    "binary:logitraw": "Identity",
    "multi:softprob": "Softmax",
}
"""Objectives whose predictions are probabilities (or logits), and how they come from the trees' sum."""
MOST_CATEGORIES = 1 << 24


@dataclass(frozen=True)
class _Model:
    """What counts of a model. outputs: numbers for each patient. used_rounds: up to the best iteration; `trees` too."""

    learner: Mapping[str, Any]
    objective: str
    width: int
    outputs: int
    rounds: int
    used_rounds: int
    trees: Sequence[Tree]


def read(path: Path, _: Asked) -> Original:
    """An XGBoost classifier; after early stopping, up to its best iteration, as ``XGBClassifier`` predicts.

    Raises
    ------
    DataError: it is damaged, its objective gives no probability, or it is not made of ordinary trees.
    MissingExtra: XGBoost is not installed.
    """
    where = str(path)
    whole = whole_of(path.read_bytes(), where=where)
    try:
        model = _model(whole, where)
        anew = written_anew(whole)
        start = _start(model)
        types = feature_types(whole)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"is damaged, or of an unknown version of XGBoost: {error!r}"[:200], where=where) from error
    refuse_no_trees(model.trees, model.width, where=where)
    return Original(
        graph=forest_graph(model.trees, model.width, start, LINKS[model.objective]),
        width=model.width,
        columns=model.outputs,
        predict=_predict(_opened(anew, where), types, model.used_rounds),
        parameters=sum(len(tree.nodes) for tree in model.trees),
        trees=True,
        takes_nan=True,
        boundaries=boundary_rows(model.trees, model.width),
        facts={
            "written by": f"XGBoost {'.'.join(str(int(one)) for one in whole['version'][:3])}",
            "objective": model.objective,
            "trees": str(len(model.trees)),
            "iterations": f"{model.used_rounds} of {model.rounds}",
        },
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    from importlib.metadata import packages_distributions

    import xgboost

    return dict.fromkeys(packages_distributions().get("xgboost", ["xgboost"])[:1], xgboost.__version__)


def _opened(content: bytes, where: str) -> Any:
    try:
        import xgboost
    except ImportError as error:
        raise MissingExtra("xgboost", "boosted") from error
    try:
        booster = xgboost.Booster({"nthread": 1, "verbosity": 0})
        booster.load_model(bytearray(content))
    except Exception as error:  # XGBoost raises a class of its own
        lines = [one.strip() for one in str(error).splitlines() if one.strip()]
        raise DataError(f"XGBoost cannot open it: {(lines or ['?'])[0][:200]}", where=where) from error
    return booster


def _model(whole: Mapping[str, Any], where: str) -> _Model:
    learner = whole["learner"]
    objective = str(learner["objective"]["name"])
    if objective not in LINKS:
        advice = (
            "It was trained as for multi:softprob: load it, booster.set_param({'objective': 'multi:softprob'}), save it"
            if objective == "multi:softmax"
            else f"A classifier can be adopted: objective {', '.join(LINKS)}"
        )
        raise DataError(f"its objective, {objective[:40]}, gives no probability of a class", where=where, remedy=advice)
    sizes = learner["learner_model_param"]
    width, outputs = int(sizes["num_feature"]), max(int(sizes["num_class"]), 1)
    booster = learner["gradient_booster"]
    name = booster["name"]
    if name not in ORDINARY:
        raise DataError(f"its booster, {str(name)[:40]}, is not made of trees", where=where)
    weights = booster["weight_drop"] if name == "dart" else None
    forest = booster["gbtree"]["model"] if name == "dart" else booster["model"]
    ends = forest["iteration_indptr"]
    rounds = len(ends) - 1
    best = learner["attributes"].get("best_iteration")
    used = rounds if best is None else max(0, min(int(best) + 1, rounds))
    trees = [
        _tree(one, forest["tree_info"][number], 1.0 if weights is None else weights[number], where)
        for number, one in enumerate(forest["trees"][: ends[used]])
    ]
    if not trees or not all(0 <= tree.target < outputs for tree in trees):
        raise DataError("is damaged: it has no trees, or trees of no class", where=where)
    return _Model(learner, objective, width, outputs, rounds, used, trees)


def _start(model: _Model) -> list[float]:
    """What the sum begins with: ``base_score`` as a margin."""
    written = str(model.learner["learner_model_param"]["base_score"])
    found = [float(one) for one in written.strip("[]").split(",")]
    if model.objective == "binary:logistic":
        found = [float(-np.log(np.float32(1) / np.float32(one) - np.float32(1))) for one in found]
    return found * model.outputs if len(found) == 1 else found


def _tree(saved: Mapping[str, Any], target: int, weight: float, where: str) -> Tree:
    if int(saved["tree_param"]["size_leaf_vector"]) > 1:
        raise DataError(
            "its leaves hold several numbers (multi_output_tree), which is not read here",
            where=where,
            remedy="Train it with multi_strategy = one_output_per_tree",
        )
    sets = _category_sets(saved)
    nodes: list[Split | float] = []
    for place, (yes, no) in enumerate(zip(saved["left_children"], saved["right_children"], strict=True)):
        limit = float(np.float32(saved["split_conditions"][place]))  # JSON has the shortest decimal of a float32
        if yes == -1:
            nodes.append(limit * weight)
            continue
        cuts, left = _rule(limit, sets.get(place) if saved["split_type"][place] else None)
        nodes.append(Split(int(saved["split_indices"][place]), cuts, left, bool(saved["default_left"][place]), yes, no))
    return Tree(nodes, int(target))


def _category_sets(saved: Mapping[str, Any]) -> dict[int, frozenset[int]]:
    """For each node that splits on categories, those that go right."""
    parts = zip(saved["categories_nodes"], saved["categories_segments"], saved["categories_sizes"], strict=True)
    return {node: frozenset(saved["categories"][start : start + size]) for node, start, size in parts}


def _rule(limit: float, goes_right: frozenset[int] | None) -> tuple[tuple[float, ...], tuple[bool, ...]]:
    """Cuts and sides: ``x < limit`` goes left; of categories, whatever is not listed."""
    if goes_right is None:
        return pieces([limit], lambda x: x < limit)
    listed = frozenset(one for one in goes_right if 0 <= one < MOST_CATEGORIES)
    return pieces(category_cuts(sorted(listed)), lambda x: not (x >= 0 and int(x) in listed))


def _predict(booster: Any, types: list[str], rounds: int) -> Predict:
    def predict(rows: Float[np.ndarray, "row input"]) -> Float[np.ndarray, "row output"]:
        import xgboost

        taken = np.ascontiguousarray(rows, dtype=np.float32)
        matrix = xgboost.DMatrix(taken, feature_types=types or None, enable_categorical=bool(types), nthread=1)
        found = booster.predict(matrix, validate_features=False, iteration_range=(0, rounds))
        return np.asarray(found, dtype=np.float64).reshape(len(rows), -1)

    return predict


def recognises(path: Path) -> bool:
    """Whether a file begins as XGBoost's JSON or UBJSON."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(64)
    return re.match(rb'\s*\{\s*"(learner|version)"\s*:|\{L\0{7}\x07(learner|version)', start) is not None


FORMAT = Format(name="XGBoost", suffixes=(), read=read, recognises=recognises)
