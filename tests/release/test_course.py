"""A course: cells into curves, risks, medians and means; the closed forms of constant hazards are the oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.answering.course import band_around, patient_course
from bedside.release import Band, Course

EDGES = (0.0, 1.0, 2.5, 4.0)


def course(events: tuple[str, ...] = ("death", "transplant"), band: Band | None = None) -> Course:
    return Course(events=events, edges=EDGES, unit="a", horizons=(1.0, 4.0), decision=4.0, time="years", band=band)


def constant(rates: list[float]) -> np.ndarray:
    """Cells of constant hazards: what is left is exp(-total t), each event has its share of what goes."""
    total = sum(rates)
    left = np.exp(-total * np.array(EDGES))
    return np.concatenate([*((left[:-1] - left[1:]) * rate / total for rate in rates), left[-1:]])[None]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.001, 3.0), min_size=1, max_size=3))
def test_constant_hazards_in_closed_form(rates: list[float]) -> None:
    asked, cells, total = course(tuple(f"e{k}" for k in range(len(rates)))), constant(rates), sum(rates)
    assert cells.shape == (1, asked.width) and len(asked.cells) == asked.width
    np.testing.assert_allclose(asked.survival(cells)[0], np.exp(-total * np.array(EDGES)), rtol=1e-9)
    for k, rate in enumerate(rates):
        expected = rate / total * (1 - np.exp(-total * np.array(EDGES)))
        np.testing.assert_allclose(asked.incidence(cells)[0, k], expected, atol=1e-12)
    np.testing.assert_allclose(asked.risk(cells)[0], asked.incidence(cells)[0, 0, [1, 3]])
    assert asked.restricted_mean(cells)[0] == pytest.approx((1 - math.exp(-4 * total)) / total, rel=1e-5)
    reached = 1 - 0.5 * total / rates[0]
    half = -math.log(reached) / total if reached > 0 else math.inf
    found = asked.median(cells)[0]
    assert found is None if half > 4 else found == pytest.approx(half, rel=1e-6)


def test_everything_at_the_edges() -> None:
    one = course(("death",))
    at_once = np.array([[1.0, 0.0, 0.0, 0.0]])  # dead in the first interval, to the last patient
    assert one.median(at_once) == [1.0] and one.survival(at_once)[0].tolist() == [1.0, 0.0, 0.0, 0.0]
    never = np.array([[0.0, 0.0, 0.0, 1.0]])
    assert one.median(never) == [None] and one.restricted_mean(never)[0] == pytest.approx(4.0)


def test_estimates_are_named_by_event_and_horizon() -> None:
    assert course().estimates == ("death within 1 a", "death within 4 a")
    assert course().cells[0] == "death 0-1 a" and course().cells[-1] == "none until 4 a"


def test_band_has_one_width_on_the_scale_of_the_arcsine() -> None:
    low, high = band_around(Band(half_width=0.1, alpha=0.1, group=50), np.array([0.0, 0.2, 0.5, 1.0]))
    assert (low[0], high[0]) == (0.0, 0.0)
    np.testing.assert_allclose(np.arcsin(np.sqrt(high[1:3])) - np.arcsin(np.sqrt(low[1:3])), 0.2)
    assert high[3] == 1.0 and low[3] == pytest.approx(math.cos(0.1) ** 2)


def test_a_patient_has_the_curve_of_the_cells() -> None:
    band = Band(half_width=0.1, alpha=0.1, group=50)
    found = patient_course(course(band=band), constant([0.2, 0.1])[0])
    assert found.event == "death" and found.time == EDGES and found.low is not None and found.high is not None
    assert found.low[-1] < found.incidence["death"][-1] < found.high[-1]
    assert patient_course(course(), constant([0.2, 0.1])[0]).low is None
