"""Cells of a course: one formula on three implementations, and the likelihood against other people's code."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnxruntime as ort
import pytest
import statsmodels.api as sm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bedside.network import TorchOperations, piecewise_exponential
from bedside.preparation import NUMPY
from bedside.release import Course
from bedside.training.graph import Trace, Value
from bedside.training.hazards import cells, counted, expected, log_hazards, losses

EDGES = np.array([0.0, 1.0, 2.5, 4.0, 9.0])
SIZES = [(1, 4), (2, 4), (3, 4)]


def in_onnx(z: np.ndarray, events: int, there_and_back: bool) -> np.ndarray:
    trace = Trace()
    out = cells(trace, Value(trace, "values"), events=events, intervals=4)
    if there_and_back:
        out = cells(trace, log_hazards(trace, out, events=events, intervals=4), events=events, intervals=4)
    graph = trace.model(z.shape[1], {"probability": (out, z.shape[1] + 1)})
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"values": z.astype(np.float32)})[0])


def in_torch(z: np.ndarray, events: int) -> np.ndarray:
    ops = TorchOperations()
    return np.asarray(cells(ops, ops.constant(z), events=events, intervals=4))


@pytest.mark.parametrize(("events", "intervals"), SIZES)
@pytest.mark.parametrize("scale", [0.5, 3.0, 40.0, 1e30])
def test_numpy_torch_and_the_graph_agree_and_sum_to_one(events: int, intervals: int, scale: float) -> None:
    z = np.random.default_rng(0).normal(size=(60, events * intervals)) * scale
    z[0], z[1] = scale, -scale
    reference = cells(NUMPY, z, events=events, intervals=intervals)
    np.testing.assert_allclose(reference.sum(axis=1), 1, atol=1e-12)
    for computed in (in_torch(z, events), in_onnx(z, events, False)):
        assert np.isfinite(computed).all()
        assert (computed >= 0).all()
        np.testing.assert_allclose(computed.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(computed, reference, atol=2e-6)
    back = in_onnx(z, events, True)
    np.testing.assert_allclose(back.sum(axis=1), 1, atol=1e-5)
    if scale <= 3:
        np.testing.assert_allclose(back, reference, atol=1e-5)


@pytest.mark.parametrize(("events", "intervals"), SIZES)
def test_cells_are_what_the_hazards_integrate_to(events: int, intervals: int) -> None:
    """Exponential clocks of the causes, interval after interval, by a fine numerical integration."""
    z = np.random.default_rng(1).normal(size=(1, events * intervals)) - 1
    rates = np.exp(z).reshape(events, intervals) / np.diff(EDGES)
    found, left = [], 1.0
    for j, (low, high) in enumerate(pairwise(EDGES)):
        t = np.linspace(0, high - low, 20001)
        alive = left * np.exp(-rates[:, j].sum() * t)
        found.append([np.trapezoid(alive * rates[k, j], t) for k in range(events)])
        left = alive[-1]
    np.testing.assert_allclose(
        cells(NUMPY, z, events=events, intervals=intervals)[0], [*np.array(found).T.ravel(), left], atol=1e-8
    )


@given(arrays(np.float64, (5, 8), elements=st.floats(-8, 2)))
@settings(max_examples=50, deadline=None)
def test_hazards_come_back_from_their_cells(z: np.ndarray) -> None:
    back = log_hazards(NUMPY, cells(NUMPY, z, events=2, intervals=4), events=2, intervals=4)
    left = np.exp(-np.cumsum(np.exp(z.reshape(5, 2, 4)).sum(axis=1), axis=1))
    there = np.tile(np.concatenate([np.ones((5, 1)), left[:, :-1]], axis=1), 2) > 1e-4
    np.testing.assert_allclose(back[there], z[there], atol=1e-5)


def test_a_course_reads_the_cells_as_they_are_written() -> None:
    z = np.random.default_rng(2).normal(size=(6, 8)) - 1
    made = Course(events=("death", "transplant"), edges=tuple(EDGES), unit="a", horizons=(4.0,), decision=4.0, time="t")
    columns = cells(NUMPY, z, events=2, intervals=4)
    assert made.width == columns.shape[1]
    total = np.exp(z.reshape(6, 2, 4)).sum(axis=1)
    np.testing.assert_allclose(made.survival(columns)[:, 1:], np.exp(-total.cumsum(axis=1)))
    np.testing.assert_allclose(made.incidence(columns)[:, 0, 1], columns[:, 0])
    np.testing.assert_allclose(made.incidence(columns)[:, 1, 1], columns[:, 4])


def rows(n: int = 300, entry: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
    rng = np.random.default_rng(3)
    followed, y = rng.exponential(4, n) + 0.01, rng.integers(0, 3, n)
    followed[:4], y[:4] = (1.0, 4.0, 9.0, 20.0), (1, 2, 1, 1)  # at edges, and beyond the last
    return y, followed, followed * rng.random(n) * (rng.random(n) < 0.5) if entry else None, rng.normal(size=(n, 2))


def test_who_is_counted_where() -> None:
    y, followed, entered, _ = rows()
    assert entered is not None
    found = counted(EDGES, 2, y, followed, entered)
    happened, share = found[:, :8].reshape(-1, 2, 4), found[:, 8:]
    assert happened.sum() == np.sum((y > 0) & (followed <= 9))
    for i in range(len(y)):
        for j, (low, high) in enumerate(pairwise(EDGES)):
            inside = max(0.0, min(followed[i], high) - max(entered[i], low))
            assert share[i, j] == pytest.approx(inside / (high - low), abs=1e-12)
            for k in (1, 2):
                assert happened[i, k - 1, j] == (y[i] == k and low < followed[i] <= high)
    assert happened[0, 0, 0] == 1.0  # at an edge: the interval that ends there
    assert not happened[3].any()  # beyond the last: censored there


def test_the_likelihood_is_that_of_a_poisson_regression_with_offset() -> None:
    """statsmodels fits it for one event; hazards differ between intervals and with x; some rows enter late."""
    y, followed, entered, x = rows()
    data = counted(EDGES, 2, y, followed, entered)
    happened, share = data[:, :4], data[:, 8:]
    at = share > 0
    design = np.concatenate([np.tile(np.eye(4), (len(y), 1, 1)), np.repeat(x[:, None], 4, axis=1)], axis=2)[at]
    model = sm.GLM(happened[at], design, family=sm.families.Poisson(), offset=np.log(share[at]))
    fitted = model.fit(tol=1e-12)
    z = fitted.params[:4] + (x @ fitted.params[4:])[:, None]
    theirs = -fitted.llf + np.sum(happened[at] * np.log(share[at]))
    other = np.full_like(z, -3.0)
    both = losses(np.concatenate([z, other], axis=1), data)
    rest = losses(other, np.concatenate([data[:, 4:8], share], axis=1))
    assert (both - rest).sum() == pytest.approx(theirs, rel=1e-9)
    # The minimum is where theirs is: every direction is uphill.
    parameters = torch.tensor(fitted.params, requires_grad=True)
    logits = parameters[:4] + (torch.tensor(x) @ parameters[4:])[:, None]
    target = torch.tensor(np.concatenate([happened, share], axis=1))
    loss = piecewise_exponential(logits[None], target[None], torch.ones(1, len(y)))
    assert float(loss.detach()) == pytest.approx(theirs / len(y), rel=1e-6)
    assert np.abs(torch.autograd.grad(loss.sum(), parameters)[0].numpy()).max() < 1e-6


def test_the_loss_of_one_row_is_its_density_or_its_survival() -> None:
    z = np.log(np.array([[0.2, 0.3, 0.1, 0.9]]))
    rate = np.exp(z[0]) / np.diff(EDGES)
    died = losses(z, counted(EDGES, 1, np.array([1]), np.array([3.0]), None))[0]
    survival = np.exp(-0.2 - 0.3 - rate[2] * 0.5)
    assert died == pytest.approx(-np.log(survival * rate[2] * 1.5))  # time is counted in intervals
    censored = losses(z, counted(EDGES, 1, np.array([0]), np.array([3.0]), np.array([1.0])))[0]
    assert censored == pytest.approx(-np.log(survival / np.exp(-0.2)))


@pytest.mark.parametrize("events", [1, 2])
def test_what_a_teacher_expects_is_what_happens_on_average(events: int) -> None:
    """Its minimum is the teacher itself; and simulated patients are counted like that on average."""
    z = np.random.default_rng(4).normal(size=(1, events * 4)) - 1
    target = expected(cells(NUMPY, z, events=events, intervals=4), events=events, intervals=4)
    np.testing.assert_allclose(np.exp(z), target[:, :-4] / np.tile(target[:, -4:], events), rtol=1e-6)
    rng = np.random.default_rng(5)
    n, rates = 200_000, (np.exp(z).reshape(events, 4) / np.diff(EDGES))
    clock = rng.exponential(size=n)
    risen = np.concatenate([[0.0], np.cumsum(rates.sum(axis=0) * np.diff(EDGES))])
    time = np.where(clock < risen[-1], np.interp(clock, risen, EDGES), 10.0)
    j = np.clip(np.searchsorted(EDGES, time) - 1, 0, 3)
    cause = 1 + (rng.random(n) > rates[0, j] / rates[:, j].sum(axis=0)) if events == 2 else np.ones(n)
    y = np.where(time < 9, cause, 0).astype(np.int64)
    np.testing.assert_allclose(counted(EDGES, events, y, time, None).mean(axis=0), target[0], atol=0.005)


def test_a_huge_hazard_and_a_huge_logit_leave_loss_and_gradient_finite() -> None:
    z = torch.full((1, 3, 4), 1e30, requires_grad=True)
    target = torch.tensor(counted(EDGES, 1, np.array([0, 1, 1]), np.array([0.5, 3.0, 9.0]), None), dtype=torch.float32)
    loss = piecewise_exponential(z, target[None], torch.ones(1, 3))
    assert torch.isfinite(loss).all()
    assert torch.isfinite(torch.autograd.grad(loss.sum(), z)[0]).all()
