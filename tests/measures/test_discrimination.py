from __future__ import annotations

import math

import numpy as np
import pytest
from confidenceinterval.delong import delong_roc_variance, fastDeLong_no_weights
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from bedside.measures import auroc, auroc_by_class, auroc_difference, auroc_multiclass, average_precision
from bedside.measures.discrimination import _midranks

SEEDS = st.integers(0, 10_000)


def patients(seed: int, n: int = 80, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.resize([1, 0, 0], n)
    p = expit(rng.normal(size=n) + y)
    return y, np.round(p, 1) if ties else p


def softmax_patients(seed: int, n: int = 90, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.resize(np.arange(classes), n)
    scores = np.exp(rng.normal(size=(n, classes)) + 1.2 * np.eye(classes)[y])
    return y, scores / scores.sum(axis=1, keepdims=True)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.booleans())
def test_midranks_are_those_of_scipy(seed: int, ties: bool) -> None:
    from scipy.stats import rankdata

    _, p = patients(seed, ties=ties)
    np.testing.assert_array_equal(_midranks(p), rankdata(p))


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.booleans(), st.sampled_from([0.8, 0.95, 0.99]))
def test_auroc_and_interval_against_independent_delong(seed: int, ties: bool, level: float) -> None:
    y, p = patients(seed, ties=ties)
    found = auroc(y, p, level)
    area, variance = delong_roc_variance(y, p)
    assert found.value == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    half = norm.ppf(0.5 + level / 2) * math.sqrt(variance) / (area * (1 - area))
    assert (found.low, found.high) == pytest.approx(tuple(expit(logit(area) + np.array([-half, half]))), abs=1e-6)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.booleans())
def test_delong_variance_by_comparing_all_pairs(seed: int, ties: bool) -> None:
    y, p = patients(seed, n=40, ties=ties)
    won = np.array([[1.0 if a > b else 0.5 if a == b else 0.0 for b in p[y == 0]] for a in p[y == 1]])
    area = won.mean()
    variance = won.mean(axis=1).var(ddof=1) / won.shape[0] + won.mean(axis=0).var(ddof=1) / won.shape[1]
    half = 1.959963984540054 * math.sqrt(variance) / (area * (1 - area))
    found = auroc(y, p)
    assert (found.value, found.low, found.high) == pytest.approx(
        (area, expit(logit(area) - half), expit(logit(area) + half)), abs=1e-12
    )


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.booleans())
def test_auroc_difference_against_independent_delong(seed: int, ties: bool) -> None:
    y, p = patients(seed, ties=ties)
    rng = np.random.default_rng(seed + 1)
    q = expit(logit(np.clip(p, 0.01, 0.99)) + rng.normal(size=len(p)))
    order = np.argsort(-y, kind="stable")
    _, covariance = fastDeLong_no_weights(np.vstack([p, q])[:, order], int(y.sum()))
    error = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    found = auroc_difference(y, p, q)
    assert found.value == pytest.approx(roc_auc_score(y, p) - roc_auc_score(y, q), abs=1e-12)
    limits = found.value + 1.959963984540054 * error * np.array([-1, 1])
    assert (found.low, found.high) == pytest.approx(tuple(limits), abs=1e-6)  # the oracle's ranks are float32


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.booleans())
def test_auroc_is_a_statistic_of_ranks(seed: int, ties: bool) -> None:
    y, p = patients(seed, ties=ties)
    found, stretched, flipped = auroc(y, p), auroc(y, p**3 / 2), auroc(1 - y, p)
    assert stretched == found
    assert flipped.value == pytest.approx(1 - found.value, abs=1e-12)
    assert (flipped.low, flipped.high) == pytest.approx((1 - found.high, 1 - found.low), abs=1e-9)
    assert 0 < found.low < found.value < found.high < 1


def test_auroc_at_one_has_the_exact_conservative_bound() -> None:
    y = np.array([0, 0, 0, 0, 0, 1, 1, 1])
    p = np.linspace(0, 1, 8)
    found = auroc(y, p)
    assert (found.value, found.high) == (1.0, 1.0)
    # 3 disjoint pairs, all in order: Clopper and Pearson's lower limit of 3 out of 3.
    assert found.low == pytest.approx(0.025 ** (1 / 3))
    inverted = auroc(1 - y, p)
    assert (inverted.value, inverted.low, inverted.high) == pytest.approx((0.0, 0.0, 1 - found.low))


def test_bound_at_one_is_conservative_in_simulation() -> None:
    # At a true AUROC equal to the bound for k = 4, a perfect sample must be no likelier than 2.5 %.
    bound = 0.025**0.25
    rng = np.random.default_rng(3)
    case = rng.normal(math.sqrt(2) * norm.ppf(bound), 1, size=(20_000, 4))
    control = rng.normal(size=(20_000, 12))
    assert np.mean(case.min(axis=1) > control.max(axis=1)) <= 0.025


def test_no_interval_is_claimed_where_there_is_no_spread() -> None:
    y = np.array([0, 1, 0, 1])
    flat = auroc(y, np.full(4, 0.3))
    assert (flat.value, flat.low, flat.high) == (0.5, None, None)
    lone = auroc(np.array([1, 0, 0, 0]), np.array([0.5, 0.6, 0.4, 0.1]))
    assert lone.value == pytest.approx(2 / 3)
    assert lone.low is None
    _, p = patients(1)
    same = auroc_difference(patients(1)[0], p, p**2)
    assert (same.value, same.low) == (0.0, None)
    assert average_precision(y, np.array([0.1, 0.9, 0.2, 0.8])).low is None


@pytest.mark.parametrize("y", [[], [0, 0, 0], [1, 1]])
def test_one_class_is_undefined_not_an_error(y: list[int]) -> None:
    outcome, p = np.array(y, dtype=np.int64), np.linspace(0.1, 0.9, len(y))
    for found in (auroc(outcome, p), auroc_difference(outcome, p, p), average_precision(outcome, p)):
        assert not found.defined
        assert (found.low, found.high) == (None, None)


def test_delong_interval_covers_the_truth() -> None:
    rng = np.random.default_rng(11)
    shift, hits, rounds = 1.2, 0, 500
    y = np.repeat([1, 0], [40, 80])
    for _ in range(rounds):
        found = auroc(y, expit(rng.normal(size=120) + shift * y))
        hits += found.low <= norm.cdf(shift / math.sqrt(2)) <= found.high
    assert 0.93 <= hits / rounds <= 0.97


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(2, 5))
def test_macro_auroc_is_sklearns(seed: int, classes: int) -> None:
    y, P = softmax_patients(seed, classes=classes)
    each = auroc_by_class(y, P)
    for c, one in enumerate(each):
        assert one.value == pytest.approx(roc_auc_score(y == c, P[:, c]), abs=1e-12)
        assert one == auroc((y == c).astype(int), P[:, c])
    macro = roc_auc_score(y, P, multi_class="ovr") if classes > 2 else roc_auc_score(y, P[:, 1])
    assert auroc_multiclass(y, P).value == pytest.approx(macro, abs=1e-12)


def test_macro_auroc_of_two_classes_is_the_binary_one() -> None:
    y, p = patients(4)
    both, binary = auroc_multiclass(y, np.column_stack([1 - p, p])), auroc(y, p)
    assert (both.value, both.low, both.high) == pytest.approx((binary.value, binary.low, binary.high), abs=1e-9)


def test_macro_auroc_error_is_that_of_the_jackknife() -> None:
    y, P = softmax_patients(5, n=120)
    rest = [roc_auc_score(np.delete(y, i), np.delete(P, i, 0), multi_class="ovr") for i in range(len(y))]
    jackknife = math.sqrt((len(y) - 1) * np.var(rest))
    found = auroc_multiclass(y, P)
    assert found.low is not None and found.high is not None
    error = (logit(found.high) - logit(found.low)) / (2 * 1.96) * found.value * (1 - found.value)
    assert error == pytest.approx(jackknife, rel=0.03)


def test_macro_auroc_at_one_and_with_an_empty_class() -> None:
    y = np.array([0, 0, 0, 1, 1, 1, 1, 2, 2])
    found = auroc_multiclass(y, np.eye(3)[y])
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx((0.025 ** (1 / 3) + 0.025 ** (1 / 4) + 0.025 ** (1 / 2)) / 3)
    present = y < 2
    assert not auroc_multiclass(y[present], np.eye(3)[y[present]]).defined
    assert [one.defined for one in auroc_by_class(y[present], np.eye(3)[y[present]])] == [True, True, False]


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.booleans())
def test_average_precision_is_sklearns(seed: int, ties: bool) -> None:
    y, p = patients(seed, ties=ties)
    found = average_precision(y, p, repeats=50)
    assert found.value == pytest.approx(average_precision_score(y, p), abs=1e-12)
    assert 0 < found.low < found.value < found.high < 1


def test_average_precision_interval_against_a_bootstrap_of_sklearn() -> None:
    y, p = patients(7, n=150, ties=True)
    rng = np.random.default_rng(8)
    drawn = rng.integers(150, size=(700, 150))
    error = np.std([average_precision_score(y[one], p[one]) for one in drawn], ddof=1)
    found = average_precision(y, p, seed=1, repeats=2000)
    half = (logit(found.high) - logit(found.low)) / 2
    assert half == pytest.approx(1.96 * error / (found.value * (1 - found.value)), rel=0.1)
    assert found == average_precision(y, p, seed=1, repeats=2000)
    assert found != average_precision(y, p, seed=2, repeats=2000)


def test_average_precision_interval_covers_the_truth() -> None:
    rng = np.random.default_rng(12)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        p = rng.beta(1, 2, size=n)
        return (rng.uniform(size=n) < p).astype(np.int64), p

    truth = average_precision_score(*draw(400_000))
    hits = 0
    for _ in range(250):
        found = average_precision(*draw(150), repeats=100)
        hits += found.low <= truth <= found.high
    assert 0.915 <= hits / 250 <= 0.985
