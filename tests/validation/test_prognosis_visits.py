"""Patients in several rows: intervals are those of the patients, and what takes rows for patients is left out.

Each patient of a cohort stands three times here, alike: that tells nothing new, and so nothing may become surer.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from unittest.mock import patch

import foretold
import handmade
import numpy as np
import pytest

LANDMARKS, PATIENTS = (0.0, 1.0, 2.0), 160


@pytest.fixture(autouse=True, scope="module")
def few_resamples() -> Iterator[None]:
    with patch("bedside.validation.prognosis.REPEATS", 10):
        yield


@pytest.fixture(scope="module")
def once() -> dict:
    return handmade.evidence(foretold.scene(PATIENTS, seed=5, gates=()))


@pytest.fixture(scope="module")
def thrice() -> dict:
    scene = copy.copy(foretold.scene(PATIENTS, seed=5, gates=()))
    rows = np.repeat(np.arange(PATIENTS), len(LANDMARKS))
    scene.cohort = replace(scene.cohort.take(rows), landmark=np.tile(LANDMARKS, PATIENTS))
    return handmade.evidence(scene)


def test_intervals_are_those_of_the_patients(once: dict, thrice: dict) -> None:
    for name in ("brier", "brier_at_2", "ibs", "net_benefit", "observed_over_expected"):
        assert thrice["measures"][name] == pytest.approx(once["measures"][name])
        assert once["measures"][name]["low"] < once["measures"][name]["high"]
    assert thrice["floor_difference"]["brier"] == pytest.approx(once["floor_difference"]["brier"])
    assert thrice["marginal_difference"]["ibs"] == pytest.approx(once["marginal_difference"]["ibs"])


def test_what_would_take_rows_for_patients_is_left_out(once: dict, thrice: dict) -> None:
    assert once["measures"]["ici"]["high"] is not None
    assert thrice["measures"]["ici"]["value"] is not None
    assert thrice["measures"]["ici"]["high"] is None
    assert once["measures"]["d_calibration_p"]["value"] is not None
    assert thrice["measures"]["d_calibration_p"]["value"] is None
    assert thrice["data"]["follow_up"]["horizons"][0]["incidence"]["low"] is None
    assert thrice["acted"][0]["alert"]["low"] is None
    for found, told in ((once, True), (thrice, False)):
        curves = found["curves"]
        for bands in (*curves["calibration"].values(), *curves["decision"].values(), *curves["groups"]):
            assert any(value is not None for value in bands["low"]) == told


def test_each_landmark_is_a_group_with_intervals_of_its_own(once: dict, thrice: dict) -> None:
    groups = {one["group"]: one for one in thrice["subgroups"]}
    assert [name for name in groups if name.startswith("landmark")] == ["landmark = 0", "landmark = 1", "landmark = 2"]
    for name in ("brier", "ici", "auc_t_at_2"):
        assert groups["landmark = 1"]["measures"][name] == pytest.approx(once["measures"][name])


def test_patients_are_counted_and_not_their_rows(once: dict, thrice: dict) -> None:
    few = [next(one["text"] for one in found["warned"] if one["code"] == "few-patients") for found in (once, thrice)]
    assert few[0] == few[1]
    (text,) = (one["text"] for one in thrice["warned"] if one["code"] == "repeated-patients")
    assert text.startswith(
        f"{3 * PATIENTS} rows come from {PATIENTS} patients; intervals come from drawing patients whole"
    )
