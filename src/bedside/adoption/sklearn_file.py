"""scikit-learn, from skops files: opened only if every type in them is known, and written by skl2onnx."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from bedside.adoption.original import Asked, Format, Original, Predict
from bedside.adoption.plain_graph import plain_graph
from bedside.adoption.sklearn_steps import steps_graph
from bedside.adoption.sklearn_trees import Forest, forest_of, parts_of, refuse_broken_trees
from bedside.adoption.skops_schema import TRUSTED, refuse_strangers, sklearn_version, unknown_types
from bedside.adoption.torch_graph import quiet
from bedside.adoption.trees import boundary_rows, forest_graph
from bedside.errors import BedsideError, DataError, MissingExtra

SETS = {"": 20, "ai.onnx.ml": 3}
BROKEN = (AttributeError, TypeError, LookupError, ValueError, ArithmeticError, RecursionError, ImportError)
"""What scikit-learn raises where an object's attributes are not those of its own version."""


def read(path: Path, asked: Asked) -> Original:
    """A fitted scikit-learn classifier, or a pipeline that ends in one.

    Raises
    ------
    UsageError: something in the file is not scikit-learn's, NumPy's or SciPy's own.
    DataError: it is damaged, not fitted, no classifier, gives no probabilities, or has a step that cannot be written.
    MissingExtra: skops or skl2onnx is not installed.
    """
    where, content = str(path), path.read_bytes()
    refuse_strangers(content, where=where)
    model = _opened(content, where)
    try:
        return _original(model, content, asked, where)
    except BROKEN as error:
        if isinstance(error, BedsideError):
            raise
        raise _another_version(error, content, where) from error


def _original(model: Any, content: bytes, asked: Asked, where: str) -> Original:
    _refuse_no_classifier(model, where)
    refuse_broken_trees(model, where=where)
    _by_position(model)
    for one in parts_of(model):
        if type(one).__name__ == "VotingClassifier":
            one.flatten_transform = False  # of transform() alone; skl2onnx writes only this form
    width = int(getattr(model, "n_features_in_", asked.width))
    predict = _predict(model, content, where)
    takes_nan = _takes_nan(predict, width)
    steps, last = _steps(model)
    forest = forest_of(last, where=where)
    graph, output = _graph(model, steps, forest, width, where)
    plain = plain_graph(graph, replace(asked, output=output), where=where)
    return Original(
        graph=plain.graph,
        width=width,
        columns=len(model.classes_),
        predict=predict,
        parameters=plain.parameters,
        trees=b"TreeEnsemble" in graph,
        takes_nan=takes_nan,
        boundaries=boundary_rows(forest.trees, width) if forest and not steps else None,
        facts=_facts(model, content),
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("scikit-learn", "skl2onnx", "skops")}


def _opened(content: bytes, where: str) -> Any:
    try:
        from skops.io import get_untrusted_types, loads
    except ImportError as error:
        raise MissingExtra("skops", "sklearn") from error
    try:
        with quiet():
            asked_for = get_untrusted_types(data=content)
            strangers = sorted(set(asked_for) - TRUSTED)
            if not strangers:
                return loads(content, trusted=asked_for)
    except Exception as error:  # skops and NumPy raise whatever the parts of a file lead to
        raise DataError(f"skops cannot open it: {_first_line(error)}", where=where) from error
    raise unknown_types(strangers, where)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:200].rstrip(".")


def _refuse_no_classifier(model: Any, where: str) -> None:
    from sklearn.base import BaseEstimator, is_classifier
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    kind = type(model).__name__
    if not isinstance(model, BaseEstimator) or not is_classifier(model):
        raise DataError(
            f"is no classifier ({kind}), and gives no probability of a class",
            where=where,
            remedy="A classifier, or a pipeline that ends in one, can be adopted",
        )
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise DataError(f"{kind} was never fitted", where=where, remedy="Save it after fit()") from error
    if not hasattr(model, "predict_proba"):
        raise DataError(
            f"{kind} has no predict_proba, and gives no probability of a class",
            where=where,
            remedy="Put it into CalibratedClassifierCV, or train a classifier that gives probabilities",
        )
    if isinstance(model.classes_, list):
        raise DataError("has several outcomes at once; one can be adopted", where=where)


def _by_position(model: Any) -> None:
    """Columns that a ``ColumnTransformer`` chose by name from a data frame, by their place in it."""
    for one in parts_of(model):
        if type(one).__name__ != "ColumnTransformer" or not hasattr(one, "feature_names_in_"):
            continue
        place = {str(name): number for number, name in enumerate(one.feature_names_in_)}
        one.transformers_ = [
            (
                name,
                step,
                [place[c] if isinstance(c, str) else c for c in chosen] if isinstance(chosen, list) else chosen,
            )
            for name, step, chosen in one.transformers_
        ]


def _steps(model: Any) -> tuple[list[Any], Any]:
    """What stands before the classifier, and the classifier."""
    steps = getattr(model, "steps", None)
    if steps is None:
        return [], model
    return [step for step in steps[:-1] if step[1] not in (None, "passthrough")], steps[-1][1]


def _graph(model: Any, steps: list[Any], forest: Forest | None, width: int, where: str) -> tuple[bytes, str]:
    """ONNX bytes, and the output with the probabilities: trees exactly, everything else by skl2onnx."""
    if forest is None:
        return bytes(_converted(model, width, where).SerializeToString()), "probabilities"
    trees = forest_graph(forest.trees, _last(model).n_features_in_, forest.start, forest.link)
    if not steps:
        return trees, "y"
    import onnx
    from onnx import compose
    from sklearn.pipeline import Pipeline

    before = steps_graph([step for _, step in steps], width) or _converted(Pipeline(steps), width, where)
    after = compose.add_prefix(onnx.load_model_from_string(trees), "trees.")
    before.ir_version = after.ir_version
    del before.opset_import[:]
    before.opset_import.extend(after.opset_import)  # `SETS`; skl2onnx lists some twice
    joined = compose.merge_models(before, after, io_map=[(before.graph.output[0].name, "trees.x")])
    return bytes(joined.SerializeToString()), "trees.y"


def _last(model: Any) -> Any:
    return _steps(model)[1]


def _converted(model: Any, width: int, where: str) -> Any:
    try:
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import FloatTensorType
    except ImportError as error:
        raise MissingExtra("skl2onnx", "sklearn") from error
    options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
    try:
        with quiet():
            return to_onnx(
                model, initial_types=[("x", FloatTensorType([None, width]))], options=options, target_opset=SETS
            )
    except Exception as error:  # skl2onnx raises whatever its converters raise
        raise DataError(
            f"has a step that cannot be written as ONNX: {_first_line(error)}",
            where=where,
            remedy="Replace that step, or declare what it does as a preparation in [adoption]",
        ) from error


def _another_version(error: Exception, content: bytes, where: str) -> DataError:
    from sklearn import __version__

    return DataError(
        f"does not work with scikit-learn {__version__}: {type(error).__name__}: {_first_line(error)}",
        where=where,
        remedy=f"It was written by {sklearn_version(content)}; install that, or fit and save it again with this one",
    )


def _of_values(error: BaseException | None) -> bool:
    """Whether an estimator refuses the rows, and not itself (``NotFittedError`` is of both kinds)."""
    return isinstance(error, ValueError) and not isinstance(error, AttributeError)


def _predict(model: Any, content: bytes, where: str) -> Predict:
    from threadpoolctl import threadpool_limits

    def given(rows: Float[np.ndarray, "row input"]) -> Float[np.ndarray, "row output"]:
        with quiet(), threadpool_limits(limits=1), np.errstate(all="ignore"):
            try:
                found = model.predict_proba(rows)
            except BROKEN as error:
                if _of_values(error):
                    raise
                raise _another_version(error, content, where) from error
        return np.asarray(found, dtype=np.float64).reshape(len(rows), len(model.classes_))

    def predict(rows: Float[np.ndarray, "row input"]) -> Float[np.ndarray, "row output"]:
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        try:
            return given(rows)
        except DataError:  # a ValueError too
            raise
        except ValueError:  # most estimators refuse nan
            found = np.full((len(rows), len(model.classes_)), np.nan)
        patterns, which = np.unique(np.isnan(rows), axis=0, return_inverse=True)
        for number, unknown in enumerate(patterns):
            alike = which.ravel() == number
            try:
                found[alike] = given(rows[alike])
            except DataError:
                raise
            except ValueError as error:
                if not unknown.any():
                    raise DataError(f"scikit-learn cannot predict: {_first_line(error)}", where=where) from error
        return found

    return predict


def _takes_nan(predict: Predict, width: int) -> bool:
    """Whether the model gives a number with any one input unknown, and with all of them."""
    rows = np.zeros((width + 1, width), dtype=np.float32)
    rows[:width][np.eye(width, dtype=bool)] = np.nan
    rows[width] = np.nan
    try:
        return bool(np.isfinite(predict(rows)).all())
    except DataError as error:
        if not _of_values(error.__cause__):
            raise
        return False


def _facts(model: Any, content: bytes) -> dict[str, str]:
    names = [str(name) for name in getattr(model, "feature_names_in_", ())]
    plain = all(re.fullmatch(r"[\w .,()/%-]{1,60}", one) for one in (*names, *map(str, model.classes_)))
    steps = [type(step).__name__ for _, step in getattr(model, "steps", [("", model)])]
    facts = {"written by": sklearn_version(content), "steps": ", ".join(steps)}
    if plain:
        facts["classes"] = ", ".join(map(str, model.classes_))
        if names:
            facts["inputs"] = ", ".join(names)[:500]
    return facts


FORMAT = Format(name="scikit-learn", suffixes=(".skops",), read=read)
