"""Small groups are withheld, and so are those that would give a small one away."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.validation.diagnosis import Predictions
from bedside.validation.registry import MEASURES
from bedside.validation.subgroups import Group, groups_of_column, subgroups, without_small_names


def patients(n: int, *, abstained: int = 0) -> Predictions:
    p = np.linspace(0.05, 0.95, n)
    return Predictions(
        outcome=np.arange(n) % 2, probability=np.stack([1 - p, p], axis=1), classes=("no", "yes"), positive=1,
        thresholds={1: 0.5}, sets=None, abstained=np.arange(n) < abstained,
    )  # fmt: skip


def named(found) -> dict[str, bool]:
    return {one.group: one.suppressed for one in found}


def column(*sizes: int) -> np.ndarray:
    return np.repeat(np.array(list("abcdefgh")[: len(sizes)], dtype=object), sizes)


def found_of(*sizes: int, kind: str = "declared"):
    texts = column(*sizes)
    return subgroups(patients(len(texts)), groups_of_column(texts, kind, "g"))


def test_few_patients_or_few_of_a_class_are_withheld():
    # ten of each class are enough; 18 rows hold nine of each
    assert named(found_of(40, 20, 18)) == {"g = a": False, "g = b": False, "g = c": True}
    small = next(one for one in found_of(40, 20, 18) if one.suppressed)
    assert (small.n, small.n_events, small.measures, small.rarest) == (None, None, {}, None)


def test_a_size_does_not_follow_from_the_others():
    # c has four patients: with only c withheld, its size would be the total less a and b
    assert named(found_of(60, 40, 4)) == {"g = a": False, "g = b": True, "g = c": True}


def test_a_group_with_a_small_complement_is_withheld():
    mask = np.arange(100) < 95
    (one,) = subgroups(patients(100), [Group("age < 90", "declared", "age < 90", mask)])
    assert one.suppressed


def test_abstained_patients_do_not_count():
    given = patients(60, abstained=40)
    assert named(subgroups(given, groups_of_column(column(50, 10), "declared", "g"))) == {"g = a": True, "g = b": True}


def test_names_from_the_data_do_not_show_where_withheld():
    found, withheld = without_small_names(found_of(40, 30, 3, 2, kind="group"))
    assert [one.group for one in found] == ["g = a", "g = b"]
    assert withheld == {"group": 2}
    kept, none = without_small_names(found_of(40, 30, 3, kind="declared"))
    assert len(kept) == 3
    assert none == {}


def test_rows_without_a_group_are_in_none():
    texts = np.array(["a"] * 30 + [None] * 30, dtype=object)
    assert [group.name for group in groups_of_column(texts, "site", "site")] == ["site = a"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=6))
def test_what_is_shown_is_never_small_and_hides_what_is(sizes):
    only_who = replace(MEASURES["diagnosis"], compute=lambda *_: {})  # only who is shown matters here
    with patch.dict("bedside.validation.registry.MEASURES", diagnosis=only_who):
        found = found_of(*sizes)
    total = sum(sizes)
    shown = [one for one in found if not one.suppressed]
    for one in shown:
        assert one.n >= 20
        assert total - one.n == 0 or total - one.n >= 10
    hidden = len(found) - len(shown)
    left = total - sum(one.n for one in shown)
    # One hidden group alone is known by subtraction, so it must not be a small one.
    assert hidden != 1 or not shown or left >= 10


def test_everything_is_there_per_group():
    (first, *_) = found_of(40, 40)
    wanted = {"auroc", "calibration_slope", "calibration_intercept", "ici", "brier", "sensitivity", "net_benefit"}
    assert wanted <= set(first.measures)
    assert first.measures["auroc"].value == pytest.approx(
        np.mean([[(b > a) for b in range(1, 40, 2)] for a in range(0, 40, 2)])
    )
