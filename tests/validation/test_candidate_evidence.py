"""Evidence for a candidate: what a reader is told beside the numbers, targets, and what must not be in it."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from bedside.cohort import Finding, Gate
from bedside.release import Prediction, TargetFile
from bedside.validation import Looks, encode, evidence_for_candidate, json_schema

CLASSES = ("benign", "malignant")


def codes(evidence: dict) -> set[str]:
    return {one["code"] for one in evidence["warned"]}


def test_shape_that_scripts_rely_on(binary_evidence, three_evidence):
    for evidence in (binary_evidence, three_evidence):
        assert {"name", "version", "digest"} <= set(evidence["release"])
        assert {"digest", "source", "n", "n_events", "attrition"} <= set(evidence["data"])
        for one in [*evidence["measures"].values(), *evidence["floor"].values()]:
            assert set(one) == {"value", "low", "high"}
        for one in evidence["subgroups"]:
            assert {"group", "n", "measures"} <= set(one)
        for one in evidence["targets"].values():
            assert {"validated", "runtime", "measures"} <= set(one)
        for one in evidence["gates"]:
            assert {"name", "limit", "value", "passed"} <= set(one)
        assert evidence["verdict"] in ("accepted", "refused")
        assert [one["text"] for one in evidence["warned"]] == evidence["warnings"]


def test_schema_describes_the_document(binary_evidence):
    schema = json_schema()
    fields = schema["$defs"]["Evidence"]["properties"]
    only_others = {"marginal", "marginal_difference", "acted", "treatment", "dosing"}
    assert set(binary_evidence) == set(fields) - only_others
    assert json.dumps(schema)


def test_same_evidence_twice_and_no_patient_in_it(world, binary):
    once = encode(evidence_for_candidate(binary.model, binary.floor, binary.cohort, binary.study, today=world.today))
    twice = encode(evidence_for_candidate(binary.model, binary.floor, binary.cohort, binary.study, today=world.today))
    assert once == twice
    assert b"SECRET" not in once
    assert b"/nowhere" not in once


def test_looks_and_leakage_are_told(world, binary, binary_evidence):
    assert (binary_evidence["looks"], binary_evidence["study_changed"]) == (3, True)
    told = next(one["text"] for one in binary_evidence["warned"] if one["code"] == "looked-at-before")
    assert "look 3" in told
    assert "changed" in told
    study = msgspec.structs.replace(
        binary.study, data=msgspec.structs.replace(binary.study.data, leakage_known=("radius",))
    )
    found = evidence_for_candidate(
        binary.model,
        binary.floor,
        binary.cohort,
        study,
        looks=Looks(count=1, candidates=1, studies=1),
        today=world.today,
    )
    assert {one.code for one in found.warned} & {"leakage-known", "looked-at-before"} == {"leakage-known"}


def test_repeated_patients_are_told(world, binary):
    patient = np.array([f"SECRET-{i // 2}" for i in range(len(binary.cohort))], dtype=object)
    cohort = replace(binary.cohort, patient=patient)
    found = evidence_for_candidate(binary.model, binary.floor, cohort, binary.study, today=world.today)
    assert (found.data.n, found.data.n_patients) == (200, 100)
    assert "repeated-patients" in {one.code for one in found.warned}


def test_abstaining_cannot_polish_in_silence(binary_evidence):
    assert "many-abstentions" in codes(binary_evidence)
    everybody = binary_evidence["abstentions"]["as_if_answered"]
    assert everybody["auroc"] != binary_evidence["measures"]["auroc"]
    gate = next(one for one in binary_evidence["gates"] if one["name"] == "abstained")
    assert gate["value"] == binary_evidence["measures"]["abstained"]["value"]


def test_an_expired_release_answers_nobody_and_is_refused(world):
    scene = world.scene(CLASSES, world.binary_weights, 0.2, valid_until=dt.date(2026, 1, 1))
    evidence = world.evidence(scene)
    assert evidence["abstentions"]["n"] == 142
    assert evidence["abstentions"]["reasons"]["expired"] == 142
    assert evidence["measures"]["auroc"]["value"] is None
    assert evidence["verdict"] == "refused"
    assert {one["name"] for one in evidence["gates"] if one["passed"]} == set()
    assert "expired" in codes(evidence)


def test_one_class_only_is_undefined_and_fails(world, binary):
    cohort = binary.cohort.take(binary.cohort.outcome == 0)
    found = evidence_for_candidate(binary.model, binary.floor, cohort, binary.study, today=world.today)
    assert found.measures["auroc"].value is None
    assert found.measures["specificity"].value is not None
    assert found.curves.roc == {}
    assert found.verdict == "refused"


def test_without_gates_nothing_is_accepted(world):
    evidence = world.evidence(world.scene(CLASSES, world.binary_weights, 0.2, gates=()))
    assert (evidence["verdict"], evidence["gates"]) == ("refused", [])
    assert "No gates" in evidence["verdict_text"]


def test_no_threshold_no_measures_at_it(world):
    evidence = world.evidence(world.scene(CLASSES, world.binary_weights, None, gates=(Gate(measure="auroc", min=0.5),)))
    assert not {"sensitivity", "net_benefit"} & set(evidence["measures"])
    assert "no-threshold" in codes(evidence)
    assert not any(row["declared"] for row in evidence["thresholds"])


def shifted(model, by: float, target: str):
    """The same graph with every log odds moved."""

    def predict(values: np.ndarray) -> Prediction:
        found = model.predict(values)
        odds = found.columns[:, 1] / found.columns[:, 0] * np.exp(by)
        p = odds / (1 + odds)
        return Prediction(np.stack([1 - p, p], axis=1).astype(np.float32), found.distance, None)

    return replace(model, predict=predict, target=target)


def test_further_targets(world):
    one = TargetFile(file="model.onnx", digest="0" * 64, runtime="onnxruntime", tolerance=1e-5)
    names = ("server-cpu", "same", "moved", "never-run")
    scene = world.scene(CLASSES, world.binary_weights, 0.2, targets=dict.fromkeys(names, one))
    further = {"same": shifted(scene.model, 0.0, "same"), "moved": shifted(scene.model, 2.0, "moved")}
    evidence = world.evidence(scene, further=further)
    targets = evidence["targets"]
    assert {name: found["validated"] for name, found in targets.items()} == {
        **dict.fromkeys(names, True),
        "never-run": False,
    }
    assert targets["server-cpu"]["measures"]["auroc"]["value"] == evidence["measures"]["auroc"]["value"]
    assert targets["same"]["flips"] == 0
    assert targets["moved"]["auroc_loss"] == pytest.approx(0, abs=1e-6)  # a shift keeps the ranks
    p, q = (m.predict(scene.cohort.reading.values).columns[:, 1] for m in (scene.model, further["moved"]))
    kept = np.abs(scene.cohort.reading.values[:, 0] - 15) <= 12
    assert targets["moved"]["flips"] == pytest.approx(np.mean((p >= 0.2) != (q >= 0.2), where=kept))
    changes = np.sort(np.abs(p.astype(float) - q)[kept])
    assert targets["moved"]["largest_change"] == pytest.approx(changes[-1], rel=1e-5)
    place = 0.99 * (len(changes) - 1)  # between two order statistics, linearly (Hyndman and Fan's type 7)
    below, share = int(place), place - int(place)
    assert targets["moved"]["change_p99"] == pytest.approx(
        changes[below] + share * (changes[below + 1] - changes[below]), rel=1e-5
    )
    failed = [gate["name"] for gate in evidence["gates"] if not gate["passed"]]
    assert failed == ["targets.moved: flips", "targets.moved: largest_change"]
    assert evidence["verdict"] == "refused"


def test_an_estimate_from_one_of_the_two_is_another_decision(world):
    one = TargetFile(file="model.onnx", digest="0" * 64, runtime="onnxruntime", tolerance=1e-5)
    scene = world.scene(CLASSES, world.binary_weights, 0.2, targets=dict.fromkeys(("server-cpu", "silent"), one))

    def predict(values: np.ndarray) -> Prediction:
        found = scene.model.predict(values)
        return Prediction(found.columns, np.where(np.arange(len(values)) < 7, 99.0, found.distance), None)

    silent = replace(scene.model, predict=predict, target="silent")
    row = world.evidence(scene, further={"silent": silent})["targets"]["silent"]
    kept = np.abs(scene.cohort.reading.values[:, 0] - 15) <= 12
    assert row["flips"] == pytest.approx(kept[:7].sum() / kept.sum())
    assert row["largest_change"] == 0


def test_a_packed_floor_and_a_worse_network_are_told(world, binary):
    network = msgspec.structs.replace(binary.model.manifest.network, packed="floor")
    manifest = msgspec.structs.replace(binary.model.manifest, network=network)
    coin = np.random.default_rng(0).random(200)

    def guess(values: np.ndarray) -> Prediction:
        p = coin[: len(values)]
        return Prediction(np.stack([1 - p, p], axis=1).astype(np.float32), np.zeros(len(p), np.float32), None)

    model = replace(binary.model, manifest=manifest, predict=guess)
    found = evidence_for_candidate(model, binary.floor, binary.cohort, binary.study, today=world.today)
    assert {"floor-packed", "worse-than-floor"} <= {one.code for one in found.warned}


def test_missingness_is_counted(binary, binary_evidence):
    unknown = int(np.isnan(binary.cohort.reading.values[:, 1]).sum())
    row = next(one for one in binary_evidence["data"]["missingness"] if one["variable"] == "age")
    assert (row["unknown"], row["share"]) == (unknown, pytest.approx(unknown / 200))


def test_findings_and_progress_pass_through(world, binary):
    seen = []
    finding = Finding(code="site-coding", severity="warning", where="radius", text="All zero at one site")
    found = evidence_for_candidate(
        binary.model, binary.floor, binary.cohort, binary.study, findings=[finding], today=world.today,
        progress=lambda what, done, total: seen.append((what, done, total)),
    )  # fmt: skip
    assert found.findings == (finding,)
    assert seen[-1][1] == seen[-1][2]
