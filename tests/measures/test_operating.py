from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.metrics import confusion_matrix, precision_score, recall_score
from statsmodels.stats.proportion import proportion_confint

from bedside.errors import DataError
from bedside.measures import npv, ppv, sensitivity, specificity, wilson

SEEDS = st.integers(0, 10_000)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_that_of_statsmodels(n: int, share: float, level: float) -> None:
    successes = round(n * share)
    found = wilson(successes, n, level)
    assert found.value == successes / n
    expected = proportion_confint(successes, n, 1 - level, "wilson")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


def test_wilson_of_nothing_is_undefined_and_of_nonsense_refused() -> None:
    assert not wilson(0, 0).defined
    assert wilson(0, 0).low is None
    for successes, n in ((-1, 3), (4, 3)):
        with pytest.raises(DataError):
            wilson(successes, n)
    with pytest.raises(DataError, match="level"):
        wilson(1, 2, 1.0)


def test_wilson_covers_the_truth_on_average() -> None:
    # Exact coverage from the binomial distribution, averaged over the proportion (Brown, Cai, DasGupta 2001).
    n = 50
    limits = [wilson(k, n) for k in range(n + 1)]
    coverage = []
    for truth in np.linspace(0.02, 0.98, 97):
        held = [one.low <= truth <= one.high for one in limits]
        coverage.append(float(np.sum(binom.pmf(np.arange(n + 1), n, truth)[held])))
    assert np.mean(coverage) == pytest.approx(0.95, abs=0.01)
    assert min(coverage) > 0.83


def patients(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.resize([1, 0, 0], 90)
    return y, np.clip(np.round(rng.uniform(size=90) * 0.7 + 0.3 * y, 1), 0, 1)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from([0.2, 0.5, 0.7]))
def test_shares_at_a_threshold_are_sklearns(seed: int, threshold: float) -> None:
    y, p = patients(seed)
    predicted = [1 if one >= threshold else 0 for one in p]
    tn, fp, fn, tp = confusion_matrix(y, predicted, labels=[0, 1]).ravel().tolist()
    rows = (
        (sensitivity, recall_score(y, predicted), tp, tp + fn),
        (specificity, recall_score(y, predicted, pos_label=0), tn, tn + fp),
        (ppv, precision_score(y, predicted, zero_division=np.nan), tp, tp + fp),
        (npv, precision_score(y, predicted, pos_label=0, zero_division=np.nan), tn, tn + fn),
    )
    for measure, value, successes, n in rows:
        found = measure(y, p, threshold)
        assert found.value == pytest.approx(value, nan_ok=True)
        if n:
            assert (found.low, found.high) == pytest.approx(
                proportion_confint(successes, n, method="wilson"), abs=1e-12
            )


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.floats(0.05, 0.95))
def test_sensitivity_and_specificity_change_places_with_the_labels(seed: int, threshold: float) -> None:
    y, p = patients(seed)
    p = p + 1e-3 * (p < 1)  # nobody at the threshold, which belongs to one side
    if np.any(np.abs(p - threshold) < 1e-9):
        return
    assert sensitivity(y, p, threshold) == specificity(1 - y, 1 - p, 1 - threshold)
    assert ppv(y, p, threshold) == npv(1 - y, 1 - p, 1 - threshold)


def test_a_patient_at_the_threshold_is_positive() -> None:
    assert sensitivity(np.array([1]), np.array([0.2]), 0.2).value == 1.0


def test_shares_of_nobody_are_undefined() -> None:
    y, p = np.array([0, 0]), np.array([0.1, 0.3])
    assert not sensitivity(y, p, 0.5).defined
    assert not specificity(1 - y, p, 0.5).defined
    assert not ppv(y, p, 0.5).defined
    assert not npv(y, p, 0.0).defined
    assert npv(y, p, 0.5).value == 1.0
