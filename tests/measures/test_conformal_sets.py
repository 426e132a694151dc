from __future__ import annotations

import inspect
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapie.classification import SplitConformalClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
from statsmodels.stats.proportion import proportion_confint

from bedside.errors import DataError
from bedside.measures import conformal_coverage, conformal_coverage_by_class, conformal_quantiles, conformal_sets

SEEDS = st.integers(0, 10_000)


def patients(seed: int, sizes: tuple[int, ...] = (30, 50, 80)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(sizes)), sizes)
    scores = np.exp(rng.normal(size=(len(y), len(sizes))) + np.eye(len(sizes))[y])
    return y, scores / scores.sum(axis=1, keepdims=True)


class Columns(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose probabilities are its inputs."""

    def __init__(self, classes: int = 3) -> None:
        self.classes = classes
        self.classes_ = np.arange(classes)
        self.fitted_ = True

    def fit(self, X: np.ndarray, y: np.ndarray) -> Columns:
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.argmax(X, axis=1)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return X


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from([0.05, 0.1, 0.2, 0.3]))
def test_conformal_quantiles_by_counting(seed: int, alpha: float) -> None:
    y, P = patients(seed, sizes=(5, 19, 60))
    found = conformal_quantiles(y, P, alpha)
    for c in range(3):
        scores = sorted(1 - P[i, c] for i in range(len(y)) if y[i] == c)
        # The smallest score that at least (n + 1)(1 - alpha) of the n + 1 scores, the new one among them, may reach.
        enough = [s for k, s in enumerate(scores, start=1) if k >= (len(scores) + 1) * (1 - alpha) - 1e-9]
        assert found[c] == (enough[0] if enough else 1.0)


@pytest.mark.parametrize("alpha", [0.1, 0.25])
def test_conformal_sets_are_those_of_mapie_fitted_class_by_class(alpha: float) -> None:
    y, P = patients(1)
    _, fresh = patients(2)
    sets = conformal_sets(fresh, conformal_quantiles(y, P, alpha))
    expected = np.zeros_like(sets)
    for c in range(3):
        model = SplitConformalClassifier(Columns(), confidence_level=1 - alpha, conformity_score="lac", prefit=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns that the other classes are missing, which is the point
            model.conformalize(P[y == c], y[y == c])
        expected[:, c] = model.predict_set(fresh)[1][:, c, 0]
    expected[expected.sum(axis=1) == 0] = True
    np.testing.assert_array_equal(sets, expected)
    assert 0.4 < sets.mean() < 0.95


def test_conformal_sets_hold_the_promise_for_each_class() -> None:
    alpha, hits = 0.1, np.zeros(3)
    for seed in range(300):
        y, P = patients(seed, sizes=(25, 40, 90))
        new, fresh = patients(seed + 90_000, sizes=(20, 20, 20))
        # Without the sets that hold everything because nothing fits, so that the bound is met from both sides.
        inside = 1 - fresh <= conformal_quantiles(y, P, alpha)
        hits += [inside[new == c, c].mean() for c in range(3)]
    coverage = hits / 300
    assert (coverage >= 1 - alpha - 0.01).all()
    assert (coverage <= 1 - alpha + 1 / (np.array([25, 40, 90]) + 1) + 0.01).all()


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from([0.05, 0.2, 0.5]))
def test_sets_are_never_empty_and_shrink_with_alpha(seed: int, alpha: float) -> None:
    y, P = patients(seed)
    wide, narrow = (conformal_sets(P, conformal_quantiles(y, P, a)) for a in (alpha, alpha + 0.3))
    assert narrow.any(axis=1).all()
    fits = (conformal_quantiles(y, P, alpha + 0.3) >= 1 - P).any(axis=1)
    assert (wide | ~narrow)[fits].all()


def test_a_patient_whom_no_class_fits_gets_all_of_them() -> None:
    sets = conformal_sets(np.array([[0.56, 0.44], [0.99, 0.01]]), np.array([0.1, 0.1]))
    np.testing.assert_array_equal(sets, [[True, True], [True, False]])


def test_too_few_patients_put_the_class_into_every_set() -> None:
    y, P = patients(3, sizes=(8, 9, 0))
    quantiles = conformal_quantiles(y, P, 0.1)
    assert quantiles[0] == 1.0
    assert quantiles[1] == np.max(1 - P[y == 1, 1])
    assert quantiles[2] == 1.0
    sets = conformal_sets(np.array([[0.0, 1.0, 0.0]]), quantiles)
    assert sets.all()


def test_coverage_with_wilson() -> None:
    y = np.array([0, 0, 1, 1, 1])
    sets = np.array([[True, False], [False, True], [True, True], [False, True], [True, False]])
    found = conformal_coverage(y, sets)
    assert found.value == 3 / 5
    assert (found.low, found.high) == pytest.approx(proportion_confint(3, 5, method="wilson"))
    each = conformal_coverage_by_class(y, sets)
    assert [one.value for one in each] == pytest.approx([1 / 2, 2 / 3])
    assert (each[1].low, each[1].high) == pytest.approx(proportion_confint(2, 3, method="wilson"))
    assert not conformal_coverage(y[:0], sets[:0]).defined
    assert math.isnan(conformal_coverage_by_class(y[:2], sets[:2])[1].value)


def test_conformal_refuses_what_makes_no_sense() -> None:
    y, P = patients(1)
    for alpha in (0.0, 1.0, math.nan):
        with pytest.raises(DataError, match="alpha"):
            conformal_quantiles(y, P, alpha)
    with pytest.raises(DataError, match="quantiles"):
        inspect.unwrap(conformal_sets)(P, np.array([0.5, 0.5]))
    with pytest.raises(DataError, match="quantiles"):
        conformal_sets(P, np.array([0.5, 0.5, math.inf]))
    with pytest.raises(DataError, match="row 0"):
        conformal_coverage(np.array([3]), np.ones((1, 3), dtype=bool))
