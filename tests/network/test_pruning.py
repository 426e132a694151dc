"""Whole units are taken out, the lightest first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bedside.network import Members, logits, pruned, residual, train
from bedside.preparation import NUMPY

X = np.random.default_rng(0).normal(size=(50, 4))


def drawn(*units: int, members: int = 3, seed: int = 1) -> Members:
    rng = np.random.default_rng(seed)
    widths = [4, *units]
    hidden = tuple(
        (rng.normal(size=(members, a, b)), rng.normal(size=(members, 1, b)))
        for a, b in zip(widths[:-1], units, strict=True)
    )
    return Members(rng.normal(size=(members, 1, 2)), None, hidden, rng.normal(size=(members, units[-1], 2)))


def shapes(members: Members) -> list[tuple[int, ...]]:
    return [array.shape for array in members.arrays()]


def test_units_that_do_nothing_go_first_and_nothing_changes() -> None:
    full = drawn(8)
    idle = np.array([[0, 3, 4, 7], [1, 2, 5, 6], [0, 1, 2, 3]])
    last = full.last.copy()
    np.put_along_axis(last, idle[:, :, None], 0.0, axis=1)
    full = replace(full, last=last)
    smaller = pruned(full, 0.5)
    assert shapes(smaller) == [(3, 1, 2), (3, 4, 4), (3, 1, 4), (3, 4, 2)]
    np.testing.assert_allclose(logits(NUMPY, smaller, X), logits(NUMPY, full, X), rtol=1e-12)
    assert not np.allclose(logits(NUMPY, pruned(full, 0.625), X), logits(NUMPY, full, X))


def test_the_lightest_is_that_of_the_formula_in_each_member() -> None:
    full = drawn(6)
    (weight, bias), last = full.hidden[0], full.last
    for member in range(3):
        weighs = [
            np.linalg.norm([*weight[member, :, unit], bias[member, 0, unit]]) * np.linalg.norm(last[member, unit])
            for unit in range(6)
        ]
        rest = [unit for unit in range(6) if unit != int(np.argmin(weighs))]
        np.testing.assert_array_equal(pruned(full, 1 / 6).hidden[0][0][member], weight[member][:, rest])
        np.testing.assert_array_equal(pruned(full, 1 / 6).last[member], last[member][rest])


def test_scaling_a_unit_up_and_back_does_not_save_it() -> None:
    full = drawn(6)
    factor = np.array([1e3, 1e-3, 10, 0.1, 1, 5])
    (weight, bias), last = full.hidden[0], full.last
    scaled = replace(full, hidden=((weight * factor, bias * factor),), last=last / factor[:, None])
    np.testing.assert_allclose(logits(NUMPY, pruned(scaled, 0.5), X), logits(NUMPY, pruned(full, 0.5), X), rtol=1e-9)


def test_several_layers_rounding_and_nothing_to_prune() -> None:
    assert shapes(pruned(drawn(5, 9), 0.5)) == [(3, 1, 2), (3, 4, 3), (3, 1, 3), (3, 3, 5), (3, 1, 5), (3, 5, 2)]
    assert shapes(pruned(drawn(5), 0.99))[1] == (3, 4, 1)
    assert shapes(pruned(drawn(5), 0.0)) == shapes(drawn(5))
    linear = Members(np.zeros((1, 1, 2)), np.ones((1, 4, 2)))
    assert pruned(linear, 0.5) is linear


def test_a_student_learns_its_teacher_and_is_stopped_by_the_outcomes() -> None:
    x = np.random.default_rng(3).normal(size=(400, 4))
    truth = 1 / (1 + np.exp(-4 * x[:, 0]))
    teacher = np.stack([1 - truth, truth], axis=1)
    y = (np.random.default_rng(4).random(400) < 0.5).astype(int)  # says nothing of the teacher
    settings = replace(residual(1), linear=False, dropout=0.0, weight_decay=0.0, patience=None, epochs=60)
    student = train(x, np.eye(2)[y], 2, settings, seed=(1,), teacher=teacher).members
    z = logits(NUMPY, student, x)[0]
    learned = 1 / (1 + np.exp(z[:, 0] - z[:, 1]))
    assert np.abs(learned - truth).mean() < 0.02
    stopping = (np.arange(400) % 5 == 0)[None]
    stopped = train(x, np.eye(2)[y], 2, replace(settings, patience=15), seed=(1,), teacher=teacher, stopping=stopping)
    z = logits(NUMPY, stopped.members, x)[0][stopping[0]]
    own = -np.log(np.exp(z - z.max(1, keepdims=True)) / np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True))
    assert stopped.stopping_loss[0] == pytest.approx(own[np.arange(80), y[stopping[0]]].mean(), rel=1e-4)


def test_what_is_left_is_trained_on() -> None:
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    settings = replace(residual(3), dropout=0.0, patience=None, epochs=30)
    begun = pruned(drawn(16), 0.75)
    after = train(X, np.eye(2)[y], 2, settings, seed=(1,), begun=begun).members
    assert shapes(after) == shapes(begun)

    def loss(members: Members) -> float:
        z = logits(NUMPY, members, X)
        return float((np.log(np.exp(z).sum(-1)) - np.where(y, z[..., 1], z[..., 0])).mean())

    assert loss(after) < loss(begun) - 0.1
