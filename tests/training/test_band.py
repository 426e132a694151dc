"""The band of a course: what it is made of, and how often new groups of patients lie inside it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from bedside.training.band import distances, fit_band

EDGES = np.linspace(0, 6, 13)


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True incidence of the event asked about until each edge, what happened, and when: two events, censoring."""
    rng = np.random.default_rng(seed)
    rate = np.exp(rng.normal(-1.8, 0.8, n))
    total = rate + 0.08
    incidence = rate[:, None] / total[:, None] * (1 - np.exp(-total[:, None] * EDGES))
    time, end = rng.exponential(1 / total), rng.uniform(1, 10, n)
    y = np.where(time > end, 0, 1 + (rng.random(n) < 0.08 / total))
    return incidence, y, np.minimum(time, end)


@pytest.mark.parametrize(("rows", "most"), [(250, 0.98), (1200, 0.945), (3000, 0.925)])
def test_it_covers_new_groups_as_often_as_it_says(rows: int, most: float) -> None:
    inside: list[float] = []
    for seed in range(40):
        incidence, y, followed = drawn(rows, seed)
        band = fit_band(EDGES, incidence, incidence[:, -1], y, followed, None, 0.1)
        assert band is not None
        incidence, y, followed = drawn(600, 1000 + seed)
        new = distances(EDGES, incidence, incidence[:, -1], y, followed, None)
        assert new is not None
        inside.append(float(np.mean(new <= band.half_width)))
    assert 0.89 < np.mean(inside) < most


def test_predictions_that_are_off_make_it_wider() -> None:
    incidence, y, followed = drawn(2000, 1)
    true, off = (fit_band(EDGES, p, p[:, -1], y, followed, None, 0.1) for p in (incidence, incidence**2))
    assert true is not None
    assert off is not None
    assert off.half_width > 2 * true.half_width


def test_distances_are_those_of_lifelines() -> None:
    incidence, y, followed = drawn(300, 2)
    found = distances(EDGES, incidence, incidence[:, -1], y, followed, None)
    assert found is not None
    order = np.argsort(incidence[:, -1])
    by_hand = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifelines import AalenJohansenFitter

        for group in order.reshape(6, 50):
            fitter = AalenJohansenFitter(calculate_variance=False).fit(followed[group], y[group], 1)
            curve: Any = fitter.cumulative_density_.iloc[:, 0]
            for j, edge in enumerate(EDGES[1:], start=1):
                if edge <= followed[group].max():
                    observed = curve.to_numpy()[curve.index.to_numpy() <= edge][-1]
                    expected = incidence[group, j].mean()
                    by_hand.append(abs(np.arcsin(observed**0.5) - np.arcsin(expected**0.5)))
    np.testing.assert_allclose(found, by_hand, atol=1e-9)


def test_too_few_groups_give_none() -> None:
    incidence, y, followed = drawn(249, 3)
    assert fit_band(EDGES, incidence, incidence[:, -1], y, followed, None, 0.1) is None


def test_who_enters_late_is_at_risk_only_then() -> None:
    incidence, y, followed = drawn(6000, 4)
    entered = np.random.default_rng(0).uniform(0, 3, 6000)
    seen = followed > entered
    late = fit_band(EDGES, incidence[seen], incidence[seen, -1], y[seen], followed[seen], entered[seen], 0.1)
    wrong = fit_band(EDGES, incidence[seen], incidence[seen, -1], y[seen], followed[seen], None, 0.1)
    assert late is not None
    assert wrong is not None
    assert wrong.half_width > 1.1 * late.half_width
