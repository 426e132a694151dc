"""Evidence on a prognosis: the numbers of independent packages on the answered patients, each under its name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace
from unittest.mock import patch

import foretold
import handmade
import numpy as np
import pytest
from lifelines import AalenJohansenFitter, KaplanMeierFitter
from sksurv.metrics import (
    concordance_index_censored,
    concordance_index_ipcw,
    cumulative_dynamic_auc,
    integrated_brier_score,
)

from bedside.cohort import Gate
from bedside.errors import DataError
from bedside.measures import bootstrap, brier_at
from bedside.validation import evidence_external, render_report
from bedside.validation.evidence import Estimate
from bedside.validation.prognosis import Followed, at, split_name
from bedside.validation.prognosis_compared import difference
from bedside.validation.registry import MEASURES


@pytest.fixture(autouse=True, scope="module")
def few_resamples() -> Iterator[None]:
    """Intervals are tested where they are made; here their number only costs time."""
    with patch("bedside.validation.prognosis.REPEATS", 6):
        yield


@pytest.fixture(scope="module")
def scene() -> SimpleNamespace:
    return foretold.scene(320, seed=5, censored=9.0)


@pytest.fixture(scope="module")
def found(scene: SimpleNamespace) -> dict:
    return handmade.evidence(scene)


@pytest.fixture(scope="module")
def competing() -> SimpleNamespace:
    return foretold.scene(320, competing=0.08, seed=6, threshold=None, gates=())


@pytest.fixture(scope="module")
def competing_found(competing: SimpleNamespace) -> dict:
    return handmade.evidence(competing)


def answered(scene: SimpleNamespace) -> SimpleNamespace:
    """Time, event and risks of the patients within the limit of distance, computed from the hazards by hand."""
    x = scene.cohort.reading.values[:, 0]
    kept = np.abs(x) <= scene.model.manifest.distance_limit
    hazard = scene.made.hazard[kept]
    return SimpleNamespace(
        time=scene.made.time[kept],
        event=scene.made.event[kept],
        risk=lambda t, slope=1.0: 1 - np.exp(-0.1 * (hazard / 0.1) ** slope * t),
        status=np.array(
            list(zip(scene.made.event[kept] == 1, scene.made.time[kept], strict=True)),
            dtype=[("event", bool), ("time", float)],
        ),
    )


def value(found: dict, name: str, where: str = "measures") -> float:
    return found[where][name]["value"]


def test_measures_are_those_of_scikit_survival_on_the_answered_patients(scene, found):
    who = answered(scene)
    assert 0 < found["abstentions"]["n"] == 320 - len(who.time)
    risk = who.risk(5.0)
    assert value(found, "c_harrell") == pytest.approx(
        concordance_index_censored(who.event == 1, who.time, risk)[0], abs=1e-6
    )
    uno = concordance_index_ipcw(who.status, who.status, risk, tau=5.0)[0]
    assert value(found, "c_ipcw") == pytest.approx(uno, abs=1e-3)
    for horizon in (2.0, 5.0):
        auc, _ = cumulative_dynamic_auc(who.status, who.status, who.risk(horizon), [horizon])
        assert value(found, f"auc_t_at_{horizon:g}") == pytest.approx(auc[0], abs=5e-3)
    grid = np.array([one for one in foretold.EDGES if one <= 5.0])[1:]
    ours = found["curves"]["over_time"]["brier"]
    for place, moment in enumerate(grid):
        if ours[place] is not None:
            expected = brier_by_hand(who, who.risk(moment), moment)
            assert ours[place] == pytest.approx(expected, abs=2e-3)
    whole = integrated_brier_score(who.status, who.status, 1 - np.column_stack([who.risk(t) for t in grid]), grid)
    assert value(found, "ibs") == pytest.approx(whole * (5.0 - grid[0]) / 5.0, abs=8e-3)  # ours begins at 0


def brier_by_hand(who: SimpleNamespace, risk: np.ndarray, moment: float) -> float:
    """Graf's weights from lifelines' Kaplan-Meier of the censoring."""
    censoring = KaplanMeierFitter().fit(who.time, who.event == 0)
    had = (who.event == 1) & (who.time <= moment)
    free = who.time > moment
    g_time = censoring.survival_function_at_times(who.time - 1e-9).to_numpy()
    g_moment = float(censoring.survival_function_at_times([moment]).to_numpy()[0])
    return float(np.mean((1 - risk) ** 2 * had / g_time + risk**2 * free / g_moment))


def test_bare_names_are_those_of_the_decision(found):
    for name in ("auc_t", "brier", "calibration_slope", "observed_over_expected", "ici", "net_benefit"):
        assert found["measures"][name] == found["measures"][at(name, 5.0)]
        assert found["measures"][name] != found["measures"][at(name, 2.0)]
    assert found["measures"]["net_benefit_gain:treat-all"] == found["measures"]["net_benefit_at_5_gain:treat-all"]
    assert split_name("net_benefit_at_5_gain:treat-all") == ("net_benefit_gain:treat-all", 5.0)


def test_the_floor_is_judged_on_the_same_patients(scene, found):
    who = answered(scene)
    apart = brier_by_hand(who, who.risk(5.0), 5.0) - brier_by_hand(who, who.risk(5.0, 0.5), 5.0)
    told = found["floor_difference"]["brier_at_5"]
    assert told["value"] == pytest.approx(apart, abs=2e-3)
    assert told["value"] == pytest.approx(value(found, "brier_at_5") - value(found, "brier_at_5", "floor"))
    assert told["low"] < told["value"] < told["high"]
    assert value(found, "c_ipcw", "floor_difference") == 0.0  # the same order of patients


def test_the_same_for_everybody_is_kaplan_meier(scene, found):
    who = answered(scene)
    curve = KaplanMeierFitter().fit(who.time, who.event == 1)
    same = np.full(len(who.time), 1 - float(curve.predict(5.0)))
    assert value(found, "brier_at_5", "marginal") == pytest.approx(brier_by_hand(who, same, 5.0), abs=2e-3)
    told = found["marginal_difference"]["ibs"]
    assert told["value"] == pytest.approx(value(found, "ibs") - value(found, "ibs", "marginal"))
    assert told["high"] < 0  # knowing the hazards helps


def test_paired_differences_cover_the_truth():
    """The difference of two Brier scores, against its mean over many samples."""
    values, covered, n = [], [], 100
    for seed in range(40):
        made = foretold.followed(seed, n)
        p = made.risk(5.0)
        q = 1 - (1 - p) ** 0.6
        drawn = bootstrap(
            lambda i, made=made, p=p, q=q: (
                brier_at(made.time[i], made.event[i], p[i], 5.0, repeats=0).value
                - brier_at(made.time[i], made.event[i], q[i], 5.0, repeats=0).value
            ),
            n,
            repeats=40,
        )
        values.append(drawn.value)
        covered.append((drawn.low, drawn.high))
    truth = np.mean(values)
    share = np.mean([low <= truth <= high for low, high in covered])
    assert 0.8 <= share <= 1.0


def test_competing_events_are_counted_as_such(competing, competing_found):
    kept = np.abs(competing.cohort.reading.values[:, 0]) <= competing.model.manifest.distance_limit
    fitter = AalenJohansenFitter(calculate_variance=False, seed=0)
    fitter.fit(competing.made.time, competing.made.event, event_of_interest=1)
    for row in competing_found["data"]["follow_up"]["horizons"]:
        curve = fitter.cumulative_density_
        expected = float(curve[curve.index <= row["horizon"]].iloc[-1, 0])
        assert row["incidence"]["value"] == pytest.approx(expected, abs=1e-6)
        assert row["events"] + row["competing"] + row["free"] + row["unknown"] == 320
    assert competing_found["measures"]["d_calibration_p"]["value"] is None
    assert competing_found["data"]["class_counts"]["transplant"] == int(np.sum(competing.made.event == 2))
    (everybody, *_) = competing_found["curves"]["groups"]
    assert everybody["n"] == int(kept.sum())
    hazard, both = competing.made.hazard[kept], competing.made.hazard[kept] + 0.08
    mean = float(np.mean(hazard / both * (1 - np.exp(-both * 5.0))))
    assert everybody["predicted"][-2] == pytest.approx(mean, abs=1e-5)


def test_the_band_s_coverage_is_counted_by_group_and_time(scene, found):
    who = answered(scene)
    order = np.argsort(who.risk(5.0), kind="stable")
    inside = []
    for rows in np.array_split(order, len(order) // 50):
        curve = KaplanMeierFitter().fit(who.time[rows], who.event[rows] == 1)
        for moment in foretold.EDGES[1:]:
            if moment <= who.time[rows].max():
                observed, predicted = 1 - float(curve.predict(moment)), float(who.risk(moment)[rows].mean())
                inside.append(abs(np.arcsin(np.sqrt(observed)) - np.arcsin(np.sqrt(predicted))) <= 0.15)
    assert value(found, "band_coverage") == pytest.approx(np.mean(inside))
    few = foretold.scene(140, band=foretold.Band(half_width=0.15, alpha=0.1, group=50))
    given = given_of(few)
    assert MEASURES["prognosis"].compute(given, ["band_coverage"])["band_coverage"].value is None


def given_of(scene: SimpleNamespace) -> Followed:
    from bedside.validation.judging import judged

    return judged(scene.model, scene.cohort, today=handmade.TODAY, seed=1).predictions


def test_of_100_patients_at_the_threshold(scene, found):
    who = answered(scene)
    alert = who.risk(5.0) >= 0.3
    shares = [1 - float(KaplanMeierFitter().fit(who.time[m], who.event[m] == 1).predict(5.0)) for m in (alert, ~alert)]
    row = next(one for one in found["acted"] if one["estimate"] == "death within 5 a")
    assert row["event_with_alert"]["value"] == pytest.approx(shares[0])
    assert row["per_100"]["true_positive"] == round(100 * alert.mean() * shares[0], 1)
    assert row["per_100"]["false_negative"] == round(100 * (1 - alert.mean()) * shares[1], 1)


def test_a_horizon_that_nobody_was_followed_to_is_undefined_and_fails():
    gates = (Gate(measure="auc_t_at_5", min=0.1), Gate(measure="calibration_slope_at_5", max=100.0))
    short = handmade.evidence(foretold.scene(200, gates=gates, censored=3.0))
    assert short["measures"]["auc_t_at_5"]["value"] is None
    assert short["measures"]["ibs"]["value"] is None
    assert [gate["passed"] for gate in short["gates"]] == [False, False]
    assert short["verdict"] == "refused"
    assert "short-follow-up" in {one["code"] for one in short["warned"]}
    assert short["data"]["follow_up"]["horizons"][1]["free"] == 0
    assert "Not defined" in render_report(short)


def test_who_came_late_counts_from_then_on():
    given = given_of(foretold.scene(200, late=1.0))
    assert given.late == 200
    found = MEASURES["prognosis"].compute(given, ["c_ipcw", "auc_t", "brier"])
    assert found["c_ipcw"].value is None
    assert found["auc_t"].value is not None
    assert [one.code for one in MEASURES["prognosis"].cautions(given)] == ["late-entry"]


def test_gates_judge_subgroups_against_all_others(found):
    gaps = [gate for gate in found["gates"] if gate["name"].startswith("subgroups.")]
    assert [gate["name"] for gate in gaps] == ["subgroups.auc_t: sex = f", "subgroups.auc_t: sex = m"]
    sexes = {one["group"]: one for one in found["subgroups"]}
    expected = abs(sexes["sex = f"]["measures"]["auc_t"]["value"] - sexes["sex = m"]["measures"]["auc_t"]["value"])
    assert gaps[0]["value"] == pytest.approx(expected)


def test_no_count_of_a_few_patients_is_told(found):
    for curves in [found["curves"], *(one["curves"] for one in found["subgroups"])]:
        for risk in curves["risk"].values():
            assert all(count is None or count == 0 or count >= 10 for row in risk["counts"].values() for count in row)
    for group in found["curves"]["groups"]:
        told = [count for count in group["at_risk"] if count is not None]
        assert all(before - after == 0 or before - after >= 10 for before, after in pairwise(told))
        assert all(
            (one is None) == (count is None) for one, count in zip(group["observed"], group["at_risk"], strict=True)
        )
    text = json.dumps(found)
    assert "SECRET" not in text


def test_external_validation_says_whether_to_recalibrate(scene, found):
    again = evidence_external(scene.model, scene.cohort, reference=found, seed=20, today=handmade.TODAY)
    assert again.recalibration is not None
    assert "observed over expected" in again.recalibration.text["death"]
    off = {
        "observed_over_expected": Estimate(value=1.3, low=1.1, high=1.5),
        "calibration_slope": Estimate(value=0.6, low=0.5, high=0.8),
    }
    told = MEASURES["prognosis"].recalibration(given_of(scene), off)
    assert told.need == {"death": "both"}
    assert "too low on average" in told.text["death"]
    assert "too extreme" in told.text["death"]
    assert again.measures["c_ipcw"] == Estimate(**found["measures"]["c_ipcw"])  # the same seed, the same patients
    assert [gate.passed for gate in again.gates] == [gate["passed"] for gate in found["gates"]]


def test_a_prognosis_without_times_is_refused(scene):
    from dataclasses import replace

    from bedside.validation.judging import judged

    with pytest.raises(DataError, match="times of follow-up"):
        judged(scene.model, replace(scene.cohort, followed=None), today=handmade.TODAY, seed=1)


def test_the_report_shows_what_only_a_prognosis_has(found):
    text = render_report(found)
    for told in (
        "How long they were followed", "Still followed (number at risk)", "AUC over time", "Brier score over time",
        "Calibration curve for “death within 2 a”", "Decision curve for “death within 5 a”", "Beside Cox regression",
        "The band around a curve", "Cox regression",
    ):  # fmt: skip
        assert told in text, told
    assert "logistic regression" not in text.lower()
    assert "SECRET" not in text
    assert text == render_report(found)


def test_differences_are_of_the_same_drawn_patients(scene):
    given = given_of(scene)
    same = difference(given, given.probability)
    assert {estimate.value for estimate in same.values()} == {0.0}
    assert all(estimate.low is None for estimate in same.values())  # no spread is no certainty


def test_rows_of_one_patient_are_drawn_together():
    """Every patient four times: the interval is that of the patients, not half as wide."""
    scene = foretold.scene(120, seed=3, gates=())
    once = given_of(scene)
    rows = np.repeat(np.arange(len(scene.cohort)), 4)
    four = SimpleNamespace(**{**vars(scene), "cohort": scene.cohort.take(rows)})
    again = given_of(four)
    with patch("bedside.validation.prognosis.REPEATS", 60):
        alone, told = (MEASURES["prognosis"].compute(one, ["brier", "ici", "auc_t"]) for one in (once, again))
    assert told["brier"].value == pytest.approx(alone["brier"].value)
    width = {name: (one["brier"].high - one["brier"].low) for name, one in (("alone", alone), ("told", told))}
    assert 0.7 < width["told"] / width["alone"] < 1.4
    assert told["ici"].low is None
    assert MEASURES["prognosis"].sizes(again) == MEASURES["prognosis"].sizes(once)
    found = handmade.evidence(four)
    assert "drawing patients whole" in next(
        one["text"] for one in found["warned"] if one["code"] == "repeated-patients"
    )
    assert found["data"]["follow_up"]["horizons"][0]["incidence"]["low"] is None
    assert all(low is None for group in found["curves"]["groups"] for low in group["low"])
    # Counts are of rows; of fewer than ten patients, four rows each, there is none.
    counts = [row for risk in found["curves"]["risk"].values() for row in risk["counts"].values()]
    assert all(count is None or count == 0 or count >= 40 for row in counts for count in row)
    left = [one for one in found["curves"]["groups"][0]["at_risk"] if one is not None]
    assert min(before - after for before, after in pairwise(left)) >= 40
    assert render_report(found)
