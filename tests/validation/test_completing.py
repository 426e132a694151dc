"""Evidence that gets the row of one more target: only what that row says may change."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from bedside.cohort import TargetLimits
from bedside.errors import DataError, Refused
from bedside.release import Footprint, Prediction, TargetFile
from bedside.validation import Looks, complete, encode, evidence_for_candidate, read_evidence
from bedside.validation.cautions import about_targets
from bedside.validation.evidence import TargetEvidence

ONE = TargetFile(file="model.onnx", digest="0" * 64, runtime="onnxruntime", tolerance=1e-5)
COST = Footprint(latency=2e-5, memory=1000, processor="An engine", version="1.2")


@pytest.fixture(scope="module")
def scene(world):
    targets = dict.fromkeys(("server-cpu", "later"), ONE)
    return world.scene(("benign", "malignant"), world.binary_weights, 0.2, targets=targets)


@pytest.fixture(scope="module")
def before(world, scene):
    found = evidence_for_candidate(
        scene.model, scene.floor, scene.cohort, scene.study, today=world.today,
        looks=Looks(count=1, candidates=1, studies=1), costs={"server-cpu": COST},
    )  # fmt: skip
    return read_evidence(encode(found), where="evidence.json")


def moved(model, by: float, target: str = "later"):
    """The same model with every risk of the second class multiplied."""

    def predict(values: np.ndarray) -> Prediction:
        found = model.predict(values)
        p = (found.columns[:, 1] * by).astype(np.float32)
        return Prediction(np.stack([1 - p, p], axis=1), found.distance, None)

    return replace(model, predict=predict, target=target)


def completed(world, scene, before, by: float, reference=None, cohort=None):
    return complete(
        before, reference or scene.model, moved(scene.model, by), cohort or scene.cohort, scene.study,
        looks=Looks(count=2, candidates=1, studies=1), cost=COST, today=world.today,
    )  # fmt: skip


def test_only_the_row_its_gates_and_the_look_change(world, scene, before):
    assert not before.targets["later"].validated
    after = completed(world, scene, before, 1.0)
    row = after.targets["later"]
    assert (row.validated, row.flips, row.processor_name) == (True, 0.0, "An engine")
    assert row.largest_change == pytest.approx(0, abs=1e-6)
    assert [gate.name for gate in after.gates[len(before.gates) :]] == [
        f"targets.later: {name}" for name in ("auroc_loss", "flips", "largest_change")
    ]
    assert (after.verdict, after.looks) == (before.verdict, 2)
    assert {one.code for one in after.warned} - {one.code for one in before.warned} == {
        "looked-at-before", "target-gains-nothing",
    }  # fmt: skip
    same = set(msgspec.structs.asdict(before)) - {
        "targets", "gates", "verdict", "verdict_text", "looks", "warned", "warnings", "looks_candidates",
        "study_changed",
    }  # fmt: skip
    assert all(getattr(after, name) == getattr(before, name) for name in same)


def test_a_target_that_lost_too_much_is_refused(world, scene, before):
    after = completed(world, scene, before, 0.5)
    assert after.verdict == "refused"
    assert "targets.later: flips" in after.verdict_text
    assert completed(world, scene, after, 1.0).verdict == before.verdict  # run again, it is judged anew


def test_a_reference_that_gives_other_figures_here_is_refused(world, scene, before):
    other = moved(scene.model, 0.9, "server-cpu")
    with pytest.raises(Refused, match=r"the reference's \w+ was .* on this machine"):
        completed(world, scene, before, 1.0, reference=other)


def test_other_patients_are_refused(world, scene, before):
    with pytest.raises(Refused, match="about 142 held-out rows, and here there are 100"):
        completed(world, scene, before, 1.0, cohort=scene.cohort.take(np.arange(100)))


def test_evidence_that_cannot_be_read():
    with pytest.raises(DataError, match=r"evidence\.json: cannot be read"):
        read_evidence(b'{"format": 1}', where="evidence.json")


def test_what_is_told_about_targets():
    def row(validated: bool, latency: float | None = None) -> TargetEvidence:
        return TargetEvidence(validated=validated, runtime="r", measures={}, latency=latency)

    rows = {
        "server-cpu": row(True, 20e-6), "slow": row(True, 19e-6), "slower": row(True, 40e-6),
        "fast": row(True, 17e-6), "unmeasured": row(True),
        "absent": row(False),
    }  # fmt: skip
    told = about_targets(rows)
    assert [one.code for one in told] == [*2 * ["target-gains-nothing"], "target-not-validated"]
    assert "slow gains next to no time here: 19 \N{MICRO SIGN}s" in told[0].text
    assert "against 20 with server-cpu" in told[0].text
    assert "slower is slower here: 40 \N{MICRO SIGN}s" in told[1].text
    assert "absent" in told[2].text
    assert about_targets({}) == []


def test_the_default_limits_are_those_that_the_documentation_says():
    assert TargetLimits() == TargetLimits(auroc_loss=0.005, flips=0.01, largest_change=0.1)
