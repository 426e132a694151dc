from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from bedside.errors import DataError
from bedside.measures import bootstrap

X = np.random.default_rng(1).gamma(2.0, size=80)


def test_bootstrap_is_scipys_percentile_interval() -> None:
    theirs = stats.bootstrap((X,), np.median, n_resamples=4000, method="percentile", rng=np.random.default_rng(2))
    found = bootstrap(lambda i: float(np.median(X[i])), len(X), repeats=4000)
    assert found.value == np.median(X)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.05)
    narrow = bootstrap(lambda i: float(np.median(X[i])), len(X), repeats=4000, level=0.5)
    assert found.low < narrow.low < narrow.high < found.high


def test_the_seed_repeats_it() -> None:
    one, again, other = (bootstrap(lambda i: float(X[i].mean()), len(X), seed=s) for s in (1, 1, 2))
    assert one == again != other


def test_no_interval_where_it_would_claim_what_nobody_knows() -> None:
    assert bootstrap(lambda i: 1.0, 10).low is None
    assert bootstrap(lambda i: math.nan, 10).low is None
    assert bootstrap(lambda i: float(X[i].mean()), 10, repeats=1).low is None
    # Patient 0 is missing from (1 - 1/n)^n = 36 % of the resamples: the statistic is undefined on too many of them.
    found = bootstrap(lambda i: float(X[i].mean()) if (i == 0).any() else math.nan, 10)
    assert found.defined and found.low is None
    few = bootstrap(lambda i: float(X[i].mean()) if (i < 5).any() else math.nan, 10)
    assert few.low is not None
    with pytest.raises(DataError, match="level"):
        bootstrap(lambda i: 1.0, 10, level=1.0)


def visits(rng: np.random.Generator, patients: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Values of patients with one to five visits, which resemble each other; and whose they are, in any order."""
    whose = rng.permutation(np.repeat(np.arange(patients), rng.integers(1, 6, size=patients)))
    return rng.normal(0, 1, patients)[whose] + rng.normal(0, 0.5, len(whose)), whose


def test_rows_of_a_patient_are_drawn_together() -> None:
    seen: list[np.ndarray] = []
    whose = np.array([7, 3, 7, 3, 7])
    bootstrap(lambda i: float(seen.append(np.sort(i)) or len(seen)), 5, groups=whose, repeats=60)
    assert {tuple(rows) for rows in seen[1:]} == {(1, 1, 3, 3), (0, 1, 2, 3, 4), (0, 0, 2, 2, 4, 4)}


def test_the_interval_of_a_mean_over_visits_is_that_of_clustered_errors() -> None:
    value, whose = visits(np.random.default_rng(3), patients=200)
    found = bootstrap(lambda i: float(value[i].mean()), len(value), groups=whose, repeats=4000)
    theirs = sm.OLS(value, np.ones(len(value))).fit(
        cov_type="cluster", cov_kwds={"groups": whose, "use_correction": False}
    )
    low, high = theirs.conf_int()[0]
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.02)
    apart = bootstrap(lambda i: float(value[i].mean()), len(value), repeats=4000)
    assert apart.high - apart.low < 0.75 * (found.high - found.low)


def test_the_interval_over_visits_covers_the_truth_and_the_one_of_rows_does_not() -> None:
    rng, covered, by_rows = np.random.default_rng(4), 0, 0
    for _ in range(300):
        value, whose = visits(rng)

        def mean(i: np.ndarray, value: np.ndarray = value) -> float:
            return float(value[i].mean())

        for groups in (whose, None):
            found = bootstrap(mean, len(value), groups=groups)
            inside = found.low <= 0 <= found.high
            covered, by_rows = covered + (inside and groups is not None), by_rows + (inside and groups is None)
    assert covered / 300 > 0.90
    assert by_rows / 300 < 0.85
