"""Chi-square tests against scipy's, and what must hold of them whatever the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bedside.measures import chi_square_tail, ranks_by_chance, shares_by_chance, table_by_chance


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 300), st.integers(1, 40))
def test_the_tail_is_scipys(value: float, degrees: int) -> None:
    assert chi_square_tail(value, degrees) == pytest.approx(stats.chi2.sf(value, degrees), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("seed", range(5))
def test_counts_against_shares_are_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts, shares = rng.integers(5, 90, 4), rng.dirichlet(np.ones(4))
    expected = stats.chisquare(counts, shares * counts.sum()).pvalue
    assert shares_by_chance(counts, shares) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_a_table_is_scipys(seed: int) -> None:
    counts = np.random.default_rng(seed).integers(1, 40, (3, 4))
    expected = stats.chi2_contingency(counts, correction=False).pvalue
    assert table_by_chance(counts) == pytest.approx(expected, rel=1e-9)
    assert table_by_chance(np.insert(counts, 1, 0, axis=0)) == pytest.approx(expected, rel=1e-9)
    assert table_by_chance(counts.T) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_ranks_are_scipys_with_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, group = rng.integers(0, 12, 90).astype(float), rng.integers(0, 3, 90)
    values[group == 2] += rng.integers(0, 3)
    expected = stats.kruskal(*(values[group == one] for one in range(3))).pvalue
    assert ranks_by_chance(values, group) == pytest.approx(expected, rel=1e-9)
    assert ranks_by_chance(np.exp(values), 5 - group) == pytest.approx(expected, rel=1e-9), "ranks and names only"


def test_nothing_to_compare_is_no_difference() -> None:
    assert ranks_by_chance(np.ones(9), np.arange(9) % 3) == 1.0
    assert ranks_by_chance(np.arange(9.0), np.zeros(9, dtype=int)) == 1.0
    assert table_by_chance(np.array([[3, 4], [0, 0]])) == 1.0
    assert chi_square_tail(0.0, 3) == 1.0


def test_what_chance_makes_is_found_as_often_as_it_is_said() -> None:
    rng = np.random.default_rng(7)
    found = [ranks_by_chance(rng.normal(size=60), rng.integers(0, 3, 60)) for _ in range(2000)]
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.015)
