"""What the page tells of the validation site, against counts made by hand from the held-out predictions themselves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from bedside.answering import observed, unusual
from bedside.answering.observed import ENOUGH


def _evidence(y: np.ndarray, p: np.ndarray) -> dict[str, object]:
    """In the form of evidence.json, counted here by comparisons; the curve is invented, and only read back."""
    edges = [round(0.1 * step, 1) for step in range(11)]
    inside = [(p >= low) & ((p < high) | (high == 1.0)) for low, high in itertools.pairwise(edges)]
    counts = {
        name: [None if 0 < (n := int((cell & (y == value)).sum())) < 10 else n for cell in inside]
        for name, value in (("well", 0), ("ill", 1))
    }
    grid = np.linspace(0, 1, 51)
    curve = {
        "predicted": grid.round(6).tolist(),
        "observed": (0.9 * grid**1.2).tolist(),
        "low": (0.7 * grid**1.2).tolist(),
        "high": [None, *grid[1:].tolist()],
    }
    return {"curves": {"risk": {"ill": {"edges": edges, "counts": counts}}, "calibration": {"ill": curve}}}


@pytest.fixture(scope="module")
def held_out() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    p = rng.beta(0.8, 1.2, 900)
    return (rng.uniform(size=900) < p).astype(int), p


@pytest.mark.parametrize("probability", [0.15, 0.2, 0.45, 0.71])
def test_counts_are_those_of_the_held_out_patients(held_out: tuple[np.ndarray, np.ndarray], probability: float) -> None:
    y, p = held_out
    low = np.floor(probability * 10 + 1e-9) / 10
    near = (p >= low) & (p < low + 0.1)
    found = observed(_evidence(y, p), "ill", probability)
    assert found is not None
    assert (found.source, found.n, found.events) == ("counts", near.sum(), y[near].sum())
    assert (found.lowest, found.highest) == pytest.approx((low, low + 0.1))
    interval = proportion_confint(int(y[near].sum()), int(near.sum()), alpha=0.05, method="wilson")
    assert (found.share, found.low, found.high) == pytest.approx((y[near].mean(), *interval))


def test_a_withheld_count_is_never_worked_out() -> None:
    # 95 of 100 patients near 0.05 are well, 5 are ill: the 5 are withheld, so the curve speaks.
    y, p = np.array([0] * 95 + [1] * 5), np.full(100, 0.055)
    evidence = _evidence(y, p)
    found = observed(evidence, "ill", 0.055)
    assert found is not None
    curve = evidence["curves"]["calibration"]["ill"]  # type: ignore[index]
    expected = [
        np.interp(0.055, curve["predicted"], np.array(curve[part], dtype=float)) for part in ("observed", "low")
    ]
    assert (found.source, found.n, found.events) == ("curve", None, None)
    assert (found.share, found.low, found.high) == pytest.approx((*expected, 0.055))
    assert observed(evidence, "ill", 0.01) is None, "the band does not reach there"


def test_too_few_near_the_estimate_give_no_number() -> None:
    y, p = np.array([0] * 12 + [1] * 7), np.full(19, 0.62)
    assert observed(_evidence(y, p), "ill", 0.62) is None
    # 12 and 12 around 0.7: together enough; the step with the estimate alone is not.
    y, p = np.array([1] * 12 + [1] * 12), np.array([0.68] * 12 + [0.72] * 12)
    found = observed(_evidence(y, p), "ill", 0.69)
    assert found is not None
    assert (found.lowest, found.highest, found.n, found.events) == (0.6, 0.8, 24, 24)
    # Nobody was near 0.85: the crowd above 0.9 does not speak for it.
    y, p = np.ones(60, dtype=int), np.full(60, 0.97)
    assert observed(_evidence(y, p), "ill", 0.85) is None
    assert observed({}, "ill", 0.5) is None
    assert observed(_evidence(y, p), "cured", 0.97) is None
    assert ENOUGH == 20


def test_the_last_step_holds_a_certain_estimate() -> None:
    found = observed(_evidence(np.ones(60, dtype=int), np.full(60, 1.0)), "ill", 1.0)
    assert found is not None
    assert (found.lowest, found.highest, found.n) == (0.9, 1.0, 60)


def test_what_is_unusual() -> None:
    usual = {
        "age": {"unknown": 0.0, "low": 40.0, "high": 70.0, "inside": 0.9},
        "size": {"unknown": None, "low": None, "high": None, "inside": None},
        "side": {"unknown": 0.5, "shares": {"left": 0.96, "right": 0.04, "both": None, "none": 0.05}},
    }
    assert unusual(usual, {"age": 70.0, "size": 900.0, "side": "left", "colour": 3.0}) == []
    (found,) = unusual(usual, {"age": 70.1, "side": "none"})
    assert (found.variable, found.kind, found.low, found.high, found.inside) == ("age", "above", 40, 70, 0.9)
    assert [(one.kind, one.share) for one in unusual(usual, {"age": 39.0, "side": "right"})] == [
        ("below", None),
        ("rare", 0.04),
    ]
    assert [(one.kind, one.share) for one in unusual(usual, {"age": None, "size": None, "side": "both"})] == [
        ("unknown", 1.0),
        ("unknown", None),
        ("rare", None),
    ]
    assert unusual(usual, {"side": None}) == [], "half of the development patients lack it too"
