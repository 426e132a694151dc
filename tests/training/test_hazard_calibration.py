"""Recalibration of a course against statsmodels, and against a miscalibration that was planted."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from bedside.preparation import NUMPY
from bedside.sources import Schema
from bedside.training import hazard_calibration
from bedside.training.course import Hazards
from bedside.training.cox_floor import COX
from bedside.training.hazard_calibration import fit_hazard_calibration, recalibrated
from bedside.training.hazards import cells, counted
from bedside.training.sample import Sample

EDGES = np.linspace(0, 6, 13)
SEGMENT = np.repeat([0, 1], [4, 8])


def drawn(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True log-hazards of two events, which differ between intervals; what happened, and when."""
    rng = np.random.default_rng(seed)
    z = np.log(0.5) + np.stack(
        [rng.normal(-2, 0.8, n)[:, None] + np.linspace(0, 0.6, 12), rng.normal(-2.5, 0.5, n)[:, None] * np.ones(12)], 1
    )
    total = np.exp(z).sum(axis=1)
    risen = np.concatenate([np.zeros((n, 1)), total.cumsum(axis=1)], axis=1)
    clock, end = rng.exponential(size=n), rng.uniform(1, 8, n)
    time = np.array([np.interp(c, r, EDGES) if c < r[-1] else 99.0 for c, r in zip(clock, risen, strict=True)])
    j = np.clip(np.searchsorted(EDGES, time) - 1, 0, 11)
    cause = 1 + (rng.random(n) > np.exp(z[np.arange(n), 0, j]) / total[np.arange(n), j])
    return z.reshape(n, 24), np.where(time <= end, cause, 0), np.minimum(time, end)


def test_it_is_a_poisson_regression_on_the_predicted_log_hazard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hazard_calibration, "PENALTY", 0.0)
    z, y, followed = drawn(800)
    said = 1.4 * z + 0.9
    data = counted(EDGES, 2, y, followed, None)
    found = fit_hazard_calibration(said, data, SEGMENT)
    assert found.parameters == 8
    for event in range(2):
        for columns in (event * 12 + np.arange(4), event * 12 + np.arange(4, 12)):
            share = data[:, 24 + columns - event * 12]
            at = share > 0
            design = np.column_stack([np.ones(at.sum()), said[:, columns][at]])
            offset = np.log(share[at])
            theirs = sm.GLM(data[:, columns][at], design, sm.families.Poisson(), offset=offset).fit().params
            np.testing.assert_allclose(found.shift[columns], theirs[0], atol=2e-3)
            np.testing.assert_allclose(found.slope[columns], theirs[1], atol=1e-3)


def test_a_planted_miscalibration_is_taken_back() -> None:
    z, y, followed = drawn(12000)
    said = np.where(np.tile(SEGMENT, 2) == 0, 1.6 * z + 2.0, 0.6 * z - 1.5)
    found = fit_hazard_calibration(said, counted(EDGES, 2, y, followed, None), SEGMENT)
    back = recalibrated(NUMPY, found, said)
    truth, ours = (cells(NUMPY, x, events=2, intervals=12) for x in (z, back))
    assert np.abs(ours - truth).max() < 0.05
    assert np.abs(ours - truth).mean() < 0.002


def test_it_never_turns_the_order_round_and_few_move_it_little() -> None:
    z, y, followed = drawn(400)
    turned = fit_hazard_calibration(-z, counted(EDGES, 2, y, followed, None), SEGMENT)
    assert (turned.slope > 0).all()
    few = fit_hazard_calibration(z[:3], counted(EDGES, 2, np.ones(3, dtype=np.int64), np.ones(3), None), SEGMENT)
    assert all(abs(one.slope - 1) < 1 and abs(one.shift) < 2 for one in few.segments)


def test_the_head_calibrates_cells_between_its_horizons() -> None:
    z, y, followed = drawn(500)
    head = Hazards(2, tuple(EDGES), (2.0, 6.0), 6.0, COX)
    sample = Sample(Schema(variables=()), np.zeros((500, 0)), y, np.arange(500), head, followed)
    probability = cells(NUMPY, z + 0.5, events=2, intervals=12)
    found = head.fit_calibration(sample, probability)
    expected = fit_hazard_calibration(z + 0.5, head.target(sample), SEGMENT)
    np.testing.assert_allclose(found.slope, expected.slope, atol=1e-4)
    facts = head.calibration_facts(found)["segments"]
    assert [(one["event"], one["from"], one["to"]) for one in facts] == [(1, 0, 2), (1, 2, 6), (2, 0, 2), (2, 2, 6)]
    before, after = head.losses(sample, probability), head.losses(sample, head.calibrated(NUMPY, found, probability))
    assert after.mean() < before.mean() - 0.05
