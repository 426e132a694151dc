"""The loss against its formula, the optimisers against torch's, and what training may and may not see."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, mean_squared_error

from bedside.network import (
    Members,
    Settings,
    TorchOperations,
    cross_entropy,
    linear_members,
    logits,
    plain,
    residual,
    squared,
    train,
    untrained,
)
from bedside.network.training_loop import _adam, _descent
from bedside.preparation import NUMPY

QUICK = replace(residual(3), epochs=6, patience=3)


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4))
    x[:, 3] = 0.0
    y = (rng.random(120) < 1 / (1 + np.exp(-3 * x[:, 0] * x[:, 1]))).astype(np.int64)
    return x, y


@pytest.fixture(scope="module")
def start() -> Members:
    rng = np.random.default_rng(1)
    return linear_members(rng.normal(size=(4, 2)), rng.normal(size=2))


@pytest.fixture(scope="module")
def stopping() -> np.ndarray:
    return np.stack([np.arange(120) % 5 == m for m in range(3)])


def loss_of(z: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> float:
    weight = np.ones(len(y)) if weight is None else weight
    tensors = torch.tensor(z)[None], torch.eye(z.shape[1])[torch.tensor(y)][None], torch.tensor(weight)[None]
    return float(cross_entropy(*tensors)[0])


def test_binary_cross_entropy_is_the_formula() -> None:
    z, y = np.array([0.3, -2.0, 1.5, 0.0]), np.array([1, 0, 0, 1])
    f = [1 / (1 + math.exp(-v)) for v in z]
    by_hand = -sum(t * math.log(p) + (1 - t) * math.log(1 - p) for t, p in zip(y, f, strict=True)) / 4
    assert loss_of(np.stack([np.zeros(4), z], axis=1), y) == pytest.approx(by_hand)


def test_multiclass_cross_entropy_is_the_formula_and_scikit_learns() -> None:
    z, y = np.random.default_rng(5).normal(size=(20, 3)) * 3, np.arange(20) % 3
    f = [[math.exp(v) / sum(math.exp(w) for w in row) for v in row] for row in z]
    by_hand = -sum(math.log(row[t]) for row, t in zip(f, y, strict=True)) / 20
    assert loss_of(z, y) == pytest.approx(by_hand)
    assert loss_of(z, y) == pytest.approx(log_loss(y, np.array(f)))


def test_weights_of_patients_weigh_them() -> None:
    z, y = np.random.default_rng(5).normal(size=(20, 3)), np.arange(20) % 3
    assert loss_of(z, y, (np.arange(20) < 7) * 1.0) == pytest.approx(loss_of(z[:7], y[:7]))


def test_a_large_logit_gives_a_finite_loss() -> None:
    assert loss_of(np.array([[0.0, 1e4]]), np.array([0])) == pytest.approx(1e4)


def test_squared_error_is_scikit_learns() -> None:
    """Two members, the second with patients that do not count; scikit-learn's is a mean over outputs, ours a sum."""
    rng = np.random.default_rng(5)
    z, y, weight = rng.normal(size=(2, 20, 3)), rng.normal(size=(2, 20, 3)), np.ones((2, 20))
    weight[1, ::3] = 0.0
    found = squared(torch.tensor(z), torch.tensor(y), torch.tensor(weight)).numpy()
    theirs = [3 * mean_squared_error(y[m], z[m], sample_weight=weight[m]) for m in range(2)]
    np.testing.assert_allclose(found, theirs)


def test_plain_is_the_textbook_network() -> None:
    asked = plain()
    assert (asked.hidden, asked.optimiser, asked.epochs, asked.batch, asked.learning_rate) == (
        (64,),
        "sgd",
        5,
        32,
        0.01,
    )
    assert (asked.members, asked.linear, asked.dropout, asked.weight_decay, asked.patience) == (
        1,
        False,
        0.0,
        0.0,
        None,
    )


def test_plain_takes_the_steps_of_torchs_own_layers(data: tuple[np.ndarray, np.ndarray]) -> None:
    """Dense 64 relu → softmax with torch's layers, loss and SGD, from the same weights in the same order."""
    x, y = data
    rng = np.random.default_rng([9, 0])
    begun = untrained(None, np.ptp(x, axis=0) > 0, 2, (64,), [rng])
    rng.integers(2**62)  # the seed of dropout
    layers = torch.nn.Sequential(torch.nn.Linear(4, 64), torch.nn.ReLU(), torch.nn.Linear(64, 2)).double()
    with torch.no_grad():
        for parameter, value in zip(
            layers.parameters(), (begun.hidden[0][0][0].T, np.zeros(64), begun.last[0].T, np.zeros(2)), strict=True
        ):
            parameter.copy_(torch.tensor(value))
    optimiser = torch.optim.SGD(layers.parameters(), lr=0.01)
    for _ in range(5):
        order = rng.permutation(120)
        for rows in (order[i : i + 32] for i in range(0, 120, 32)):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(layers(torch.tensor(x[rows])), torch.tensor(y[rows])).backward()
            optimiser.step()
    ours = train(x, np.eye(2)[y], 2, plain(), seed=(9,), device="cpu")
    expected = layers(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(logits(NUMPY, ours.members, x)[0], expected, atol=1e-5)
    assert ours.epochs == (5,)


def test_adam_takes_torchs_steps() -> None:
    rng = np.random.default_rng(0)
    weight = torch.tensor(rng.normal(size=(1, 3, 2)))
    theirs = weight.clone().requires_grad_(True)
    optimiser = torch.optim.AdamW([theirs], lr=0.02, weight_decay=0.3)
    step = _adam(replace(residual(), learning_rate=0.02, weight_decay=0.3), [weight])
    for _ in range(20):
        gradient = torch.tensor(rng.normal(size=(1, 3, 2)))
        theirs.grad = gradient.clone()
        optimiser.step()
        step((gradient,))
    torch.testing.assert_close(weight, theirs.detach())


def test_descent_takes_the_plain_step() -> None:
    weight = torch.ones(1, 2, 2)
    _descent(plain(), [weight])((torch.full((1, 2, 2), 3.0),))
    torch.testing.assert_close(weight, torch.full((1, 2, 2), 1 - 0.03))


def test_a_residual_network_begins_as_its_floor(data: tuple[np.ndarray, np.ndarray], start: Members) -> None:
    x, _ = data
    begun = untrained(start, np.ptp(x, axis=0) > 0, 2, (8, 8), [np.random.default_rng(i) for i in range(3)])
    for member in logits(NUMPY, begun, x):
        np.testing.assert_allclose(member, x @ start.linear[0] + start.bias[0], atol=1e-12)
    assert begun.parameters == 3 * (2 + 4 * 2 + 4 * 8 + 8 + 8 * 8 + 8 + 8 * 2)


def test_the_linear_term_stays_the_floors(
    data: tuple[np.ndarray, np.ndarray], start: Members, stopping: np.ndarray
) -> None:
    trained = train(data[0], np.eye(2)[data[1]], 2, QUICK, seed=(1,), start=start, stopping=stopping).members
    for member in trained.linear:
        np.testing.assert_allclose(member, start.linear[0], atol=1e-6)


def test_a_feature_that_does_not_vary_gets_no_weight(
    data: tuple[np.ndarray, np.ndarray], start: Members, stopping: np.ndarray
) -> None:
    trained = train(data[0], np.eye(2)[data[1]], 2, QUICK, seed=(1,), start=start, stopping=stopping).members
    assert not trained.hidden[0][0][:, 3].any()
    assert trained.hidden[0][0][:, 0].any()


def test_the_seed_decides_and_the_callers_generator_is_left_alone(
    data: tuple[np.ndarray, np.ndarray], start: Members, stopping: np.ndarray
) -> None:
    before = torch.get_rng_state()
    first, again, other = (
        train(data[0], np.eye(2)[data[1]], 2, QUICK, seed=(s,), start=start, stopping=stopping) for s in (1, 1, 2)
    )
    assert torch.equal(before, torch.get_rng_state())
    for a, b in zip(first.members.arrays(), again.members.arrays(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.members.last, other.members.last)
    assert not np.array_equal(first.members.hidden[0][0][0], first.members.hidden[0][0][1])


def test_members_do_not_disturb_each_other(
    data: tuple[np.ndarray, np.ndarray], start: Members, stopping: np.ndarray
) -> None:
    dry = replace(QUICK, dropout=0.0)
    together = train(data[0], np.eye(2)[data[1]], 2, dry, seed=(1,), start=start, stopping=stopping)
    alone = train(
        data[0], np.eye(2)[data[1]], 2, replace(dry, members=1), seed=(1,), start=start, stopping=stopping[:1]
    )
    np.testing.assert_allclose(together.members.last[0], alone.members.last[0], atol=1e-5)
    assert together.epochs[0] == alone.epochs[0]


def test_stopping_patients_are_not_fitted_on(
    data: tuple[np.ndarray, np.ndarray], start: Members, stopping: np.ndarray
) -> None:
    x, y = data
    endless = replace(QUICK, patience=None, members=1)
    honest = train(x, np.eye(2)[y], 2, endless, seed=(1,), start=start, stopping=stopping[:1])
    flipped = train(
        x, np.eye(2)[np.where(stopping[0], 1 - y, y)], 2, endless, seed=(1,), start=start, stopping=stopping[:1]
    )
    np.testing.assert_array_equal(honest.members.last, flipped.members.last)


def test_each_member_keeps_its_best_epoch(
    data: tuple[np.ndarray, np.ndarray], start: Members, stopping: np.ndarray
) -> None:
    x, y = data
    long = replace(QUICK, epochs=60, patience=8, learning_rate=0.01)
    trained = train(x, np.eye(2)[y], 2, long, seed=(3,), start=start, stopping=stopping)
    z = logits(NUMPY, trained.members, x)
    for member, held in enumerate(stopping):
        assert loss_of(z[member][held], y[held]) == pytest.approx(trained.stopping_loss[member], abs=1e-5)
        assert loss_of(z[member][held], y[held]) <= loss_of((x @ start.linear[0] + start.bias[0])[held], y[held]) + 1e-5
    assert len(set(trained.epochs)) > 1
    shorter = train(
        x, np.eye(2)[y], 2, replace(long, epochs=max(trained.epochs)), seed=(3,), start=start, stopping=stopping
    )
    assert shorter.epochs == trained.epochs


def test_it_learns_what_no_linear_model_can(data: tuple[np.ndarray, np.ndarray], stopping: np.ndarray) -> None:
    x, y = data
    flat = linear_members(np.zeros((4, 2)), np.zeros(2))
    trained = train(x, np.eye(2)[y], 2, replace(residual(3), dropout=0.0), seed=(0,), start=flat, stopping=stopping)
    assert loss_of(logits(NUMPY, trained.members, x).mean(axis=0), y) < 0.55 < math.log(2)


def test_torch_and_numpy_compute_the_same_logits(data: tuple[np.ndarray, np.ndarray], start: Members) -> None:
    x, _ = data
    deep: Settings = replace(residual(2), hidden=(8, 5))
    rngs = [np.random.default_rng(i) for i in range(deep.members)]
    members = replace(
        untrained(start, np.ones(4, dtype=bool), 2, deep.hidden, rngs), last=rngs[0].normal(size=(2, 5, 2))
    )
    ops = TorchOperations()
    np.testing.assert_allclose(logits(ops, members, ops.constant(x)), logits(NUMPY, members, x), atol=1e-5)
