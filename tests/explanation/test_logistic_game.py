"""A game that is additive on the logit scale: every coalition enumerated is the oracle."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.explanation import shap
from bedside.explanation.logistic_game import LogisticGame


def enumerated(start: float, steps: np.ndarray) -> np.ndarray:
    """Shapley's formula, subset by subset."""
    players = range(len(steps))
    values = np.zeros(len(steps))
    for j in players:
        others = [i for i in players if i != j]
        for size in range(len(steps)):
            share = math.factorial(size) * math.factorial(len(steps) - size - 1) / math.factorial(len(steps))
            for subset in itertools.combinations(others, size):
                before = start + sum(steps[i] for i in subset)
                values[j] += share * (1 / (1 + math.exp(-before - steps[j])) - 1 / (1 + math.exp(-before)))
    return values


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-4, 4), min_size=1, max_size=7), st.floats(-8, 8), st.sampled_from([0.0, 0.25, 1.0]))
def test_values_are_those_of_all_coalitions(steps: list[float], start: float, scale: float) -> None:
    game = LogisticGame(np.array([start, 0.3]), np.array([steps, np.array(steps) * scale]))
    found = game.shapley()
    for row in range(2):
        np.testing.assert_allclose(found[row], enumerated(game.start[row], game.steps[row]), atol=1e-4)
        assert (found[row][game.steps[row] == 0] == 0).all()
    reached = 1 / (1 + np.exp(-game.start - game.steps.sum(axis=1))) - 1 / (1 + np.exp(-game.start))
    np.testing.assert_allclose(found.sum(axis=1), reached, atol=1e-12)


def test_a_game_of_its_own_kind_is_found_again() -> None:
    rng = np.random.default_rng(0)
    start, steps = rng.normal(size=3), rng.normal(size=(3, 6))
    inside = rng.random((3, 80, 6)) < 0.5
    inside[:, 0] = False
    answers = 1 / (1 + np.exp(-start[:, None] - np.einsum("bcp,bp->bc", inside, steps)))
    found = LogisticGame.fitted(inside, answers, steps + 0.01)
    np.testing.assert_allclose(found.start, start)
    np.testing.assert_allclose(found.steps, steps, atol=1e-3)


def explained(predict: object, seed: int, case: np.ndarray, background: np.ndarray) -> tuple[np.ndarray, float]:
    names = [f"v{j}" for j in range(len(case))]
    weights = np.full(len(background), 1 / len(background))
    found = shap(
        predict, case, background, weights, names,  # type: ignore[arg-type]
        output="p", compared_with="b", target_error=1e-9, max_samples=6_000, seed=seed,
    )  # fmt: skip
    return np.array(list(found.values.values())), found.error


def test_a_logistic_model_has_no_error_left() -> None:
    rng = np.random.default_rng(1)
    case, background, slopes = rng.normal(size=12), rng.normal(size=(10, 12)), rng.normal(size=12)
    values, error = explained(lambda rows: 1 / (1 + np.exp(-rows @ slopes)), 0, case, background)
    exact = np.mean([enumerated(row @ slopes, slopes * (case - row)) for row in background[:1]], axis=0)
    first, _ = explained(lambda rows: 1 / (1 + np.exp(-rows @ slopes)), 0, case, background[:1])
    assert error < 1e-3
    reached = 1 / (1 + np.exp(-case @ slopes)) - np.mean(1 / (1 + np.exp(-background @ slopes)))
    assert abs(values.sum() - reached) < 1e-9
    np.testing.assert_allclose(first, exact, atol=1e-3)


def test_what_is_taken_out_is_put_back_without_bias() -> None:
    """Over many seeds the mean is the exact value, though the model is far from additive on the logit scale."""
    rng = np.random.default_rng(2)
    case, background, first = rng.normal(size=13), rng.normal(size=(4, 13)), rng.normal(size=(13, 5))

    def predict(rows: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-3 * np.tanh(rows @ first).prod(axis=1) - np.tanh(rows @ first).sum(axis=1)))

    masks = np.array(list(itertools.product([False, True], repeat=13)))
    worth = np.mean([predict(np.where(masks, case, row)) for row in background], axis=0)
    size, exact = masks.sum(axis=1), np.zeros(13)
    for j in range(13):
        without = np.flatnonzero(~masks[:, j])
        share = np.array([1 / 13 / math.comb(12, s) for s in size[without]])
        exact[j] = share @ (worth[without + (1 << (12 - j))] - worth[without])
    found, errors = zip(*(explained(predict, seed, case, background) for seed in range(40)), strict=True)
    away = np.mean(found, axis=0) - exact
    assert np.abs(away).max() < 4 * np.mean(errors) / math.sqrt(40)
    assert np.sqrt(np.mean((np.array(found) - exact) ** 2, axis=0)).max() < 1.5 * np.mean(errors)
