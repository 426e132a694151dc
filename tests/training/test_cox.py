"""The Cox floor against scikit-survival, lifelines and statsmodels, and against simulated truth."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv

from bedside.network import logits
from bedside.preparation import NUMPY
from bedside.sources import Schema, Variable
from bedside.training.course import Hazards
from bedside.training.cox import fit_cox, log_baseline
from bedside.training.cox_floor import COX
from bedside.training.floor import STRENGTHS
from bedside.training.hazards import cells, counted
from bedside.training.sample import Sample

WEAK = 1e12
"""An inverse penalty that leaves nothing of the penalty."""

Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def rows() -> Rows:
    """x, events, times with many ties, entries (some at 0, some at another's event)."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(250, 3))
    time = rng.exponential(np.exp(-x @ [0.8, -0.5, 0.0])) * 10
    censored = rng.exponential(15, 250)
    followed = np.ceil(np.minimum(time, censored)) + 1
    entered = np.where(rng.random(250) < 0.5, 0.0, np.floor(followed * rng.random(250)))
    return x, time <= censored, followed, entered


def test_without_a_penalty_it_is_scikit_survivals(rows: Rows) -> None:
    x, event, followed, _ = rows
    assert len(np.unique(followed)) < event.sum() / 3  # ties are many
    theirs = CoxPHSurvivalAnalysis(ties="efron", tol=1e-12).fit(x, Surv.from_arrays(event, followed)).coef_
    np.testing.assert_allclose(fit_cox(x, event, followed, None, WEAK), theirs, atol=1e-7)


def test_with_late_entry_it_is_that_of_statsmodels(rows: Rows) -> None:
    x, event, followed, entered = rows
    entered = np.maximum(entered - 0.5, 0.0)  # statsmodels counts who enters at an event's very time as at risk of it
    theirs = sm.PHReg(followed, x, status=event, entry=entered, ties="efron").fit(disp=0).params
    ours = fit_cox(x, event, followed, entered, WEAK)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert np.abs(ours - fit_cox(x, event, followed, None, WEAK)).max() > 0.01


@pytest.mark.parametrize("strength", [0.003, 0.1, 3.0])
def test_with_a_penalty_it_is_lifelines(rows: Rows, strength: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd
        from lifelines import CoxPHFitter

        x, event, followed, entered = rows
        frame = pd.DataFrame(x).assign(t=followed, e=event, entry=entered)
        # lifelines standardises x, and divides its likelihood by the number of rows.
        frame[[0, 1, 2]] = scaled = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
        fitter = CoxPHFitter(penalizer=1 / strength / len(x))
        fitter.fit(frame, "t", "e", entry_col="entry", fit_options={"precision": 1e-10})
        theirs = fitter.params_.to_numpy()
    np.testing.assert_allclose(fit_cox(scaled, event, followed, entered, strength), theirs, rtol=2e-3, atol=1e-4)


def test_the_minimum_is_that_of_a_plain_loop_over_events(rows: Rows) -> None:
    x, event, followed, entered = rows

    def loss(b: np.ndarray) -> float:
        total = b @ b / 2
        for t in np.unique(followed[event]):
            tied = event & (followed == t)
            weights = np.exp(x @ b)
            at_risk, own = weights[(followed >= t) & (entered < t)].sum(), weights[tied].sum()
            for rank in range(tied.sum()):
                total += 0.7 * np.log(at_risk - rank / tied.sum() * own)
            total -= 0.7 * (x[tied] @ b).sum()
        return float(total)

    found = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-7})
    np.testing.assert_allclose(fit_cox(x, event, followed, entered, 0.7), found.x, atol=1e-5)


def test_a_feature_that_tells_all_and_one_that_tells_nothing() -> None:
    followed = np.arange(1.0, 41)
    x = np.column_stack([-followed, np.zeros(40)]) / 20
    ours = fit_cox(x, np.ones(40, dtype=bool), followed, None, 100.0)
    assert np.isfinite(ours).all()
    assert ours[0] > 3
    assert ours[1] == 0


def test_the_baseline_is_the_poisson_regression_of_statsmodels(rows: Rows) -> None:
    x, event, followed, entered = rows
    edges = np.array([0.0, 3, 6, 10, 20, 60])
    data = counted(edges, 1, event.astype(np.int64), followed, entered)
    happened, share = data[:, :5], data[:, 5:]
    score = x @ [0.7, -0.4, 0.1]
    at = share > 0
    offset = (np.log(share, where=at, out=np.zeros_like(share)) + score[:, None])[at]
    fitted = sm.GLM(happened[at], np.tile(np.eye(5), (250, 1, 1))[at], sm.families.Poisson(), offset=offset).fit()
    np.testing.assert_allclose(log_baseline(score, happened, share, np.diff(edges)), fitted.params, atol=1e-6)


def test_an_interval_without_an_event_keeps_a_hazard() -> None:
    """It shares that of its neighbours, per time, and as many events are expected as there were."""
    happened, share = np.zeros((20, 5)), np.ones((20, 5))
    happened[:4, 0] = happened[4:7, 2] = happened[7:16, 4] = 1
    share[:, 3], width = 0.0, np.array([1.0, 2, 1, 5, 4])
    found = np.exp(log_baseline(np.zeros(20), happened, share, width))
    np.testing.assert_allclose(found[:3] / width[:3], 7 / 20 / 4)
    np.testing.assert_allclose(found[3:] / width[3:], 9 / 20 / 4)  # nobody was there in between
    assert (found * share).sum() == pytest.approx(happened.sum())


def sample(x: np.ndarray, y: np.ndarray, followed: np.ndarray, entered: np.ndarray | None, edges: tuple) -> Sample:
    schema = Schema(variables=tuple(Variable(name=f"v{i}", kind="number", label="") for i in range(x.shape[1])))
    head = Hazards(int(y.max()), edges, (edges[-1],), edges[-1], COX)
    return Sample(schema, x, y, np.arange(len(y)), head, followed, entered)


def test_with_no_predictors_the_cells_are_the_estimate_of_aalen_and_johansen() -> None:
    """Competing events, late entry: on a fine grid the cells add up to what lifelines estimates."""
    rng = np.random.default_rng(1)
    n = 4000
    time, cause = rng.exponential(5, n) ** 0.8, 1 + (rng.random(n) < 0.3)
    ends = np.minimum(rng.exponential(9, n), 6)
    followed, y = np.minimum(time, ends), np.where(time <= ends, cause, 0)
    edges = tuple(np.linspace(0, 5, 26))
    own = sample(np.zeros((n, 0)), y, followed, None, edges)
    z = logits(NUMPY, COX.fit(np.zeros((n, 0)), own, 1.0), np.zeros((1, 0)))[0]
    found = cells(NUMPY, z, events=2, intervals=25)[0, :-1].reshape(2, 25).cumsum(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifelines import AalenJohansenFitter

        for k in (1, 2):
            fitter = AalenJohansenFitter(calculate_variance=False, jitter_level=1e-9).fit(followed, y, k)
            theirs: Any = fitter.cumulative_density_.iloc[:, 0]
            at = np.searchsorted(theirs.index.to_numpy(), edges[1:], side="right") - 1
            np.testing.assert_allclose(found[k - 1], theirs.to_numpy()[at], atol=0.004)


def test_late_entry_is_allowed_for() -> None:
    """Who had the event before entry is never seen; the truth comes back, and without the entry it does not."""
    rng = np.random.default_rng(2)
    n = 6000
    x = rng.normal(size=(n, 1))
    time, entry = rng.exponential(4 * np.exp(-0.7 * x[:, 0])), rng.uniform(0, 6, n) * (rng.random(n) < 0.7)
    ends = entry + rng.exponential(6, n)
    seen = time > entry
    followed, y = np.minimum(time, ends)[seen], (time <= ends).astype(np.int64)[seen]
    edges = tuple(np.linspace(0, 8, 9))
    truth = np.log(1 / 4)
    for entered, holds in ((entry[seen], True), (None, False)):
        floor = COX.fit(x[seen], sample(x[seen], y, followed, entered, edges), 100.0)
        assert (abs(floor.linear[0, 0, 0] - 0.7) < 0.06) == holds
        assert (np.abs(floor.bias[0, 0] - truth).max() < 0.2) == holds


def test_the_penalty_is_strong_where_there_is_nothing_to_learn_and_weak_where_there_is() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 20))
    chosen = []
    for ratio in (0.0, 1.0):
        time = rng.exponential(np.exp(-ratio * x[:, :6].sum(axis=1) / 2))
        own = sample(x, np.ones(200, dtype=np.int64), time, None, (0.0, *np.quantile(time, np.arange(1, 21) / 20)))
        chosen.append(COX.strength(x, own, np.random.default_rng(0)))
    assert chosen[0] <= STRENGTHS[1] < STRENGTHS[3] <= chosen[1]
