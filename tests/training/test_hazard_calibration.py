"""Recalibration of a course against statsmodels, and against a miscalibration that was planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from bedside.network import logits
from bedside.preparation import NUMPY
from bedside.sources import Schema
from bedside.training import hazard_calibration
from bedside.training.course import Hazards
from bedside.training.cox_floor import COX
from bedside.training.grid import grid
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
    monkeypatch.setattr(hazard_calibration, "DRAWN", 0.0)
    z, y, followed = drawn(800)
    said = 1.4 * z + 0.9
    data = counted(EDGES, 2, y, followed, None)
    found = fit_hazard_calibration(said, data, SEGMENT)
    assert found.parameters == 8
    parts = [event * 12 + own for event in range(2) for own in (np.arange(4), np.arange(4, 12))]
    for columns, segment in zip(parts, found.segments, strict=True):
        share = data[:, 24 + columns % 12]
        centre = np.average(said[:, columns], axis=0, weights=share)
        at = share > 0
        design = np.column_stack([np.ones(at.sum()), (said[:, columns] - centre)[at]])
        offset = (np.log(share, where=at, out=np.zeros_like(share)) + centre)[at]
        theirs = sm.GLM(data[:, columns][at], design, sm.families.Poisson(), offset=offset).fit().params
        np.testing.assert_allclose([segment.shift, segment.slope], theirs, atol=2e-3)
        ours = recalibrated(NUMPY, found, said)[:, columns]
        np.testing.assert_allclose(ours, centre + theirs[0] + theirs[1] * (said[:, columns] - centre), atol=0.02)


def test_a_planted_miscalibration_is_taken_back() -> None:
    """Patients differ by too much before 2 and by too little after it, and all hazards are too high, then too low."""
    z, y, followed = drawn(12000)
    early, mean = np.tile(SEGMENT, 2) == 0, z.mean(axis=0)
    said = np.where(early, mean + 1.6 * (z - mean) + 1.0, mean + 0.6 * (z - mean) - 1.0)
    found = fit_hazard_calibration(said, counted(EDGES, 2, y, followed, None), SEGMENT)
    back = recalibrated(NUMPY, found, said)
    wrong, ours, truth = (cells(NUMPY, x, events=2, intervals=12) for x in (said, back, z))
    assert np.abs(ours - truth).mean() < 0.003 < np.abs(wrong - truth).mean() / 4


def test_the_folds_own_baselines_do_not_draw_the_slope_down() -> None:
    """Out of fold, a model that is right has slopes of about 1; without the folds they would come out far below."""
    slopes = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(450, 6))
        time, end = rng.exponential(6 * np.exp(-x[:, 0])), rng.uniform(2, 14, 450)
        y, followed = (time <= end).astype(np.int64), np.minimum(time, end)
        head = Hazards(1, grid(y, followed, (2.0, 5.0)), (2.0, 5.0), 5.0, COX)
        sample = Sample(Schema(variables=()), np.zeros((450, 0)), y, np.arange(450), head, followed)
        fold, probability = np.arange(450) % 5, np.empty((450, head.width))
        for k in range(5):
            floor = COX.fit(x[fold != k], sample.take(fold != k), 1.0)
            probability[fold == k] = head.columns(NUMPY, logits(NUMPY, floor, x[fold == k])[0])
        slopes.append([head.fit_calibration(sample, probability, one).segments[0].slope for one in (fold, None)])
    with_folds, without = np.mean(slopes, axis=0)
    assert with_folds == pytest.approx(0.98, abs=0.03)
    assert without < with_folds - 0.03


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


def test_what_happens_after_the_last_horizon_does_not_reach_back() -> None:
    """Everybody censored at it: the recalibration until then stays the same, that of later years has nothing to say."""
    z, y, followed = drawn(500)
    z[:, 8:12] *= 0.3  # what the late years add would be another slope
    head = Hazards(2, tuple(EDGES), (2.0, 4.0), 4.0, COX)
    whole = Sample(Schema(variables=()), np.zeros((500, 0)), y, np.arange(500), head, followed)
    ended = replace(whole, y=np.where(followed > 4, 0, y), followed=np.minimum(followed, 4.0))
    probability = cells(NUMPY, z, events=2, intervals=12)
    one, other = (head.fit_calibration(sample, probability) for sample in (whole, ended))
    until = np.tile(EDGES[1:] <= 4, 2)
    np.testing.assert_allclose(one.slope[until], other.slope[until], atol=1e-5)
    np.testing.assert_allclose(one.shift[until], other.shift[until], atol=1e-5)
    assert np.abs(one.slope[~until] - other.slope[~until]).max() > 0.02
    stretches = [(found["from"], found["to"]) for found in head.calibration_facts(one)["segments"]]
    assert stretches == [(0, 2), (2, 4), (4, 6)] * 2
