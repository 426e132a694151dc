"""scikit-learn's trees as plain data: held to being trees before they predict; forests are written exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from bedside.adoption.trees import Leaf, Split, Tree, above, pieces, refuse_no_trees
from bedside.errors import DataError

MEAN_OF_TREES = ("DecisionTreeClassifier", "ExtraTreeClassifier", "RandomForestClassifier", "ExtraTreesClassifier")
DEEPEST = 60


class Forest(NamedTuple):
    """link(start + sum of the trees) = probability of each class."""

    trees: Sequence[Tree]
    start: Sequence[float]
    link: Literal["Identity", "Softmax"]


def parts_of(value: Any, depth: int = 0) -> Iterator[Any]:
    """An object and all that it is made of, as far as scikit-learn nests estimators."""
    if depth > DEEPEST:
        return
    yield value
    if isinstance(value, dict):
        inner: Any = value.values()
    elif isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.dtype == object):
        inner = value
    else:
        inner = vars(value).values() if hasattr(value, "__dict__") and not isinstance(value, type) else ()
    for one in np.asarray(inner, dtype=object).flat if isinstance(inner, np.ndarray) else inner:
        if not isinstance(one, (str, bytes, int, float, type(None))):
            yield from parts_of(one, depth + 1)


def refuse_broken_trees(model: Any, *, where: str) -> None:
    """Hold every tree in a model to being one: scikit-learn itself follows children and columns unchecked.

    Raises
    ------
    DataError: one is none, or splits on categories.
    """
    for one in parts_of(model):
        if type(one).__name__ in ("Tree", "TreePredictor"):
            width = int(one.n_features) if type(one).__name__ == "Tree" else int(model_width(model))
            try:
                tree = _tree(one, 0, 1.0, where)
            except (ValueError, IndexError, KeyError, AttributeError, TypeError) as error:
                raise DataError(f"is damaged: a tree cannot be read: {error!r}"[:200], where=where) from error
            refuse_no_trees([tree], width, where=where)


def model_width(model: Any) -> int:
    """Columns that a model takes; of a pipeline's last step, those that the steps before it give."""
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    return int(getattr(last, "n_features_in_", 0))


def forest_of(model: Any, *, where: str) -> Forest | None:
    """The trees of a classifier that is nothing but trees; None of any other."""
    name = type(model).__name__
    if name in MEAN_OF_TREES:
        members = getattr(model, "estimators_", None) or [model]
        return Forest(
            [_tree(one.tree_, 0, 1.0 / len(members), where) for one in members], [0.0] * len(model.classes_), "Identity"
        )
    if name == "GradientBoostingClassifier":
        return _gradient_boosted(model, where)
    if name != "HistGradientBoostingClassifier":
        return None
    base = np.asarray(model._baseline_prediction, dtype=np.float64).ravel()
    binary = len(model.classes_) == 2
    trees = [
        _tree(one, place + binary, 1.0, where) for iteration in model._predictors for place, one in enumerate(iteration)
    ]
    return Forest(trees, [0.0, float(base[0])] if binary else base.tolist(), "Softmax")


def _gradient_boosted(model: Any, where: str) -> Forest | None:
    if type(model.init_).__name__ != "DummyClassifier" or model.loss != "log_loss":
        return None
    base = np.asarray(model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))).ravel()
    binary = len(model.classes_) == 2
    trees = [
        _tree(one.tree_, place + binary, model.learning_rate, where)
        for iteration in model.estimators_
        for place, one in enumerate(iteration)
    ]
    return Forest(trees, [0.0, float(base[0])] if binary else base.tolist(), "Softmax")


def _tree(saved: Any, target: int, weight: float, where: str) -> Tree:
    return _grown(saved, target, weight) if type(saved).__name__ == "Tree" else _boosted(saved, target, where)


def _grown(saved: Any, target: int, weight: float) -> Tree:
    """``sklearn.tree._tree.Tree``: ``x <= threshold`` goes left; a leaf holds each class's share, or one number."""
    nodes: list[Leaf | Split] = []
    shares = np.asarray(saved.value)[:, 0, :].astype(np.float64)
    for place, (left, right) in enumerate(zip(saved.children_left, saved.children_right, strict=True)):
        if left == -1:
            given = tuple((weight * shares[place]).tolist())
            nodes.append(given if len(given) > 1 else given[0])
            continue
        unknown = bool(saved.missing_go_to_left[place])
        nodes.append(_split(int(saved.feature[place]), float(saved.threshold[place]), unknown, int(left), int(right)))
    return Tree(nodes, target)


def _boosted(saved: Any, target: int, where: str) -> Tree:
    """``TreePredictor`` of histogram-based gradient boosting."""
    nodes: list[Leaf | Split] = []
    for node in saved.nodes:
        if node["is_leaf"]:
            nodes.append(float(node["value"]))
            continue
        if node["is_categorical"]:
            raise DataError(
                "splits on categories (categorical_features), which is not read here",
                where=where,
                remedy="Train it with categories one-hot, or on their codes as numbers",
            )
        unknown = bool(node["missing_go_to_left"])
        limit, left, right = float(node["num_threshold"]), int(node["left"]), int(node["right"])
        nodes.append(_split(int(node["feature_idx"]), limit, unknown, left, right))
    return Tree(nodes, target)


def _split(feature: int, limit: float, unknown_left: bool, left: int, right: int) -> Split:
    cuts, sides = pieces([above(limit)], lambda x: x <= limit)
    return Split(feature, cuts, sides, unknown_left, left, right)
