from __future__ import annotations

import math

import numpy as np
import pytest
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
