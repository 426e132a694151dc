"""Intervals of what was measured out of fold: rows of one patient are no news of each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bedside.training.choice import measured
from bedside.training.cross_fitting import OutOfFold
from bedside.training.sample import Sample, sample_of

Made = Callable[..., Any]
PATIENTS, VISITS = 150, 4


@pytest.fixture(scope="module", params=["course", "classes"])
def told(request: pytest.FixtureRequest, make_study: Made, make_course_study: Made, numbers: Made, make_cohort: Made):
    """A sample of one row a patient, and predictions that tell something of what happens."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(PATIENTS, 1))
    if request.param == "classes":
        y = (rng.random(PATIENTS) < 1 / (1 + np.exp(-x[:, 0]))).astype(np.int64)
        probability = 1 / (1 + np.exp(np.column_stack([x[:, 0], -x[:, 0]])))
        return sample_of(make_study(numbers(1), ("no", "yes")), make_cohort(x, y)), probability
    died, end = rng.exponential(5 * np.exp(-x[:, 0])), rng.uniform(2, 9, PATIENTS)
    cohort = replace(make_cohort(x, (died <= end).astype(np.int64)), followed=np.minimum(died, end))
    sample = sample_of(make_course_study(numbers(1), (2.0, 5.0)), cohort)
    rate = np.exp(x) / 5 * np.array(sample.head.edges)
    return sample, np.column_stack([np.diff(1 - np.exp(-rate)), np.exp(-rate[:, -1])])


def _said(sample: Sample, probability: np.ndarray) -> Any:
    rows = len(sample.y)
    nothing = np.zeros(rows)
    return measured(sample, probability, OutOfFold(np.arange(rows) % 5, probability, None, nothing, nothing > 0))


def test_what_is_said_of_a_patient_several_times_is_said_once(told: tuple[Sample, np.ndarray]) -> None:
    """Four equal rows of each patient tell what one row tells: counted as patients, intervals were half as wide."""
    sample, probability = told
    rows = np.tile(np.arange(PATIENTS), VISITS)
    once, often = _said(sample, probability), _said(sample.take(rows), probability[rows])
    assert once.keys() == often.keys()
    for name in ("log_loss", "c_harrell" if "c_harrell" in once else "auroc"):
        one, all_rows = once[name], often[name]
        assert all_rows["value"] == pytest.approx(one["value"], abs=1e-12)
        assert all_rows["low"] < one["value"] < all_rows["high"]
        assert all_rows["high"] - all_rows["low"] == pytest.approx(one["high"] - one["low"], rel=0.2)
