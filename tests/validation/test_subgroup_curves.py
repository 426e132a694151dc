"""A group's curves are those of its patients alone, and its counts give nothing away of the others."""

from __future__ import annotations

import numpy as np

from bedside.validation.diagnosis import Predictions
from bedside.validation.subgroups import Group, subgroups


def scene(n: int = 600) -> tuple[Predictions, np.ndarray]:
    rng = np.random.default_rng(3)
    p = rng.uniform(0.01, 0.99, n)
    y = (rng.uniform(size=n) < p).astype(np.int64)
    given = Predictions(
        outcome=y,
        probability=np.column_stack([1 - p, p]),
        classes=("well", "ill"),
        positive=1,
        thresholds={1: 0.3},
        sets=None,
        abstained=np.zeros(n, dtype=bool),
        seed=0,
    )
    return given, rng.uniform(size=n) < 0.5


def test_net_benefit_along_a_group_s_decision_curve() -> None:
    given, mask = scene()
    (found,) = subgroups(given, [Group("half", "declared", "half", mask)])
    curve = found.curves.decision["ill"]
    y, p = given.outcome[mask], given.probability[mask, 1]
    for threshold, value in zip(curve.threshold, curve.model, strict=True):
        treated = p >= threshold
        by_hand = (np.sum(treated & (y == 1)) - np.sum(treated & (y == 0)) * threshold / (1 - threshold)) / len(y)
        assert abs(value - by_hand) < 1e-12


def test_counts_that_give_away_a_small_count_of_the_others_are_withheld() -> None:
    given, mask = scene()
    mask = mask | (given.probability[:, 1] < 0.1)  # nobody else has a risk this low
    mask[np.flatnonzero((given.probability[:, 1] < 0.1) & (given.outcome == 0))[:3]] = False  # but three
    (found,) = subgroups(given, [Group("most", "declared", "most", mask)])
    risk = found.curves.risk["ill"]
    inside = np.histogram(given.probability[mask & (given.outcome == 0), 1], risk.edges)[0]
    outside = np.histogram(given.probability[~mask & (given.outcome == 0), 1], risk.edges)[0]
    assert outside[0] == 3
    assert inside[0] >= 10
    for count, own, other in zip(risk.counts["well"], inside, outside, strict=True):
        small = 1 <= own < 10 or 1 <= other < 10
        assert count == (None if small else own)


def test_a_withheld_group_has_no_curves() -> None:
    given, _ = scene()
    mask = np.zeros(len(given), dtype=bool)
    mask[:5] = True
    (found,) = subgroups(given, [Group("five", "declared", "five", mask)])
    assert found.suppressed
    assert found.curves is None
