"""What is usual among the development patients, by hand and against numpy's quantiles."""

from __future__ import annotations

import numpy as np
import pytest

from bedside.sources import Schema, Variable
from bedside.training.classes import Classes
from bedside.training.sample import Sample
from bedside.training.usual import usual


def sample(*columns: np.ndarray, patient: np.ndarray | None = None, categories: tuple[str, ...] = ()) -> Sample:
    variables = [Variable(name=f"v{i}", kind="number", label="") for i in range(len(columns))]
    if categories:
        variables[-1] = Variable(name="group", kind="category", label="", categories=categories)
    values = np.column_stack(columns).astype(np.float64)
    who = np.arange(len(values)) if patient is None else patient
    return Sample(Schema(variables=tuple(variables)), values, np.zeros(len(values), dtype=np.int64), who, Classes(2))


def test_the_limits_leave_one_in_twenty_beyond_each() -> None:
    values = np.random.default_rng(5).permutation(np.arange(1000.0))
    found = usual(sample(values))["v0"]
    # By hand: 50 patients (0 to 49) lie beyond the lower limit, which is the mean of 45 to 54; 1000 - 50 = 950 above.
    assert found == {"unknown": 0.0, "low": 49.5, "high": 949.5, "inside": 0.9}
    draws = np.random.default_rng(1).normal(50, 9, 4000)
    found = usual(sample(draws))["v0"]
    assert (found["low"], found["high"]) == pytest.approx(tuple(np.quantile(draws, (0.05, 0.95))), abs=0.2)


def test_no_limit_is_a_patients_own_value_and_ten_patients_lie_beyond() -> None:
    values = np.random.default_rng(2).lognormal(0, 1, 60)
    found = usual(sample(values))["v0"]
    below, above = (values < found["low"]).sum(), (values > found["high"]).sum()
    assert min(below, above) >= 10
    assert found["inside"] == pytest.approx(1 - (below + above) / 60, abs=5e-4)
    assert not set(np.round(values, 4)) & {found["low"], found["high"]}
    assert usual(sample(values[:59]))["v0"] == {"unknown": 0.0, "low": None, "high": None, "inside": None}


def test_one_row_of_each_patient_counts() -> None:
    values = np.repeat(np.arange(100.0), 3)
    assert usual(sample(values, patient=np.repeat(np.arange(100), 3))) == usual(sample(np.arange(100.0)))


def test_what_is_usual_is_so_at_any_visit() -> None:
    order = np.random.default_rng(3).permutation(1000)
    patient, visit = np.repeat(np.arange(200), 5), np.tile(np.arange(5.0), 200)
    found = usual(sample(visit[order], patient=patient[order]))["v0"]
    assert (found["low"], found["high"], found["inside"]) == (0.0, 4.0, 1.0)


def test_small_counts_are_withheld() -> None:
    group = np.array([0.0] * 60 + [1.0] * 9 + [2.0] * 0 + [3.0] * 31)
    number = np.concatenate([np.full(9, np.nan), np.arange(91.0)])
    found = usual(sample(number, group, categories=("a", "b", "c", "d")))
    assert found["group"] == {"unknown": 0.0, "shares": {"a": 0.6, "b": None, "c": 0.0, "d": 0.31}}
    assert found["v0"]["unknown"] is None
    number[:20] = np.nan
    assert usual(sample(number, group, categories=("a", "b", "c", "d")))["v0"]["unknown"] == 0.2
