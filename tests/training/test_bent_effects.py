"""Effects that bend: evidence for curves, when there are any, their intervals, and that the graph says the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from effects_known import columns_of, numbers_of, out_of_fold, run, scored, trial
from scipy.optimize import minimize

from bedside.network import Members, beside, logits, residual
from bedside.preparation import NUMPY
from bedside.training.bent_effects import MOST_COLUMNS, Knots, fit_bent, placed
from bedside.training.effect_errors import fit_effect_errors
from bedside.training.fit import fit_sample
from bedside.training.linear_effects import LINEAR_EFFECTS, relevance

Made = Callable[..., Any]


def hill(x: np.ndarray) -> np.ndarray:
    return np.asarray(2.5 * np.exp(-(x[:, 0] ** 2)) - 1.2 + 0.8 * np.maximum(x[:, 1], 0))


def test_penalties_of_groups_have_the_most_evidence() -> None:
    """scipy's maximum of the restricted likelihood of two variance components and noise, by its definition."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 7))
    y = x @ [0.5, -0.7, 0.4, 0.1, -0.1, 0.1, 0.15] + rng.normal(size=120)
    group = np.array([0, 0, 0, 1, 1, 1, 1])
    apart = np.linalg.qr(np.column_stack([np.ones(120), np.eye(120)[:, 1:]]))[0][:, 1:]  # all but the mean
    z, seen = apart.T @ x, apart.T @ y

    def unlikely(logs: np.ndarray) -> float:
        one, other, noise = np.exp(logs)
        covariance = z @ np.diag(np.where(group == 0, one, other)) @ z.T + noise * np.eye(119)
        return float(np.linalg.slogdet(covariance)[1] + seen @ np.linalg.solve(covariance, seen))

    one, other, noise = np.exp(minimize(unlikely, np.zeros(3), method="Nelder-Mead", options={"maxiter": 2000}).x)
    found = relevance(x, np.column_stack([-y / 2, y / 2]) * 2**0.5, group)
    assert found == pytest.approx(np.where(group == 0, noise / one, noise / other), rel=0.02)


def test_a_broken_line_is_by_how_much_a_feature_exceeds_its_knots() -> None:
    x = np.array([[0.0, -3.0], [1.5, 2.0]])
    knots = Knots(2, np.array([1, 1]), np.array([-1.0, 1.0]))
    assert knots.wide(NUMPY, x).tolist() == [[0.0, -3.0, 0.0, 0.0], [1.5, 2.0, 3.0, 1.0]]
    assert knots.group.tolist() == [0, 1, 2, 2]


def test_knots_stand_where_values_are_and_never_crowd_the_rows() -> None:
    rng = np.random.default_rng(1)
    x = np.column_stack([rng.normal(size=400), rng.integers(0, 2, 400), rng.integers(0, 12, 400)])
    knots = placed(x)
    assert knots is not None
    assert set(knots.feature) == {0, 2}
    assert knots.at[knots.feature == 0] == pytest.approx(np.quantile(x[:, 0], np.arange(1, 8) / 8), abs=1e-6)
    few = placed(x[:40])
    assert few is not None
    assert len(few.at) + 3 <= 40 / 5
    assert placed(x[:, 1:2]) is None
    assert placed(rng.normal(size=(10_000, MOST_COLUMNS))) is None


def test_effects_bend_where_the_truth_does() -> None:
    rng = np.random.default_rng(2)
    x, new = rng.normal(size=(1200, 6)), rng.normal(size=(500, 6))
    sample = scored(hill(x), x, rng)
    bent = fit_bent(x, sample)
    assert bent is not None
    floor = LINEAR_EFFECTS.fit(x, sample, LINEAR_EFFECTS.strength(x, sample))
    off = [np.std(difference(one, new) - hill(new)) for one in (bent.members(x, sample), floor)]
    assert off[0] < 0.6 * off[1]


def difference(members: Members, x: np.ndarray) -> np.ndarray:
    found = logits(NUMPY, members, x)[0]
    return np.asarray(found[:, 1] - found[:, 0])


def test_straight_effects_stay_straight_mostly_and_lose_little_else() -> None:
    rng = np.random.default_rng(3)
    bends, errors = 0, []
    for _ in range(6):
        x, new = rng.normal(size=(600, 6)), rng.normal(size=(500, 6))
        sample = scored(x[:, 0], x, rng)
        floor = LINEAR_EFFECTS.fit(x, sample, LINEAR_EFFECTS.strength(x, sample))
        bent = fit_bent(x, sample)
        bends += bent is not None
        chosen = floor if bent is None else bent.members(x, sample)
        errors.append([np.mean((difference(one, new) - new[:, 0]) ** 2) for one in (chosen, floor)])
    assert bends <= 4
    chosen_error, floor_error = np.sqrt(np.mean(errors, axis=0))
    assert chosen_error < 1.25 * floor_error


def test_intervals_of_bent_effects_cover() -> None:
    """Of 6 simulated trials and new patients; and they are narrower than a line's."""
    covered, widths = [], []
    for repeat in range(6):
        rng = np.random.default_rng([4, repeat])
        x, new = rng.normal(size=(800, 4)), rng.normal(size=(300, 4))
        sample = scored(hill(x), x, rng)
        bent = fit_bent(x, sample)
        assert bent is not None
        fold, unseen = np.arange(800) % 5, np.empty((800, 2))
        for k in range(5):
            rest = sample.take(fold != k)
            again = fit_bent(x[fold != k], rest)
            assert again is not None
            unseen[fold == k] = logits(NUMPY, again.members(x[fold != k], rest), x[fold == k])[0]
        given = logits(NUMPY, bent.members(x, sample), new)[0]
        told = columns_of(fit_effect_errors(sample, x, unseen, (0.5, 0.5), bent), given, new)
        covered.append(np.mean(np.abs(told[:, 1] - told[:, 0] - hill(new)) <= 1.96 * told[:, 2]))
        straight = columns_of(fit_effect_errors(sample, x, out_of_fold(sample, x), (0.5, 0.5)), given, new)
        widths.append([told[:, 2].mean(), straight[:, 2].mean()])
    assert np.mean(covered) >= 0.9
    assert np.mean(widths, axis=0)[0] < 0.8 * np.mean(widths, axis=0)[1]


def test_logits_of_what_stays_and_what_is_learned_are_added() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(9, 3))
    kept = Members(np.zeros((1, 1, 2)), None, ((rng.normal(size=(1, 3, 4)), rng.normal(size=(1, 1, 4))),))
    kept = replace(kept, last=rng.normal(size=(1, 4, 2)))
    first = (rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 1, 5)))
    second = (rng.normal(size=(2, 5, 6)), rng.normal(size=(2, 1, 6)))
    learned = Members(rng.normal(size=(2, 1, 2)), rng.normal(size=(2, 3, 2)), (first, second))
    learned = replace(learned, last=rng.normal(size=(2, 6, 2)), shapes=rng.normal(size=(2, 2)))
    both = logits(NUMPY, beside(kept, learned), x)
    assert both == pytest.approx(logits(NUMPY, kept, x) + logits(NUMPY, learned, x), abs=1e-12)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_bent_effect_is_found_and_the_graph_says_the_same(
    make_study: Made, numbers: Made, make_cohort: Made, compressed: bool
) -> None:
    study, sample = numbers_of(make_study, numbers, make_cohort, trial(900, hill, seed=6))
    asked = replace(residual(2), distil=compressed, prune=0.5 if compressed else 0.0)
    made = fit_sample(study, sample, asked)
    assert made.packed == "residual"
    assert made.network is not None
    new = np.random.default_rng(7).normal(size=(300, 4))
    told = made.predict(new)
    off = told[:, 1] - told[:, 0] - hill(new)
    assert np.sqrt(np.mean(off**2)) < 0.5 * hill(new).std()
    assert np.mean(np.abs(off) <= 1.96 * told[:, 2]) > 0.8
    assert made.arms is not None
    assert np.abs(run(made, 3 * new) - made.predict(3 * new)).max() < 1e-5 * made.arms.scale
