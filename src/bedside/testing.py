"""Conformance checks for plug-ins: what bedside relies on, as functions that raise `AssertionError` where it fails.

A package that registers a target, an explainer or a task calls these in its own tests; bedside's built-ins go through
the same door.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float

from bedside.cohort import Task, task
from bedside.errors import DataError
from bedside.explanation import Explainer
from bedside.release import REFERENCE, Material, Target
from bedside.release import target as registered
from bedside.sources import Schema, Source, Variable, read_table

__all__ = ["THREE_PATIENTS", "check_explainer", "check_source", "check_target", "check_task"]

THREE_PATIENTS: dict[str, tuple[str | float | None, ...]] = {
    "patient": ("001", "002", "003"),
    "age": (61.0, None, 47.5),
    "sex": ("f", "m", "f"),
}
"""What a file given to `check_source` must hold: columns and their cells; None where a cell is empty."""

Linear = Callable[[Float[np.ndarray, "row variable"]], Float[np.ndarray, " row"]]
WEIGHTS = np.array([0.11, -0.07, 0.0, 0.05, 0.02, -0.13, 0.04, 0.01, -0.02, 0.06, 0.08, -0.03])
"""A linear model has known Shapley values, ``w * (x - mean)``. Zero: a dummy. Twelve: sampling is needed."""


def check_explainer(explain: Explainer) -> None:
    """Additivity, the closed form of a linear model, the dummy axiom, and an honest error.

    The closed form: Štrumbelj and Kononenko, Knowledge and Information Systems 2014, for independent variables.
    """
    rng = np.random.default_rng(0)
    names = tuple(f"v{position}" for position in range(len(WEIGHTS)))
    background, weights = rng.normal(size=(20, len(WEIGHTS))), np.full(20, 1 / 20)
    case = rng.normal(size=len(WEIGHTS))

    def linear(rows: Float[np.ndarray, "row variable"]) -> Float[np.ndarray, " row"]:
        return np.asarray(0.5 + rows @ WEIGHTS)

    found = explain(linear, case, background, weights, names, output="event", compared_with="twenty invented people")
    assert set(found.values) == set(names), "every variable needs a value, and no other"
    values = np.array([found.values[name] for name in names])
    assert np.isfinite(found.error), "the error must be a number"
    assert found.error >= 0, "the error cannot be negative"
    total = found.base_value + values.sum()
    assert abs(total - linear(case[None])[0]) <= 1e-6, "base value and values must add up to the output"
    exact = WEIGHTS * (case - weights @ background)
    assert np.abs(values - exact).max() <= 1e-6 + 5 * found.error, "a linear model's values are w * (x - mean)"
    assert abs(values[2]) <= 1e-9 + 5 * found.error, "a variable that the model ignores has the value 0"


def check_target(target: Target, material: Material) -> None:
    """A file that is the same each time; then probabilities and distances of it, where it can be computed here.

    They sum to 1, are the same for a row alone as among others, take unknown values; distances are the reference's;
    nonsense is refused.

    Parameters
    ----------
    material: a graph and what else a file is made from; nothing is checked where the target gains nothing from it.
    """
    assert target.name, "a target needs a name"
    assert target.runtime, "a target names the distribution that runs it"
    assert target.file, "a target names its file"
    assert 0 <= target.tolerance < 0.1, "a tolerance is an absolute difference of a probability"
    missing = target.missing_to_make()
    assert missing is None, f"it cannot be made here: {missing}"
    made = target.make(material)
    assert made == target.make(material), "the same material must give the same bytes"
    if made is not None:
        _check_file(target, material, made)


def _check_file(target: Target, material: Material, made: bytes) -> None:
    variables, classes = len(material.manifest.schema.variables), material.manifest.outputs.width
    given = {"variables": variables, "classes": classes, "where": "conformance check"}
    opening = target.load if target.missing_to_run() is None else target.rehearse
    predict = opening(made, **given)  # type: ignore[arg-type]
    if predict is None:
        return
    rows = np.random.default_rng(0).normal(size=(257, variables))
    rows[5] = np.nan
    together = predict(rows)
    assert together.columns.shape == (257, classes), "one row a patient, one column a class"
    assert together.distance.shape == (257,), "one distance a patient"
    assert np.isfinite(together.columns).all(), "unknown values must still give a probability"
    assert np.abs(together.columns.sum(axis=1) - 1).max() <= 1e-5, "probabilities of one patient sum to 1"
    alone = np.concatenate([predict(rows[[row]]).columns for row in range(8)])
    assert np.abs(alone - together.columns[:8]).max() <= max(target.tolerance, 1e-6), "a batch must not matter"
    exact = registered(REFERENCE).load(material.graph, **given)(rows).distance  # type: ignore[arg-type]
    assert np.allclose(together.distance, exact, rtol=1e-3, atol=1e-3), "who is unlike training must stay the same"
    try:
        opening(b"no graph", **given)  # type: ignore[arg-type]
    except DataError:
        return
    raise AssertionError("a file that is no graph must be refused with DataError")


def check_task(registered: Task) -> None:
    """A task is data made of names; all are there, and the study's reader finds it by its own name."""
    for field in ("name", "label", "head", "loss", "measures", "floor"):
        assert getattr(registered, field), f"a task names its {field}"
    assert task(registered.name) == registered, "the registry must give this very task for its name"


def check_source(source: Source, path: Path) -> None:
    """A source recognises its own kind of file, and reads `THREE_PATIENTS` from it as they are.

    Parameters
    ----------
    path: a file of the source's kind that holds `THREE_PATIENTS` and nothing else.
    """
    assert source.name, "a source needs a name"
    assert source.recognises(path.read_bytes()[:16]), "a source must recognise its own kind of file by its beginning"
    assert set(THREE_PATIENTS) <= set(source.open(path).columns), "all columns must be there under their names"
    schema = Schema(
        variables=(
            Variable(name="age", kind="number", label="Age", unit="a"),
            Variable(name="sex", kind="category", label="Sex", categories=("m", "f")),
        )
    )
    found = read_table(path, schema, extra=("patient",))
    assert found.rows.tolist() == [1, 2, 3], "rows are numbered from 1, in the file's order"
    assert found.extra["patient"].tolist() == list(THREE_PATIENTS["patient"]), "identifiers stay text: 001 is not 1"
    expected = np.array([[61.0, 1.0], [np.nan, 0.0], [47.5, 1.0]])
    assert np.array_equal(found.values, expected, equal_nan=True), "numbers, unknown cells and categories as they stand"
