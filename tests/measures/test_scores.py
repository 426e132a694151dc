from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from bedside.measures import accuracy, brier, log_loss, log_loss_difference

SEEDS = st.integers(0, 10_000)


def binary(seed: int, n: int = 70) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.01, 0.99, size=n)
    return (rng.uniform(size=n) < p).astype(np.int64), p


def multiclass(seed: int, n: int = 70, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.resize(np.arange(classes), n), rng.dirichlet(np.ones(classes), size=n)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_brier_is_sklearns(seed: int) -> None:
    y, p = binary(seed)
    found = brier(y, p)
    assert found.value == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    assert (found.low, found.high) == pytest.approx(DescrStatsW((y - p) ** 2).tconfint_mean(), abs=1e-9)
    y, P = multiclass(seed)
    assert brier(y, P).value == pytest.approx(brier_score_loss(y, P, scale_by_half=False), abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_brier_decomposes_into_reliability_resolution_uncertainty(seed: int) -> None:
    # Murphy 1973: exact where predictions take few values.
    y, p = binary(seed)
    p = np.round(p * 4) / 4
    groups = [(np.mean(p == v), v, y[p == v].mean()) for v in np.unique(p)]
    reliability = sum(w * (v - o) ** 2 for w, v, o in groups)
    resolution = sum(w * (o - y.mean()) ** 2 for w, _, o in groups)
    assert brier(y, p).value == pytest.approx(reliability - resolution + y.mean() * (1 - y.mean()), abs=1e-12)


def test_brier_of_two_columns_is_twice_the_binary_one() -> None:
    y, p = binary(3)
    assert brier(y, np.column_stack([1 - p, p])).value == pytest.approx(2 * brier(y, p).value)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from([0.9, 0.95]))
def test_log_loss_is_sklearns(seed: int, level: float) -> None:
    y, p = binary(seed)
    found = log_loss(y, p, level)
    assert found.value == pytest.approx(sklearn_log_loss(y, p), abs=1e-12)
    each = -np.log(np.where(y == 1, p, 1 - p))
    assert (found.low, found.high) == pytest.approx(DescrStatsW(each).tconfint_mean(1 - level), abs=1e-9)
    y, P = multiclass(seed)
    assert log_loss(y, P).value == pytest.approx(sklearn_log_loss(y, P), abs=1e-12)
    assert log_loss(y, P).level == 0.95


def test_log_loss_of_a_certain_mistake_is_finite_and_large() -> None:
    found = log_loss(np.array([0, 1]), np.array([1.0, 1.0]))
    assert found.value == pytest.approx(52 * np.log(2) / 2)
    assert found.value == pytest.approx(sklearn_log_loss([0, 1], [1.0, 1.0]))


def test_means_without_spread_claim_no_interval() -> None:
    y = np.array([0, 1, 1])
    for one in (brier(y, np.full(3, 0.5)), log_loss(y, np.full(3, 0.5)), brier(y[:1], np.array([0.2]))):
        assert one.defined
        assert (one.low, one.high) == (None, None)
    nobody = np.array([], dtype=np.int64)
    for one in (brier(nobody, np.array([])), log_loss(nobody, np.array([])), accuracy(nobody, nobody)):
        assert not one.defined


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_accuracy_is_sklearns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, predicted = rng.integers(3, size=(2, 40))
    found = accuracy(y, predicted)
    assert found.value == pytest.approx(accuracy_score(y, predicted))
    expected = proportion_confint(int(np.sum(y == predicted)), 40, method="wilson")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_log_loss_difference_is_a_paired_t_over_folds(seed: int) -> None:
    y, P = multiclass(seed, n=83)
    _, Q = multiclass(seed + 1, n=83)
    fold = np.random.default_rng(seed).permutation(np.resize(np.arange(5), 83)) * 7
    per_fold = [
        [sklearn_log_loss(y[fold == f], one[fold == f], labels=range(4)) for f in np.unique(fold)] for one in (P, Q)
    ]
    oracle = stats.ttest_rel(*per_fold)
    found = log_loss_difference(y, P, Q, fold)
    assert found.value == pytest.approx(np.mean(per_fold[0]) - np.mean(per_fold[1]), abs=1e-12)
    assert (found.low, found.high) == pytest.approx(tuple(oracle.confidence_interval()), abs=1e-9)
    swapped = log_loss_difference(y, Q, P, fold)
    assert (swapped.value, swapped.low) == pytest.approx((-found.value, -found.high))


def test_log_loss_difference_needs_two_folds_for_an_interval() -> None:
    y, p = binary(1)
    found = log_loss_difference(y, p, np.full(len(y), 0.5), np.zeros(len(y), dtype=np.int64))
    assert found.defined
    assert found.low is None
