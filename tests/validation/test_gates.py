"""Gates: what passes, what fails, and what cannot be judged never passes in silence."""

from __future__ import annotations

import pytest

from bedside.cohort import Gate, TargetLimits
from bedside.validation.evidence import Estimate, SubgroupEvidence, TargetEvidence
from bedside.validation.gates import judge_gates, judge_targets, verdict

MEASURES = {
    "auroc": Estimate(value=0.90, low=0.84, high=0.95),
    "calibration_slope": Estimate(value=1.10, low=0.70, high=1.50),
    "ici": Estimate(value=None),
    "brier": Estimate(value=0.1),
    "net_benefit": Estimate(value=0.3, low=0.2, high=0.4),
    "net_benefit_gain:treat-all": Estimate(value=0.02, low=-0.01, high=0.05),
    "net_benefit_gain:treat-none": Estimate(value=0.3, low=0.2, high=0.4),
}


def group(name: str, auroc: float | None, others: float | None, *, rarest=50, others_rarest=50, suppressed=False):
    if suppressed:
        return SubgroupEvidence(group=name, kind="declared", n=None, n_events=None, suppressed=True, measures={})
    return SubgroupEvidence(
        group=name, kind="declared", n=120, n_events=rarest, rarest=rarest, others_rarest=others_rarest,
        suppressed=False, measures={"auroc": Estimate(value=auroc)}, others={"auroc": Estimate(value=others)},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("gate", "value", "passed"),
    [
        (Gate(measure="auroc", min=0.90), 0.90, True),
        (Gate(measure="auroc", min=0.901), 0.90, False),
        (Gate(measure="auroc", max=0.89), 0.90, False),
        (Gate(measure="auroc", min=0.85, bound="low"), 0.84, False),
        (Gate(measure="auroc", min=0.83, bound="low"), 0.84, True),
        (Gate(measure="auroc", max=0.94, bound="high"), 0.95, False),
        (Gate(measure="calibration_slope", min=0.8, max=1.25), 1.10, True),
        (Gate(measure="calibration_slope", min=0.8, max=1.0), 1.10, False),
        (Gate(measure="calibration_slope", min=0.8, max=1.25, bound="low"), 0.70, False),
        (Gate(measure="ici", max=1.0), None, False),
        (Gate(measure="brier", max=0.2), 0.1, True),
        (Gate(measure="brier", max=0.2, bound="high"), None, False),
        (Gate(measure="nonsense", min=-9.0, max=9.0), None, False),
        (Gate(measure="auroc"), 0.90, False),
    ],
)
def test_limits(gate, value, passed):
    (result,), not_judged = judge_gates([gate], MEASURES, [])
    assert (result.value, result.passed, not_judged) == (value, passed, ())
    assert result.passed or result.value is not None or result.text


def test_better_than_looks_at_each_strategy():
    gate = Gate(measure="net_benefit", better_than=("treat-all", "treat-none"))
    results, _ = judge_gates([gate], MEASURES, [])
    assert [(one.name, one.value, one.passed) for one in results] == [
        ("net_benefit above treat-all", 0.02, True),
        ("net_benefit above treat-none", 0.3, True),
    ]
    strict = Gate(measure="net_benefit", better_than=("treat-all",), bound="low", min=0.25)
    results, _ = judge_gates([strict], MEASURES, [])
    assert [one.passed for one in results] == [False, False]
    equal = {**MEASURES, "net_benefit_gain:treat-all": Estimate(value=0.0)}
    assert not judge_gates([gate], equal, [])[0][0].passed


def test_calibration_is_judged_by_class_where_the_mean_would_hide_it():
    measures = {
        "calibration_slope": Estimate(value=1.0),
        "calibration_slope:a": Estimate(value=0.5),
        "calibration_slope:b": Estimate(value=1.5),
        "auroc": Estimate(value=0.9),
        "auroc:a": Estimate(value=0.4),
    }
    results, _ = judge_gates([Gate(measure="calibration_slope", min=0.8, max=1.25)], measures, [])
    assert [(one.name, one.passed) for one in results] == [
        ("calibration_slope:a", False),
        ("calibration_slope:b", False),
    ]
    assert judge_gates([Gate(measure="auroc", min=0.8)], measures, [])[0][0].passed


GAP = Gate(measure="auroc", subgroups=True, max_gap=0.1, min_events=20)


def test_a_gap_is_judged_both_ways():
    groups = [group("worse", 0.70, 0.85), group("better", 0.95, 0.84), group("alike", 0.85, 0.80)]
    results, not_judged = judge_gates([GAP], MEASURES, groups)
    assert [one.passed for one in results] == [False, False, True]
    assert results[0].value == pytest.approx(0.15)
    assert not_judged == ()


@pytest.mark.parametrize(
    "small",
    [
        group("few events", 0.2, 0.9, rarest=19),
        group("few others", 0.2, 0.9, others_rarest=19),
        group("hidden", None, None, suppressed=True),
    ],
)
def test_a_small_group_is_not_judged_and_named(small):
    results, not_judged = judge_gates([GAP], MEASURES, [small, group("large", 0.9, 0.9)])
    assert [one.passed for one in results] == [True]
    assert [(one.group, one.gate) for one in not_judged] == [(small.group, "subgroups.auroc")]


@pytest.mark.parametrize(
    "groups", [[], [group("few", 0.9, 0.9, rarest=3)], [group("hidden", None, None, suppressed=True)]]
)
def test_a_gate_that_can_judge_no_group_fails(groups):
    results, _ = judge_gates([GAP], MEASURES, groups)
    assert [(one.passed, one.value, one.text) for one in results] == [(False, None, "no group could be judged")]


def test_an_undefined_gap_fails():
    results, _ = judge_gates([GAP], MEASURES, [group("large", None, 0.9), group("fine", 0.9, 0.9)])
    assert [one.passed for one in results] == [False, True]


def test_limits_within_groups():
    gate = Gate(measure="auroc", subgroups=True, min=0.8, min_events=20)
    results, _ = judge_gates([gate], MEASURES, [group("poor", 0.7, 0.7), group("good", 0.8, 0.7)])
    assert [one.passed for one in results] == [False, True]


def test_verdict():
    good, bad = (judge_gates([Gate(measure="auroc", min=limit)], MEASURES, [])[0][0] for limit in (0.5, 0.99))
    assert verdict([])[0] == "refused"
    assert verdict([good]) == ("accepted", "The one gate passed.")
    assert verdict([good, bad]) == ("refused", "1 of 2 gates failed: auroc.")


def test_targets_are_held_against_the_first():
    def target(lost, flips, change, validated=True):
        return TargetEvidence(
            validated=validated, runtime="r", measures={}, auroc_loss=lost, flips=flips, largest_change=change
        )

    targets = {
        "server-cpu": target(None, None, None),
        "good": target(0.005, 0.01, 0.1),
        "bad": target(0.006, 0.011, 0.11),
        "undefined": target(None, 0.0, 0.0),
        "absent": target(None, None, None, validated=False),
    }
    results = judge_targets(TargetLimits(), targets)
    assert [(one.name, one.passed) for one in results] == [
        ("targets.good: auroc_loss", True),
        ("targets.good: flips", True),
        ("targets.good: largest_change", True),
        ("targets.bad: auroc_loss", False),
        ("targets.bad: flips", False),
        ("targets.bad: largest_change", False),
        ("targets.undefined: auroc_loss", False),
        ("targets.undefined: flips", True),
        ("targets.undefined: largest_change", True),
    ]
