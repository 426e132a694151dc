"""Evidence on a dose: errors and shares counted by hand, per band, and beside other rules."""

from __future__ import annotations

from types import SimpleNamespace

import dosed
import handmade
import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score

from bedside.cohort import Gate
from bedside.validation import render_report


@pytest.fixture(scope="module")
def scene() -> SimpleNamespace:
    return dosed.scene(500)


@pytest.fixture(scope="module")
def found(scene: SimpleNamespace) -> dict:
    return handmade.evidence(scene)


def answered(scene: SimpleNamespace) -> SimpleNamespace:
    values = scene.cohort.reading.values
    kept = np.abs(values[:, 1]) <= scene.model.manifest.distance_limit
    columns = scene.model.predict(values).columns.astype(float)[kept]
    return SimpleNamespace(y=scene.cohort.amount[kept], columns=columns, dose=columns[:, 0], other=scene.other[kept])


def value(measures: dict, name: str) -> float:
    return measures[name]["value"]


def test_measures_are_those_of_scikit_learn_and_of_counting(scene, found):
    who, measures = answered(scene), found["measures"]
    assert value(measures, "mae") == pytest.approx(mean_absolute_error(who.y, who.dose))
    assert value(measures, "r2") == pytest.approx(r2_score(who.y, who.dose))
    assert value(measures, "bias") == pytest.approx((who.dose - who.y).mean())
    assert value(measures, "within_tolerance") == pytest.approx(np.mean(np.abs(who.dose / who.y - 1) <= 0.2))
    held = (who.columns[:, 1] <= who.y) & (who.y <= who.columns[:, 2])
    assert value(measures, "interval_coverage") == pytest.approx(held.mean())
    assert found["verdict"] == "accepted"


def test_other_rules_are_compared_on_the_patients_for_whom_they_have_a_dose(scene, found):
    who = answered(scene)
    fixed, other = found["dosing"]["compared"]
    assert value(fixed["measures"], "mae") == pytest.approx(np.abs(who.y - np.median(who.y)).mean())
    has = np.isfinite(who.other)
    assert 10 < other["n"] == has.sum() < len(who.y)
    errors = np.abs(who.dose - who.y)[has], np.abs(who.other - who.y)[has]
    assert value(other["measures"], "mae") == pytest.approx(errors[1].mean())
    assert value(other["difference"], "mae") == pytest.approx((errors[0] - errors[1]).mean())


def test_bands_hold_everybody_once_and_have_their_own_figures(scene, found):
    who, bands = answered(scene), found["dosing"]["bands"]
    assert sum(one["n"] for one in bands) == len(who.y)
    low = who.y < np.quantile(who.y, 1 / 3)
    assert value(bands[0]["measures"], "mae") == pytest.approx(np.abs(who.dose - who.y)[low].mean())
    assert value(bands[0]["measures"], "bias") > 0 > value(bands[2]["measures"], "bias")


def test_no_cell_tells_of_few(found):
    cells = found["curves"]["doses"]["cells"]
    assert any(one["n"] is None for one in cells) and all(one["n"] is None or one["n"] >= 10 for one in cells)


def test_the_report_shows_rules_bands_and_groups(found):
    page = render_report(found)
    for text in ("clinical equation", "the same dose for everybody", "sex = f", "Share within 20 %", "warfarin"):
        assert text in page


def test_a_gate_can_fail_and_the_floor_is_worse(scene, found):
    strict = handmade.evidence(dosed.scene(500, gates=(Gate(measure="mae", max=1.0),)))
    assert strict["verdict"] == "refused"
    assert found["floor_difference"]["mae"]["high"] < 0
    assert "worse-than-floor" not in {one["code"] for one in found["warned"]}
    turned = dosed.scene(500)
    turned.model, turned.floor = turned.floor, turned.model
    assert "worse-than-floor" in {one["code"] for one in handmade.evidence(turned)["warned"]}


def test_few_patients_are_withheld():
    bands = handmade.evidence(dosed.scene(24))["dosing"]["bands"]
    assert {one["n"] for one in bands} == {None}
