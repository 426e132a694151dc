"""What an XGBoost file says, judged as plain data and written anew: XGBoost crashes on files that are damaged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bedside.adoption.ubjson import read_ubjson
from bedside.errors import DataError

Json = Mapping[str, Any]
ORDINARY = ("gbtree", "dart")
WHOLE = ("left_children", "right_children", "parents", "split_indices", "default_left", "split_type")
NUMBERS = ("split_conditions", "base_weights", "loss_changes", "sum_hessian")
CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
SOFTMAX = ("softmax_multiclass_param", "num_class")
PARAMETERS = dict.fromkeys(("binary:logistic", "binary:logitraw"), ("reg_loss_param", "scale_pos_weight"))


def whole_of(content: bytes, *, where: str) -> Json:
    """The document in a file, JSON or UBJSON.

    Raises
    ------
    DataError: it is neither, or no object with a learner.
    """
    try:
        found = json.loads(content) if content[1:2] != b"L" else read_ubjson(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"is damaged: {error}", where=where) from error
    if not isinstance(found, dict) or not isinstance(found.get("learner"), dict):
        raise DataError("is damaged: it holds no learner", where=where)
    return found


def written_anew(whole: Json) -> bytes:
    """The same model, of nothing but numbers whose counts and kinds are as they must be.

    Raises
    ------
    ValueError, KeyError, TypeError: they are not; the caller says where.
    """
    learner = whole["learner"]
    sizes, booster, objective = (
        learner["learner_model_param"],
        learner["gradient_booster"],
        learner["objective"]["name"],
    )
    forest = booster["gbtree"]["model"] if booster["name"] == "dart" else booster["model"]
    model: dict[str, Any] = {
        "gbtree_model_param": {
            "num_parallel_tree": _digits(forest["gbtree_model_param"]["num_parallel_tree"]),
            "num_trees": str(len(forest["trees"])),
        },
        "iteration_indptr": _ends(forest["iteration_indptr"], len(forest["trees"])),
        "tree_info": _listed(forest["tree_info"], len(forest["trees"]), int),
        "trees": [_tree(one, number, int(sizes["num_feature"])) for number, one in enumerate(forest["trees"])],
    }
    parameter, value = PARAMETERS.get(objective, SOFTMAX)
    told: dict[str, Any] = {"name": booster["name"], "model": model}
    if booster["name"] == "dart":
        weights = _listed(booster["weight_drop"], len(forest["trees"]), float)
        told = {"name": "dart", "gbtree": {"name": "gbtree", "model": model}, "weight_drop": weights}
    document = {
        "learner": {
            "attributes": {},
            "feature_names": [],
            "feature_types": feature_types(whole),
            "gradient_booster": told,
            "learner_model_param": {
                "base_score": _scores(str(sizes["base_score"]), int(sizes["num_class"])),
                "boost_from_average": "1",
                "num_class": _digits(sizes["num_class"]),
                "num_feature": _digits(sizes["num_feature"]),
                "num_target": "1",
            },
            "objective": {
                "name": objective,
                parameter: {value: _digits(sizes["num_class"]) if value == "num_class" else "1"},
            },
        },
        "version": _listed(whole["version"], 3, int),
    }
    return json.dumps(document).encode()


def feature_types(whole: Json) -> list[str]:
    """``"c"`` for a column of categories, else ``"q"``; empty where no column is one."""
    given = whole["learner"].get("feature_types") or []
    if "c" not in given:
        return []
    if len(given) != int(whole["learner"]["learner_model_param"]["num_feature"]):
        raise ValueError("feature_types")
    return ["c" if one == "c" else "q" for one in given]


def _digits(value: Any) -> str:
    return str(int(str(value)))


def _scores(value: str, outputs: int) -> str:
    found = [float(one) for one in value.strip("[]").split(",")]
    if len(found) not in (1, max(outputs, 1)):
        raise ValueError("base_score")
    return f"[{','.join(map(repr, found))}]" if value.startswith("[") else repr(found[0])


def _listed(values: Any, count: int, kind: type[int | float]) -> list[Any]:
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"{count} numbers are expected")
    return [kind(one) for one in values]


def _ends(values: Sequence[Any], trees: int) -> list[int]:
    """Where the trees of each iteration begin, and where the last end."""
    found = [int(one) for one in values]
    if found != sorted(found) or not found or found[0] != 0 or found[-1] != trees:
        raise ValueError("iteration_indptr")
    return found


def _tree(saved: Json, number: int, width: int) -> dict[str, Any]:
    nodes = len(saved["left_children"])
    categories = len(saved["categories_nodes"])
    told: dict[str, Any] = {name: _listed(saved[name], nodes, int) for name in WHOLE}
    told |= {name: _listed(saved[name], nodes, float) for name in NUMBERS}
    told |= {name: _listed(saved[name], len(saved[name]), int) for name in CATEGORIES}
    for place, start, size in zip(*(told[name] for name in CATEGORIES[1:]), strict=True):
        if not 0 <= place < nodes or start < 0 or size < 0 or start + size > len(told["categories"]):
            raise ValueError("categories")
    split = [place for place in range(nodes) if told["split_type"][place] and told["left_children"][place] != -1]
    if categories and sorted(told["categories_nodes"]) != told["categories_nodes"]:
        raise ValueError("categories_nodes")
    if sorted(told["categories_nodes"]) != split or any(not 0 <= one < 1 << 24 for one in told["categories"]):
        raise ValueError("categories")
    if any(not 0 <= one < width for one in told["split_indices"]):
        raise ValueError("split_indices")
    told["tree_param"] = {
        "num_deleted": _digits(saved["tree_param"].get("num_deleted", 0)),
        "num_feature": str(width),
        "num_nodes": str(nodes),
        "size_leaf_vector": _digits(saved["tree_param"]["size_leaf_vector"]),
    }
    return told | {"id": number}
