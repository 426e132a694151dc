"""Evidence on a choice between treatments: what it says is right on patients whose every outcome is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import handmade
import hospital
import msgspec
import numpy as np
import pytest
import quantities
import treated
from trial import trial

from bedside.cohort import Gate
from bedside.errors import DataError, GateFailed
from bedside.release import Prediction, TargetFile
from bedside.validation import encode, evidence_external, render_report
from bedside.validation.judging import judged
from bedside.validation.refuting import permuted_arms
from bedside.validation.treatment import Treated, compute


@pytest.fixture(autouse=True, scope="module")
def few_draws() -> Iterator[None]:
    """More of them only make the means of the refuters steadier."""
    with patch("bedside.validation.refuting.DRAWS", 40):
        yield


@pytest.fixture(scope="module")
def scene() -> SimpleNamespace:
    return treated.scene(600, seed=3)


@pytest.fixture(scope="module")
def found(scene: SimpleNamespace) -> dict:
    return handmade.evidence(scene)


def given(scene: SimpleNamespace) -> Treated:
    return judged(scene.model, scene.cohort, today=handmade.TODAY, seed=20).predictions


def by_hand(scene: SimpleNamespace) -> SimpleNamespace:
    """Scores and rule of the answered patients, from the definition; the trial's propensity is one half."""
    kept = np.abs(scene.cohort.reading.values[:, 1]) <= scene.model.manifest.distance_limit
    made = scene.made
    expected, rows = made.expected[kept], np.arange(kept.sum())
    arm, y = made.arm[kept], made.y[kept]
    scores = expected.copy()
    scores[rows, arm] += (y - expected[rows, arm]) / 0.5
    effect = expected[:, 1] - expected[:, 0]
    sure = np.abs(effect) > 1.959964 * 0.3
    chosen = np.where(sure, (effect > 0).astype(int), 1)
    return SimpleNamespace(scores=scores, chosen=chosen, sure=sure, y=y, effect=effect, rows=rows)


def value(found: dict, name: str) -> float:
    return found["measures"][name]["value"]


def test_values_and_gains_are_those_of_the_rule_that_serves(scene, found):
    hand = by_hand(scene)
    under = hand.scores[hand.rows, hand.chosen]
    assert value(found, "policy_value") == pytest.approx(under.mean(), abs=1e-6)
    assert value(found, "policy_value:control") == pytest.approx(hand.scores[:, 0].mean(), abs=1e-6)
    assert value(found, "policy_value:current-practice") == pytest.approx(hand.y.mean(), abs=1e-6)
    best = hand.scores[hand.rows, (hand.effect > 0).astype(int)]
    assert value(found, "policy_value:best-estimate") == pytest.approx(best.mean(), abs=1e-6)
    assert value(found, "policy_gain:best-estimate") == pytest.approx((under - best).mean(), abs=1e-6)
    gains = [(under - hand.scores[:, arm]).mean() for arm in (0, 1)]
    assert value(found, "policy_gain") == pytest.approx(min(gains), abs=1e-6)
    assert value(found, "policy_gain:current-practice") == pytest.approx((under - hand.y).mean(), abs=1e-6)
    assert value(found, "average_effect:drug") == pytest.approx(np.diff(hand.scores, axis=1).mean(), abs=1e-6)
    assert value(found, "recommended") == pytest.approx(hand.sure.mean())
    assert found["verdict"] == "accepted"


def test_where_lower_is_better_everything_turns_round(scene):
    made = scene.made
    turned = treated.scene(600, seed=3, better="lower", single=0)
    turned.model = treated.model(
        turned.model.manifest, treated.graph(replace(made, expected=-made.expected), 2), "server-cpu"
    )
    turned.cohort = replace(turned.cohort, amount=-made.y)
    ours, theirs = handmade.evidence(turned), handmade.evidence(treated.scene(600, seed=3, single=0))
    for name in ("policy_gain", "autoc", "qini", "policy_gain:drug"):
        assert value(ours, name) == pytest.approx(value(theirs, name), abs=1e-6)
    assert value(ours, "policy_value") == pytest.approx(-value(theirs, "policy_value"), abs=1e-6)


def test_a_rule_that_is_one_arm_for_all_is_refused_whatever_the_study_asks(scene):
    null = handmade.evidence(treated.scene(600, effect=0.0, error=1.0, gates=(Gate(measure="abstained", max=0.5),)))
    gate = next(one for one in null["gates"] if one["name"] == "always.policy_gain")
    assert not gate["passed"] and gate["text"].startswith("one arm for all: ")
    assert null["verdict"] == "refused" and "One arm for all: " in null["verdict_text"]
    assert "One arm for all: " in render_report(null)
    assert {one["code"] for one in null["warned"]} >= {"no-recommendations"}
    undeclared = handmade.evidence(treated.scene(600, seed=3, gates=()))
    assert all(one["passed"] for one in undeclared["gates"]) and undeclared["verdict"] == "refused"


def test_a_noisy_rule_on_a_trial_without_effects_is_refused():
    """Of rules that follow noise, next to none passes."""
    passed = 0
    for seed in range(20):
        one = treated.scene(400, seed=seed, effect=0.0)
        noise = np.random.default_rng(seed).normal(0, 1, 400)
        made = replace(one.made, expected=one.made.expected + np.outer(noise, [0, 1]))
        one.model = treated.model(one.model.manifest, treated.graph(made, 2))
        patients = given(one).answered
        gain = compute(patients, ("policy_gain",))["policy_gain"]
        assert gain.low is not None
        passed += gain.low > 0
    assert passed <= 2


def test_refuters_hold_on_a_right_trial_and_fail_where_the_arms_were_drawn_otherwise(found):
    assert [one["passed"] for one in found["treatment"]["refuted"]] == [True, True]
    assert [one["name"] for one in found["treatment"]["refuted"]] == ["placebo-treatment", "random-cause"]
    wrong = handmade.evidence(treated.scene(600, wrong=0.3))
    assert [one["passed"] for one in wrong["treatment"]["refuted"]] == [False, False]
    failed = [one["name"] for one in wrong["gates"] if not one["passed"]]
    assert {"always.placebo-treatment", "always.random-cause"} <= set(failed)
    assert wrong["verdict"] == "refused" and "finds what is not there" in wrong["verdict_text"]
    assert "arms-unlike-design" in {one["code"] for one in wrong["warned"]}


def test_arms_are_dealt_out_as_often_and_as_likely_as_the_propensities_say():
    """Two of one arm among three patients: each of the three ways as likely as its odds, by counting."""
    propensity = np.array([[0.2, 0.8], [0.5, 0.5], [0.6, 0.4]])
    rng, arm = np.random.default_rng(0), np.array([1, 0, 0])
    drawn = [permuted_arms(arm, propensity, rng) for _ in range(3000)]
    assert all(one.sum() == 1 for one in drawn)
    odds = np.array([p[1] / p[0] for p in propensity])
    shares = np.mean(drawn, axis=0)
    assert shares == pytest.approx(odds / odds.sum(), abs=0.03)


def test_records_say_that_they_are_observational(found):
    records = handmade.evidence(treated.scene(600, observed=True))
    assert "observational" in {one["code"] for one in records["warned"]}
    assert "nothing unmeasured drives both" in render_report(records)
    assert "observational" not in {one["code"] for one in found["warned"]}
    assert "From a randomised trial" in render_report(found)
    assert value(records, "e_value") >= 1


def test_the_coverage_that_training_reports_is_printed(scene, found):
    told = {"value": 0.941, "low": 0.917, "high": 0.965, "nominal": 0.95, "source": "17 generated trials"}
    page = render_report(handmade.evidence(scene, development={"coverage_by_simulation": told}))
    assert "94.1 %" in page and "91.7 % to 96.5 %" in page and "17 generated trials" in page
    assert "was not measured for this release" in render_report(found)


def test_overlap_sizes_and_balance_can_fail_a_gate(scene, found):
    assert value(found, "overlap") == 1.0
    hand = np.bincount(given(scene).answered.arm)
    assert value(found, "effective_sample_size") == pytest.approx(hand.min())
    gates = (
        Gate(measure="overlap", min=0.9),
        Gate(measure="effective_sample_size", min=250),
        Gate(measure="balance", max=0.01),
    )
    poor = handmade.evidence(treated.scene(600, observed=True, gates=gates, overlap=0.45))
    declared = [one for one in poor["gates"] if not one["name"].startswith("always.")]
    assert [one["passed"] for one in declared] == [False, False, False]


def test_the_floor_is_judged_by_the_same_scores(found):
    for name in ("policy_value:control", "policy_value:drug", "average_effect:drug"):
        assert found["floor"][name] == found["measures"][name]
    assert found["floor_difference"]["policy_gain"]["value"] == pytest.approx(
        value(found, "policy_value") - found["floor"]["policy_value"]["value"]
    )


def test_predicted_effects_that_are_right_are_calibrated(found):
    slope = found["measures"]["effect_slope"]
    assert slope["low"] < 1 < slope["high"]
    groups = found["curves"]["effects"]["drug against control"]["groups"]
    assert sum(one["n"] for one in groups) == found["data"]["n"] - found["abstentions"]["n"]
    assert all(one["n"] >= 10 for one in groups)
    flat = handmade.evidence(treated.scene(600, seed=3, flat=3.0))
    assert flat["measures"]["effect_slope"]["high"] < 1


def test_three_arms_have_each_its_own_figures():
    found = handmade.evidence(treated.scene(500, count=3, seed=2))
    assert {"policy_gain:drug", "policy_gain:drug twice", "average_effect:drug twice"} <= set(found["measures"])
    assert len(found["curves"]["effects"]) == 3
    assert [one["arm"] for one in found["treatment"]["rows"]] == ["control", "drug", "drug twice"]
    assert "drug twice for all" in render_report(found)


def test_few_patients_have_no_curve_and_no_count():
    found = handmade.evidence(treated.scene(40, seed=4))
    line = found["curves"]["effects"]["drug against control"]
    assert line["toc"] is None and all(one["n"] >= 10 for one in line["groups"])
    counts = [one["n"] for one in found["treatment"]["rows"]]
    assert all(one is None or one >= 10 for one in counts)


def test_nobody_answered_is_no_crash(scene):
    def far(values: np.ndarray) -> Prediction:
        columns = np.tile([[1.0, 1.0, 0.3, 0.5, 0.5]], (len(values), 1)).astype(np.float32)
        return Prediction(columns=columns, distance=np.full(len(values), 99.0, np.float32), spread=None)

    one = treated.scene(60)
    one.model = one.floor = treated.model(one.model.manifest, far)
    found = handmade.evidence(one)
    assert found["verdict"] == "refused" and found["measures"]["policy_gain"]["value"] is None
    assert render_report(found)


def test_restricted_means_are_weighted_against_censoring():
    """Half are lost at random: the value of one arm for all is still that of everybody's time."""
    n = 3000
    made = trial(7, n)
    rng = np.random.default_rng(8)
    time, lost = rng.exponential(4.0 + 2.0 * made.arm), rng.exponential(8.0, n)
    one = treated.scene(n, seed=7, kind="restricted-mean", until=5.0, time="years", unit="a", outcome="death")
    true = np.array([4.0 * (1 - np.exp(-5 / 4.0)), 6.0 * (1 - np.exp(-5 / 6.0))])
    flat = replace(made, expected=np.tile(true, (n, 1)))
    one.model = one.floor = treated.model(one.model.manifest, treated.graph(flat, 2))
    followed = np.minimum(time, lost)
    one.cohort = replace(one.cohort, amount=None, followed=followed, outcome=(time <= lost).astype(np.int64))
    found = handmade.evidence(one)
    for arm, expected in zip(("control", "drug"), true, strict=True):
        measure = found["measures"][f"policy_value:{arm}"]
        assert measure["low"] < expected < measure["high"]
    naive = followed.clip(max=5.0)[made.arm == 1].mean()
    assert naive < found["measures"]["policy_value:drug"]["low"]


def test_another_hospital_is_judged_by_the_same_measures(scene, found):
    elsewhere = evidence_external(scene.model, scene.cohort, reference=found, today=handmade.TODAY)
    document = json.loads(encode(elsewhere))
    assert document["measures"]["policy_gain"]["value"] == found["measures"]["policy_gain"]["value"]
    assert document["reference"]["policy_gain"] == found["measures"]["policy_gain"]
    assert render_report(document)
    assert scene.model.manifest.outputs.arms.randomised
    assert "lots-assumed" in {one["code"] for one in document["warned"]}
    assert "lots-assumed" not in {one["code"] for one in found["warned"]}


def test_a_release_without_arms_is_refused(scene):
    with pytest.raises(DataError, match="arm that each patient had"):
        broken = replace(scene.cohort, arm=None)
        judged(scene.model, broken, today=handmade.TODAY, seed=1)


def test_another_target_that_recommends_otherwise_flips(scene):
    made = scene.made
    manifest = scene.model.manifest
    listed = {**manifest.targets, "server-gpu": TargetFile(file="gpu.onnx", digest="1" * 64, runtime="x", tolerance=1)}
    two = msgspec.structs.replace(manifest, targets=listed)
    one = SimpleNamespace(**vars(scene))
    one.model = treated.model(two, treated.graph(made, 2))
    worse = treated.model(two, treated.graph(made, 2, flat=0.0), "server-gpu")
    found = handmade.evidence(one, further={"server-gpu": worse})
    row = found["targets"]["server-gpu"]
    assert row["auroc_loss"] == pytest.approx(found["floor_difference"]["policy_gain"]["value"] / one.arms.scale)
    assert row["flips"] == pytest.approx(value(found, "recommended"))
    assert found["targets"]["server-cpu"]["flips"] is None


@pytest.mark.parametrize(
    "gain", [{"value": 0.1, "low": 0.0, "high": 0.2}, {"value": 0.1, "low": None, "high": None}, None]
)
def test_a_rule_that_was_not_shown_to_be_better_is_never_signed(gain: dict | None, tmp_path: Path) -> None:
    """Whatever verdict stands in the evidence, and whatever gates it has."""
    told = {"measures": {"policy_gain": gain}}
    with pytest.raises(GateFailed, match="one arm for all"):
        hospital.make_release(tmp_path, quantities=quantities.trial(), told=told)
    assert not (tmp_path / "release").exists()


def test_patients_of_whom_nobody_got_an_arm_judge_no_rule(scene, found):
    """What that arm is worth would be the model's own word: on such patients every gate once passed."""
    alike = scene.cohort.take(scene.cohort.arm == 1)
    with pytest.raises(DataError, match=f"nobody among these {len(alike.arm)} patients got 'control'"):
        evidence_external(scene.model, alike, reference=found, today=handmade.TODAY)
