"""What is read from a graph's columns about treatments: figures worked out by hand, and what holds of any columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quantities import declared, row

from bedside.release import Arms, Outputs

THREE = ("control", "one", "two")
EVEN = dict.fromkeys(THREE, 1 / 3)


def _three(**changes: Any) -> Arms:
    return declared(THREE, **({"better": "lower", "single": 2} | changes))


def test_columns_by_hand() -> None:
    arms = _three()
    assert (arms.width, arms.pairs) == (9, ((0, 1), (0, 2), (1, 2)))
    assert arms.estimates == ("one against control", "two against control")
    assert arms.z == pytest.approx(1.959963984540054)  # of the normal distribution, from tables
    columns = row(
        arms,
        {"control": 0.55, "one": 0.40, "two": 0.30},
        {("control", "one"): 0.05, ("control", "two"): 0.06, ("one", "two"): 0.02},
        {"control": 0.5, "one": 0.3, "two": 0.2},
    )
    np.testing.assert_allclose(arms.expected(columns), [[0.55, 0.40, 0.30]])
    np.testing.assert_allclose(arms.propensity(columns), [[0.5, 0.3, 0.2]])
    np.testing.assert_allclose(arms.effects(columns), [[-0.15, -0.25]])
    assert arms.error(columns, 2, 0).tolist() == arms.error(columns, 0, 2).tolist() == [0.06]
    middle, low, high = arms.difference(columns, 2, 1)
    assert (middle[0], low[0], high[0]) == pytest.approx((-0.10, -0.10 - 0.0391993, -0.10 + 0.0391993))
    assert (arms.best(columns)[0], arms.leading(columns)[0], arms.recommended(columns)[0]) == (2, 1, 2)
    assert arms.left(columns).tolist() == [[False, False, True]]


def test_an_arm_within_the_interval_is_left_and_nothing_is_recommended() -> None:
    arms = _three()
    expected = {"control": 0.55, "one": 0.35, "two": 0.30}
    columns = row(arms, expected, {("control", "one"): 0.05, ("control", "two"): 0.05, ("one", "two"): 0.03}, EVEN)
    assert arms.left(columns).tolist() == [[False, True, True]]
    assert arms.recommended(columns).tolist() == [-1]
    assert arms.best(columns).tolist() == [2]


def test_an_arm_that_few_got_is_never_best_and_forbids_a_recommendation() -> None:
    arms = _three()
    few = {"control": 0.58, "one": 0.40, "two": 0.02}
    columns = row(arms, {"control": 0.55, "one": 0.40, "two": 0.10}, 0.01, few)
    assert arms.judged(columns).tolist() == [[True, True, False]]
    assert (arms.best(columns)[0], arms.leading(columns)[0], arms.recommended(columns)[0]) == (1, 0, -1)
    assert arms.left(columns).tolist() == [[False, True, True]]
    assert arms.comparable(columns).tolist() == [True]


@pytest.mark.parametrize(
    ("shares", "comparable"),
    [((0.96, 0.02, 0.02), False), ((0.04, 0.48, 0.48), False), ((0.06, 0.90, 0.04), True), ((0.05, 0.05, 0.9), True)],
)
def test_nothing_can_be_compared_without_the_control_and_another_arm(
    shares: tuple[float, float, float], comparable: bool
) -> None:
    arms = _three()
    columns = row(arms, dict.fromkeys(THREE, 0.5), 0.1, dict(zip(THREE, shares, strict=True)))
    assert arms.comparable(columns).tolist() == [comparable]


def test_where_no_arm_is_judged_the_best_for_all_stands_in() -> None:
    arms = _three(overlap=0.9)
    columns = row(arms, dict.fromkeys(THREE, 0.5), 0.1, EVEN)
    assert (arms.best(columns)[0], arms.recommended(columns)[0]) == (2, -1)


def test_equal_arms_are_told_apart_by_nothing() -> None:
    arms = _three()
    columns = row(arms, dict.fromkeys(THREE, 0.4), 0.0, EVEN)
    assert arms.left(columns).all()
    assert arms.recommended(columns).tolist() == [-1]


_KINDS = st.sampled_from(["lower", "higher"])
_COUNT = st.integers(2, 5)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), count=_COUNT, better=_KINDS)
def test_what_is_recommended_is_what_the_shown_intervals_say(seed: int, count: int, better: str) -> None:
    rng = np.random.default_rng(seed)
    arms = declared(tuple(f"arm {j}" for j in range(count)), better=better, kind="mean", unit="d", single=0)
    n, pairs = 8, count * (count - 1) // 2
    shares = rng.dirichlet(np.full(count, 0.7), size=n)
    columns = np.concatenate([rng.normal(size=(n, count)), rng.exponential(0.5, size=(n, pairs)), shares], axis=1)
    sign = 1 if better == "higher" else -1
    for patient in range(n):
        one = columns[patient][None]
        told = []  # arms that beat each other arm, by the interval that a reader sees
        for first in range(count):
            ends = [arms.difference(one, first, other)[1:] for other in range(count) if other != first]
            if all((low[0] > 0 if sign > 0 else high[0] < 0) for low, high in ends):
                told.append(first)
        expected = told[0] if told and (shares[patient] >= arms.overlap).all() else -1
        assert arms.recommended(one)[0] == expected
        if expected >= 0:
            assert arms.best(one)[0] == expected
            assert arms.left(one)[0].tolist() == [arm == expected for arm in range(count)]
        assert arms.left(one)[0, arms.best(one)[0]]


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), better=_KINDS)
def test_the_order_of_the_other_arms_changes_no_recommendation(seed: int, better: str) -> None:
    rng = np.random.default_rng(seed)
    expected = dict(zip(THREE, rng.normal(size=3).tolist(), strict=True))
    turned = ("two", "one", "control")
    error = {pair: float(rng.exponential(0.3)) for pair in (("control", "one"), ("control", "two"), ("one", "two"))}
    shares = dict(zip(THREE, rng.dirichlet(np.ones(3)).tolist(), strict=True))
    found = []
    for names in (THREE, turned):
        arms = declared(names, better=better, kind="mean", unit="d", single=names.index("one"))
        columns = row(arms, expected, error | {(b, a): e for (a, b), e in error.items()}, shares)
        chosen = int(arms.recommended(columns)[0])
        found.append((names[chosen] if chosen >= 0 else None, names[int(arms.best(columns)[0])]))
    assert found[0] == found[1]


def test_a_wrong_arm_is_rarely_recommended() -> None:
    """Estimates that scatter around the truth by their standard errors: the best arm is missed by at most alpha / 2."""
    arms = _three(kind="mean", unit="d")
    rng, n, error = np.random.default_rng(5), 20_000, 0.2
    truth = np.array([0.3, 0.0, 0.05])  # the second is best, by little against the third
    seen = truth + rng.normal(size=(n, 3)) * error / np.sqrt(2)
    columns = np.concatenate([seen, np.full((n, 3), error), np.full((n, 3), 1 / 3)], axis=1)
    chosen = arms.recommended(columns)
    wrong = np.mean((chosen == 0) | (chosen == 2))
    assert 0 < wrong < 0.025
    assert np.mean(chosen == 1) > 0.03


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"expected": (1.04, 0.5, 0.5)}, "an expected outcome lies beyond 0 to 1"),
        ({"expected": (-0.01, 0.5, 0.5)}, "an expected outcome lies beyond 0 to 1"),
        ({"error": (0.1, -0.1, 0.1)}, "a standard error is below 0"),
        ({"share": (0.5, 0.4, 0.2)}, "sum to 1"),
        ({"share": (1.1, -0.1, 0.0)}, "sum to 1"),
        ({"expected": (np.nan, 0.5, 0.5)}, "no number"),
        ({}, ""),
    ],
)
def test_columns_that_cannot_be_are_named(changes: dict[str, tuple[float, ...]], said: str) -> None:
    parts = {"expected": (0.5, 0.5, 0.5), "error": (0.1, 0.1, 0.1), "share": (0.3, 0.3, 0.4)} | changes
    found = Outputs(classes=(), arms=_three()).problem(np.array([sum(parts.values(), ())]))
    assert said in found
    assert bool(found) == bool(said)


def test_a_restricted_mean_lies_within_its_time() -> None:
    arms = declared(kind="restricted-mean", unit="d", until=365.0)
    inside, beyond = ([[100.0, end, 5.0, 0.5, 0.5]] for end in (365.0, 366.0))
    assert arms.problem(np.array(inside)) == ""
    assert arms.problem(np.array(beyond)) == "an expected outcome lies beyond 0 to 365"
