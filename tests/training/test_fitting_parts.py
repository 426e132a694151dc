"""Folds, floor, calibration, distance and limits, each against something that shares no code with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bedside.network import logits
from bedside.preparation import NUMPY, Preparation
from bedside.sources import Schema, Variable
from bedside.training import calibration
from bedside.training.calibration import calibrated, fit_calibration
from bedside.training.choice import cross_calibrated, distance_limit, missing_limit
from bedside.training.classes import Classes
from bedside.training.distance import distance, fit_distance
from bedside.training.floor import STRENGTHS, chosen_strength, fit_floor
from bedside.training.folds import stopping_patients, stratified_folds
from bedside.training.sample import Sample

ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 25)), min_size=12, max_size=80)


@given(ROWS, st.integers(2, 5), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_patient_stays_in_one_fold_and_folds_are_even(rows: list, count: int, seed: int) -> None:
    y, patient = (np.array(column) for column in zip(*rows, strict=True))
    fold = stratified_folds(y, patient, count, np.random.default_rng(seed))
    assert all(len(set(fold[patient == p])) == 1 for p in set(patient))
    sizes = [len(set(patient[fold == k])) for k in range(count)]
    assert max(sizes) - min(sizes) <= 1


def test_every_class_is_spread_evenly() -> None:
    y = np.array([0] * 61 + [1] * 17 + [2] * 9)
    fold = stratified_folds(y, np.arange(len(y)), 5, np.random.default_rng(0))
    for c in range(3):
        counts = np.bincount(fold[y == c], minlength=5)
        assert counts.max() - counts.min() <= 1


def test_members_are_stopped_by_different_whole_patients() -> None:
    patient = np.repeat(np.arange(40), 3)
    held = stopping_patients(np.tile([0, 1, 1], 40), patient, 4, 0.2, (1,))
    assert held.shape == (4, 120)
    for row in held:
        assert not set(patient[row]) & set(patient[~row])
        assert row.mean() == pytest.approx(0.2)
    assert len({row.tobytes() for row in held}) == 4


@pytest.mark.parametrize("classes", [2, 3])
def test_the_floor_is_scikit_learns(classes: int) -> None:
    x, y = load_iris(return_X_y=True)
    x, y = (
        StandardScaler().fit_transform(x[y < classes] + np.random.default_rng(0).normal(size=(50 * classes, 4))),
        y[y < classes],
    )
    floor = fit_floor(x, y, classes, 0.3)
    theirs = LogisticRegression(C=0.3, tol=1e-10, max_iter=10000).fit(x, y).predict_proba(x)
    np.testing.assert_allclose(NUMPY.softmax(logits(NUMPY, floor, x))[0], theirs, atol=1e-4)


def test_a_class_that_nobody_has_gets_almost_nothing() -> None:
    x, y = load_iris(return_X_y=True)
    floor = fit_floor(x[y != 1], y[y != 1], 3, 1.0)
    assert NUMPY.softmax(logits(NUMPY, floor, x))[0][:, 1].max() < 1e-3


def test_the_penalty_is_strong_where_there_is_nothing_to_learn_and_weak_where_there_is() -> None:
    rng = np.random.default_rng(0)
    x, patient = rng.normal(size=(200, 20)), np.arange(200)
    noise = rng.integers(0, 2, 200)
    clear = (x[:, 0] + x[:, 1] > 0).astype(np.int64)
    strengths = [chosen_strength(x, y, patient, 2, np.random.default_rng(0)) for y in (noise, clear)]
    assert strengths[0] <= STRENGTHS[1] < STRENGTHS[-2] <= strengths[1]


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def overconfident(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    z = rng.normal(size=n)
    p = logistic(2.5 * z - 1)
    return (rng.random(n) < logistic(z)).astype(np.int64), np.stack([1 - p, p], axis=1)


def test_binary_calibration_is_logistic_recalibration(monkeypatch: pytest.MonkeyPatch) -> None:
    y, p = overconfident()
    monkeypatch.setattr(calibration, "PENALTY", 1e-6)
    logit = np.log(p[:, 1] / p[:, 0])[:, None]
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(logit, y)
    ours = fit_calibration(y, p)
    assert ours.slope == pytest.approx(theirs.coef_[0, 0], abs=2e-3)
    assert ours.bias[1] - ours.bias[0] == pytest.approx(theirs.intercept_[0], abs=2e-3)
    np.testing.assert_allclose(calibrated(NUMPY, ours, p), theirs.predict_proba(logit), atol=1e-3)


def test_multiclass_calibration_finds_the_slope_and_shifts_that_were_applied() -> None:
    rng = np.random.default_rng(2)
    true = rng.dirichlet([1, 1, 1], size=4000)
    y = np.array([rng.choice(3, p=row) for row in true])
    distorted = true**2 * np.exp([0.5, 0.0, -0.5])
    distorted /= distorted.sum(axis=1, keepdims=True)
    ours = fit_calibration(y, distorted)
    assert ours.slope == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(ours.bias - ours.bias.mean(), [-0.25, 0.0, 0.25], atol=0.1)
    np.testing.assert_allclose(calibrated(NUMPY, ours, distorted), true, atol=0.04)


def test_calibration_never_turns_the_order_round() -> None:
    y, p = overconfident()
    assert fit_calibration(1 - y, p).slope > 0


def test_few_patients_move_calibration_little() -> None:
    few = fit_calibration(np.array([1, 1]), np.array([[0.6, 0.4], [0.5, 0.5]]))
    assert abs(few.slope - 1) < 1
    assert abs(few.bias).max() < 1


def test_a_fold_is_calibrated_by_the_other_folds_only() -> None:
    """Plant a leak: turn the outcomes of one fold round; only the other folds' probabilities may notice."""
    y, p = overconfident()
    fold = np.arange(len(y)) % 5
    sample = Sample(Schema(variables=()), np.zeros((len(y), 0)), y, np.arange(len(y)), Classes(2))
    honest = cross_calibrated(sample, p, fold)
    leaked = cross_calibrated(replace(sample, y=np.where(fold == 2, 1 - y, y)), p, fold)
    np.testing.assert_array_equal(honest[fold == 2], leaked[fold == 2])
    assert np.abs(honest[fold != 2] - leaked[fold != 2]).max() > 0.05


def prepared(values: np.ndarray, schema: Schema) -> tuple[Preparation, np.ndarray]:
    preparation = Preparation.fit(schema, values, {v.name: "standard" for v in schema.variables if v.kind == "number"})
    return preparation, preparation.transform(values)


def test_distance_is_mahalanobis_in_units_of_the_fitting_patients(numbers: Callable[[int], Schema]) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(150, 4)) @ rng.normal(size=(4, 4))
    preparation, x = prepared(values, numbers(4))
    covariance = LedoitWolf().fit(x).covariance_ + 0.1 * np.eye(4)
    theirs = np.array([mahalanobis(row, x.mean(axis=0), np.linalg.inv(covariance)) for row in x])
    ours = distance(NUMPY, fit_distance(preparation, x), x)
    np.testing.assert_allclose(ours, theirs / np.sqrt(np.mean(theirs**2)), rtol=1e-4)


def test_distance_does_not_depend_on_units(numbers: Callable[[int], Schema]) -> None:
    values = np.random.default_rng(0).normal(size=(100, 3))
    for scales in ({}, {"v0": "none", "v1": "minmax"}):
        there, far = [], np.array([[4.0, 0, 0], [0, 4.0, -4.0]])
        for unit in (1.0, 512.0):
            preparation = Preparation.fit(numbers(3), values * unit, scales)
            fitted = fit_distance(preparation, preparation.transform(values * unit))
            there.append(distance(NUMPY, fitted, preparation.transform(far * unit)))
        np.testing.assert_allclose(there[0], there[1], rtol=1e-3)


def test_a_rare_category_is_unusual_and_an_unseen_one_unlike_any() -> None:
    rng = np.random.default_rng(0)
    schema = Schema(
        variables=(
            Variable(name="n", kind="number", label=""),
            Variable(name="c", kind="category", label="", categories=("a", "b", "rare", "never")),
        )
    )
    values = np.column_stack([rng.normal(size=300), rng.integers(0, 2, 300)])
    values[:3, 1] = 2
    preparation, x = prepared(values, schema)
    fitted = fit_distance(preparation, x)
    common, rare, never = distance(NUMPY, fitted, preparation.transform(np.array([[0.0, 0], [0, 2], [0, 3]])))
    assert common < 1 < rare < 5
    assert never >= 10
    assert np.sqrt(np.mean(distance(NUMPY, fitted, x) ** 2)) == pytest.approx(1, rel=1e-5)


def test_distance_of_patients_who_all_look_alike_is_zero(numbers: Callable[[int], Schema]) -> None:
    values = np.full((40, 2), 5.0)
    preparation, x = prepared(values, numbers(2))
    fitted = fit_distance(preparation, x)
    assert not distance(NUMPY, fitted, x).any()
    assert distance(NUMPY, fitted, preparation.transform(np.array([[5.0, 50.0]])))[0] >= 10


def test_limits_of_abstention() -> None:
    assert distance_limit(np.arange(1000) / 999, np.zeros(1000, dtype=bool)) == pytest.approx(0.995)
    novel = np.arange(1000) >= 990
    assert distance_limit(np.where(novel, 99.0, np.arange(1000) / 989), novel) < 1
    values = np.zeros((200, 10))
    assert missing_limit(values) == 0.5
    values[:, :7] = np.nan
    assert missing_limit(values) == pytest.approx(0.7)
    assert missing_limit(np.full((5, 4), np.nan)) == 0.9
