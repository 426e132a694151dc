"""Another hospital's patients: inverted labels, recalibration, case mix, and only aggregates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bedside.sources import Problem, Reading
from bedside.validation import as_dict, encode, evidence_external, render_report
from bedside.validation.evidence import Estimate
from bedside.validation.recalibration import judge_recalibration

CLASSES = ("benign", "malignant")
WITHOUT_PLOTS = {
    "curves": {"roc": {}, "calibration": {}, "decision": {}, "risk": {}},
    "subgroups": [],
    "development": {},
}


@pytest.fixture(scope="module")
def elsewhere(world):
    return world.scene(CLASSES, world.binary_weights, 0.2, n=260, seed=9, site=True)


def codes(evidence) -> set[str]:
    return {one.code for one in evidence.warned}


def test_same_measures_gates_and_groups_as_at_home(world, elsewhere, binary_evidence):
    found = evidence_external(elsewhere.model, elsewhere.cohort, reference=binary_evidence, seed=20, today=world.today)
    assert found.kind == "external"
    at_home = world.evidence(elsewhere)
    assert as_dict(found)["measures"] == at_home["measures"]
    assert {one.group for one in found.subgroups} == {one["group"] for one in at_home["subgroups"]}
    assert [one.name for one in found.gates] == [one["name"] for one in at_home["gates"]]
    assert found.reference["auroc"].value == binary_evidence["measures"]["auroc"]["value"]
    assert "inverted-labels" not in codes(found)


def test_no_reference_no_gates_and_no_acceptance(world, elsewhere):
    found = evidence_external(elsewhere.model, elsewhere.cohort, today=world.today)
    assert (found.gates, found.verdict) == ((), "refused")
    assert "Measured, not judged" in render_report(as_dict(found) | WITHOUT_PLOTS)


def test_inverted_labels_are_told(world, elsewhere):
    swapped = replace(elsewhere.cohort, outcome=1 - elsewhere.cohort.outcome)
    found = evidence_external(elsewhere.model, swapped, today=world.today)
    assert found.measures["auroc"].high < 0.5
    assert "inverted-labels" in codes(found)
    told = next(one.text for one in found.warned if one.code == "inverted-labels")
    assert "other way round" in told
    assert told in render_report(as_dict(found) | WITHOUT_PLOTS)


def test_one_inverted_site_is_told(world, elsewhere):
    south = elsewhere.cohort.site == "south"
    outcome = np.where(south, 1 - elsewhere.cohort.outcome, elsewhere.cohort.outcome)
    found = evidence_external(elsewhere.model, replace(elsewhere.cohort, outcome=outcome), today=world.today)
    told = [one.text for one in found.warned if one.code == "inverted-labels"]
    assert len(told) == 1
    assert "site = south" in told[0]


@pytest.mark.parametrize(
    ("intercept", "slope", "need"),
    [
        ((0.1, -0.1, 0.3), (1.0, 0.8, 1.2), "none"),
        ((0.4, 0.1, 0.7), (1.0, 0.8, 1.2), "level"),
        ((0.1, -0.1, 0.3), (0.6, 0.4, 0.8), "spread"),
        ((-0.4, -0.7, -0.1), (1.6, 1.2, 2.0), "both"),
        ((None, None, None), (1.0, 0.8, 1.2), "unknown"),
    ],
)
def test_recalibration(intercept, slope, need):
    estimates = [Estimate(value=v, low=low, high=high) for v, low, high in (intercept, slope)]
    found, text = judge_recalibration(*estimates)
    assert found == need
    words = {"level": "too low on average", "spread": "too extreme", "both": "too high on average", "none": "No need"}
    assert words.get(need, "not defined") in text


def test_a_shifted_hospital_needs_its_level_adjusted(world, elsewhere):
    p = elsewhere.model.predict(elsewhere.cohort.reading.values).columns[:, 1].astype(float)
    odds = p / (1 - p) * np.exp(1.5)
    rng = np.random.default_rng(2)
    outcome = (rng.random(len(p)) < odds / (1 + odds)).astype(np.int64)
    found = evidence_external(elsewhere.model, replace(elsewhere.cohort, outcome=outcome), today=world.today)
    assert found.recalibration.need["malignant"] == "level"
    assert "too low on average" in found.recalibration.text["malignant"]


def test_case_mix_and_absent_columns(world, elsewhere, binary_evidence):
    old = elsewhere.cohort.reading
    values, problems = old.values.copy(), old.problems.copy()
    values[:, 0] += 6.0
    values[:, 2], problems[:, 2] = np.nan, int(Problem.ABSENT)
    values[:3, 0], problems[:3, 0] = np.nan, int(Problem.IMPLAUSIBLE)
    cohort = replace(elsewhere.cohort, reading=Reading(rows=old.rows, values=values, problems=problems))
    found = evidence_external(elsewhere.model, cohort, reference=binary_evidence, today=world.today)
    assert {"other-case-mix", "column-absent", "implausible-values"} <= codes(found)
    radius, age, menopause = found.case_mix
    background = elsewhere.model.background
    assert radius.mean == pytest.approx(np.nanmean(values[:, 0]))
    assert radius.reference_mean == pytest.approx(np.average(background.values[:, 0], weights=background.weights))
    assert radius.difference == pytest.approx((radius.mean - radius.reference_mean) / np.nanstd(values[:, 0], ddof=1))
    assert age.reference_unknown == pytest.approx(binary_evidence["data"]["missingness"][1]["share"])
    assert menopause.unknown == 1.0
    assert set(menopause.shares.values()) == {None}
    assert found.data.missingness[2].absent
    assert found.data.missingness[0].implausible == 3
    assert "no such column" in render_report(as_dict(found) | WITHOUT_PLOTS)


def test_no_patient_leaves_the_house(world, elsewhere, binary_evidence):
    old = elsewhere.cohort.reading
    values = old.values.copy()
    values[7, 0] = 17.123456789  # one patient's value, which must not be found again
    texts = {(3, 0): "SECRET-text"}
    reading = Reading(
        rows=old.rows, values=values, problems=old.problems, texts=texts, extra={"patient_id": elsewhere.cohort.patient}
    )
    site = elsewhere.cohort.site.copy()
    site[:4] = "SECRET practice"  # a site of four patients
    cohort = replace(elsewhere.cohort, reading=reading, site=site)
    found = evidence_external(elsewhere.model, cohort, reference=binary_evidence, today=world.today)
    document = encode(found).decode()
    page = render_report(as_dict(found))
    for text in (document, page):
        assert "SECRET" not in text
        assert "17.1234567" not in text
    probabilities = elsewhere.model.predict(values).columns[:, 1]
    assert not [p for p in probabilities if f"{float(p):.8f}"[:9] in document]
    assert found.subgroups_withheld == {"site": 2}  # the small one, and one that would give it away
