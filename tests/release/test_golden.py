from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bedside.errors import DataError, Refused
from bedside.privacy import Prototypes
from bedside.release import Candidate, Model, Prediction, golden_check, pack
from bedside.release.golden import golden_cases
from bedside.sources import Schema, Variable


def off(model: Model, *, columns: float = 0.0, distance: float = 0.0, case: int = 4) -> Model:
    """The same model on a machine that computes one case slightly differently."""

    def predict(values: np.ndarray) -> Prediction:
        right = model.predict(values)
        p, d = right.columns.copy(), right.distance.copy()
        p[case] += np.float32(columns)
        d[case] += np.float32(distance)
        return Prediction(p, d, right.spread)

    return replace(model, predict=predict)


def test_holds_on_this_machine(candidate: Candidate) -> None:
    golden_check(candidate.load())


def test_a_difference_is_named(candidate: Candidate) -> None:
    model = candidate.load()
    golden_check(off(model, columns=5e-6))
    with pytest.raises(Refused, match=r"case 5 of 32: a probability differs by 0\.000\d+"):
        golden_check(off(model, columns=2e-4))
    with pytest.raises(Refused, match="case 5 of 32: a probability differs by nan"):
        golden_check(off(model, columns=np.nan))
    with pytest.raises(Refused, match="case 5 of 32: the scaled distance"):
        golden_check(off(model, distance=0.5))


def test_target_without_outputs_and_broken_file(candidate: Candidate) -> None:
    model = candidate.load()
    with pytest.raises(Refused, match="no golden outputs for the target phone"):
        golden_check(replace(model, target="phone"))
    with pytest.raises(DataError, match=r"golden\.json"):
        golden_check(replace(model, golden=b"{"))


def test_outputs_are_those_of_the_model(small: ModuleType, candidate: Candidate) -> None:
    golden = json.loads(candidate.files["golden.json"])
    cases = np.array([[np.nan if v is None else v for v in case] for case in golden["cases"]])
    probability, distance = small.expected(cases)
    np.testing.assert_allclose(golden["targets"]["server-cpu"]["columns"], probability, atol=2e-6)
    np.testing.assert_allclose(golden["targets"]["server-cpu"]["distance"], distance, rtol=1e-5)
    assert golden["targets"]["server-cpu"]["tolerance"] == candidate.manifest.targets["server-cpu"].tolerance


def test_cases_come_from_the_declarations() -> None:
    schema = Schema(
        variables=(
            Variable(name="a", kind="number", label="A", range=(-3, -1)),
            Variable(name="b", kind="number", label="B"),
            Variable(name="c", kind="category", label="C", categories=("x", "y", "z")),
            Variable(name="d", kind="number", label="D"),
            Variable(name="e", kind="number", label="E"),
        )
    )
    values = np.array([[9.0, 10.0, 0, 7.0, np.nan], [9.0, 20.0, 1, 7.0, np.nan]])
    cases = golden_cases(schema, Prototypes(values, np.array([0.5, 0.5]), 10), seed=1)
    unknown = np.isnan(cases)
    assert unknown.any() and not unknown[1::4].any() and not unknown[2::4].any()
    spans = [(-3, -1), (7.5, 22.5), (0, 2), (5.25, 8.75), (0, 1)]
    for column, (low, high) in zip(cases.T, spans, strict=True):
        assert np.nanmin(column) >= low and np.nanmax(column) <= high
        assert np.nanmax(column) - np.nanmin(column) > 0.7 * (high - low)
    assert set(cases[~np.isnan(cases[:, 2]), 2]) == {0, 1, 2}
    np.testing.assert_array_equal(cases, golden_cases(schema, Prototypes(values, np.array([0.5, 0.5]), 10), seed=1))
    assert not np.array_equal(
        cases, golden_cases(schema, Prototypes(values, np.array([0.5, 0.5]), 10), seed=2), equal_nan=True
    )
    np.testing.assert_array_equal(cases, cases.astype(np.float32))


def test_background_file_holds_the_prototypes_and_says_what_they_are(small: ModuleType, tmp_path: Path) -> None:
    parts = small.parts()
    packed = pack(parts, tmp_path / "c")
    read = json.loads(packed.files["background.json"])
    assert read["k"] == 10
    assert "at least 10 patients" in read["description"] and "none of them is a person" in read["description"]
    np.testing.assert_array_equal(np.array(read["values"], dtype=float), parts.background.values)
    np.testing.assert_array_equal(read["weights"], parts.background.weights)
    assert packed.load().compared_with == read["description"]


def test_background_that_does_not_fit(small: ModuleType, candidate: Candidate) -> None:
    from bedside.release.candidate import candidate_of
    from bedside.release.folder import sha256

    read = json.loads(candidate.files["background.json"])
    for change in (
        {"values": [[1.0]], "weights": [1.0]},
        {"weights": [0.1] * 12},
        {"weights": [2.0, -1.0] + [0.0] * 10},
    ):
        content = json.dumps(read | change).encode()
        manifest = json.loads(candidate.files["manifest.json"])
        manifest["files"]["background.json"] = sha256(content)
        files = dict(candidate.files) | {"background.json": content, "manifest.json": json.dumps(manifest).encode()}
        with pytest.raises(DataError, match=r"background\.json"):
            candidate_of(files, candidate.folder)
