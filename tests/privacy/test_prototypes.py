from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.errors import DataError
from bedside.privacy import prototypes, suppressed

NUMBERS = np.zeros(3, dtype=bool)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(10, 400), k=st.integers(2, 12), count=st.integers(1, 60), seed=st.integers(0, 9))
def test_sizes_and_weights(n: int, k: int, count: int, seed: int) -> None:
    if n < k:
        return
    values = np.random.default_rng(seed).normal(size=(n, 3))
    found = prototypes(values, NUMBERS, k=k, count=count, seed=seed)
    sizes = found.weights * n
    np.testing.assert_allclose(sizes, np.round(sizes), atol=1e-9)
    assert np.round(sizes).min() >= k and np.round(sizes).sum() == n
    assert len(found.weights) == min(count, n // k)
    assert found.weights.sum() == pytest.approx(1, abs=1e-12)
    # Every patient is in exactly one group: the weighted mean of the group means is the mean of all.
    np.testing.assert_allclose(found.weights @ found.values, values.mean(axis=0), atol=1e-9)
    # No row and no single continuous value of a patient is reproduced.
    assert not np.isin(found.values, values).any()


def test_recovers_separate_clusters() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0, 0], [50, 20, 90], [100, 50, 210], [150, 70, 300]])
    values = np.concatenate([centre + rng.normal(size=(25, 3)) for centre in centres])
    found = prototypes(values, NUMBERS, count=4)
    distance = np.linalg.norm(found.values[:, None] - centres[None], axis=2)
    assert sorted(distance.argmin(axis=1)) == [0, 1, 2, 3]
    assert distance.min(axis=1).max() < 1.5


def test_fewer_than_k_patients() -> None:
    with pytest.raises(DataError, match="9 patients are fewer than the 10"):
        prototypes(np.zeros((9, 3)), NUMBERS)
    for change in ({"k": 1}, {"count": 0}):
        with pytest.raises(DataError, match="no aggregate"):
            prototypes(np.zeros((90, 3)), NUMBERS, **change)


def test_identical_patients_share_their_value() -> None:
    found = prototypes(np.full((40, 3), 7.0), NUMBERS, count=4)
    np.testing.assert_array_equal(found.values, 7.0)
    np.testing.assert_array_equal(found.weights, 0.25)


def test_categories_take_the_most_frequent_code() -> None:
    rng = np.random.default_rng(1)
    values = np.stack([rng.normal(size=60), rng.choice([0.0, 2.0], 60, p=[0.2, 0.8])], axis=1)
    found = prototypes(values, np.array([False, True]), count=1)
    assert found.values[0, 1] == 2
    many = prototypes(values, np.array([False, True]), count=6)
    assert set(many.values[:, 1]) <= {0.0, 2.0}


def test_unknown_values() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(100, 3))
    values[:70, 0] = np.nan  # most are unknown
    values[:, 1] = np.nan  # nobody's is known
    values[:12, 2] = np.nan
    found = prototypes(values, NUMBERS, k=10, count=1)
    assert np.isnan(found.values[0, :2]).all()
    assert found.values[0, 2] == pytest.approx(np.nanmean(values[:, 2]))


def test_a_value_that_fewer_than_k_know_is_not_shown() -> None:
    """Clusters of exactly ten, told apart by twelve variables; in the last, three of the first cluster are unknown."""
    rng = np.random.default_rng(5)
    cluster = np.repeat(np.arange(4), 10)
    values = np.column_stack([100.0 * cluster[:, None] + rng.normal(size=(40, 12)), rng.normal(size=40)])
    values[[1, 4, 7], -1] = np.nan
    found = prototypes(values, np.zeros(13, dtype=bool), k=10, count=4)
    order = np.argsort(found.values[:, 0])
    expected = [values[cluster == c, -1].mean() for c in (1, 2, 3)]
    np.testing.assert_allclose(found.values[order, -1], [np.nanmean(values[:, -1]), *expected])


@settings(max_examples=30, deadline=None)
@given(share=st.floats(0, 0.6), seed=st.integers(0, 99))
def test_no_number_stands_for_fewer_than_k(share: float, seed: int) -> None:
    """Groups of exactly k: with one value unknown the mean of the rest would be one of fewer than k patients."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(60, 3))
    values[rng.random(values.shape) < share] = np.nan
    found = prototypes(values, NUMBERS, k=10, count=6)
    everyone = np.nanmean(values, axis=0)
    known = ~np.isnan(values)
    for j in range(3):
        for shown in found.values[~np.isnan(found.values[:, j]), j]:
            if shown == pytest.approx(everyone[j], abs=1e-12):
                continue
            # Otherwise it is the mean of a whole group of 10, of whom all are known.
            assert known[:, j].sum() >= 10
    if share > 0.55:
        return
    assert not np.isin(found.values[~np.isnan(found.values)], values).any()


def test_deterministic_and_seeded() -> None:
    values = np.random.default_rng(3).integers(0, 3, (200, 3)).astype(float)
    first, again = prototypes(values, NUMBERS, seed=1), prototypes(values, NUMBERS, seed=1)
    np.testing.assert_array_equal(first.values, again.values)
    visits = np.arange(200) // 4
    one, other = (prototypes(values, NUMBERS, seed=s, patient=visits) for s in (1, 2))
    assert not np.array_equal(one.values, other.values)  # another visit of each patient is drawn


def test_several_rows_of_one_patient_count_once() -> None:
    values = np.random.default_rng(4).normal(size=(60, 3))
    patient = np.repeat(np.arange(6).astype(str), 10)
    with pytest.raises(DataError, match="6 patients are fewer"):
        prototypes(values, NUMBERS, patient=patient)
    once = prototypes(values, NUMBERS, patient=np.arange(60) // 2, k=10)
    assert len(once.weights) == 3  # 30 patients
    assert "at least 10 patients" in once.description


def test_suppressed() -> None:
    assert suppressed(0) and suppressed(9) and not suppressed(10)
    assert suppressed(19, minimum=20) and not suppressed(20, minimum=20)
