from __future__ import annotations

import importlib.metadata
import json
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bedside.release import Candidate, TargetFile, model_card
from bedside.release.json_document import document_bytes
from bedside.release.sbom import BUILDING, READING, SERVING, sbom_bytes, without_file


def normal(requirement: str) -> str:
    name = requirement.split(";")[0].split("[")[0]
    for mark in "<>=!~ ":
        name = name.split(mark)[0]
    return name.strip().lower().replace("_", "-")


def test_sbom_is_valid_cyclonedx(candidate: Candidate) -> None:
    validation = pytest.importorskip("cyclonedx.validation.json")
    from cyclonedx.schema import SchemaVersion

    errors = validation.JsonStrictValidator(SchemaVersion.V1_6).validate_str(candidate.files["sbom.cdx.json"].decode())
    assert errors is None, errors


def test_sbom_tells_what_runs_it_from_what_built_it(candidate: Candidate) -> None:
    sbom = candidate.document("sbom.cdx.json")
    scope = {component["name"]: component["scope"] for component in sbom["components"]}
    assert scope["bedside"] == scope["onnxruntime"] == scope["numpy"] == scope["cryptography"] == "required"
    assert not {"onnx", "torch", "scipy", "scikit-learn"} & scope.keys()
    (formula,) = sbom["formulation"]
    built = {component["name"]: component["version"] for component in formula["components"]}
    assert {"bedside", "onnx", "numpy", "duckdb", "onnxruntime"} <= built.keys()
    assert not {"uvicorn", "starlette", "cryptography", "sigstore"} & built.keys()
    assert all(version == importlib.metadata.version(name) for name, version in built.items() if name != "python")
    numpy = next(c for c in sbom["components"] if c["name"] == "numpy")
    assert numpy["purl"] == f"pkg:pypi/numpy@{importlib.metadata.version('numpy')}"
    assert numpy["licenses"][0]["expression"] == importlib.metadata.metadata("numpy")["License-Expression"]
    hashes = {c["name"]: c["hashes"][0]["content"] for c in sbom["metadata"]["component"]["components"]}
    assert hashes == {name: candidate.manifest.files[name] for name in ("model.onnx", "floor.onnx")}
    assert "timestamp" not in sbom["metadata"]


def refs(sbom: dict[str, Any]) -> list[str]:
    release = sbom["metadata"]["component"]
    listed = [*release["components"], *sbom["components"], *sbom["formulation"][0]["components"]]
    return ["release", "building", *(one["bom-ref"] for one in listed)]


def needs(sbom: dict[str, Any]) -> dict[str, list[str]]:
    return {one["ref"]: one.get("dependsOn", []) for one in sbom["dependencies"]}


def test_sbom_refers_to_what_is_in_it_and_says_of_each_part_what_it_needs(candidate: Candidate) -> None:
    sbom = candidate.document("sbom.cdx.json")
    edges = needs(sbom)
    assert len(refs(sbom)) == len(set(refs(sbom)))
    assert {*edges, *(need for all_of in edges.values() for need in all_of)} <= set(refs(sbom))
    runs = {one["bom-ref"] for one in sbom["components"]}
    assert runs <= edges.keys() and set(edges["release"]) >= {"file:model.onnx", "file:floor.onnx"}
    runtime = f"pkg:pypi/onnxruntime@{importlib.metadata.version('onnxruntime')}"
    assert edges["file:model.onnx"] == edges["file:floor.onnx"] == [runtime]
    # What pip says that onnxruntime needs here, read without our code.
    said = {normal(line) for line in importlib.metadata.requires("onnxruntime") or [] if "extra" not in line}
    assert {ref.partition("@")[0].removeprefix("pkg:pypi/") for ref in edges[runtime]} == said


GPU = TargetFile(file="model.fp16.onnx", digest="0" * 64, runtime="onnxruntime-gpu", tolerance=1e-3)
CPU = TargetFile(file="model.onnx", digest="0" * 64, runtime="onnxruntime", tolerance=1e-5)
VINO = TargetFile(file="model.int8.zip", digest="0" * 64, runtime="openvino", tolerance=1e-3)


def test_sbom_of_several_targets() -> None:
    """A runtime of another target is optional: whoever runs that file needs it. Its version may not be known here."""
    validation = pytest.importorskip("cyclonedx.validation.json")
    from cyclonedx.schema import SchemaVersion

    files = {one.file: one.file.encode() for one in (CPU, GPU, VINO)}
    targets = {"server-cpu": CPU, "server-gpu": GPU, "server-cpu-int8": VINO}
    whole = sbom_bytes("a", "1", files, {}, targets)
    assert validation.JsonStrictValidator(SchemaVersion.V1_6).validate_str(whole.decode()) is None
    sbom = json.loads(whole)
    listed = {one["name"]: one for one in sbom["components"]}
    assert listed["onnxruntime-gpu"]["scope"] == "optional"
    assert needs(sbom)["file:model.fp16.onnx"] == [listed["onnxruntime-gpu"]["bom-ref"]]
    if "nncf" in (built := {one["name"] for one in sbom["formulation"][0]["components"]}):
        assert {"openvino", "nncf"} <= built and listed["openvino"]["scope"] == "optional"
    for one in (GPU, VINO):
        whole = without_file(whole, one.file)
    assert validation.JsonStrictValidator(SchemaVersion.V1_6).validate_str(whole.decode()) is None
    alone = json.loads(sbom_bytes("a", "1", {CPU.file: CPU.file.encode()}, {}, {"server-cpu": CPU}))
    kept = json.loads(whole)
    assert [kept[part] for part in ("components", "metadata")] == [alone[part] for part in ("components", "metadata")]
    assert needs(kept) == needs(alone)
    assert kept["serialNumber"] != json.loads(sbom_bytes("a", "1", files, {}, targets))["serialNumber"]


def test_sbom_lists_are_those_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert {normal(name) for name in project["dependencies"]} == {normal(name) for name in SERVING}
    extras = {normal(r) for name in ("train", "validate") for r in project["optional-dependencies"][name]}
    assert set(READING) < set(SERVING)
    assert {normal(name) for name in BUILDING} == extras - {"bedside", "matplotlib"}


def test_sbom_serial_follows_the_content() -> None:
    one, two = (json.loads(sbom_bytes("a", version, {}, {}, {}))["serialNumber"] for version in ("1", "2"))
    again = json.loads(sbom_bytes("a", "1", {}, {}, {}))["serialNumber"]
    assert one == again != two
    built = json.loads(sbom_bytes("a", "1", {}, {"torch": "2.13.0+cpu"}, {}))["formulation"][0]["components"]
    assert next(c for c in built if c["name"] == "torch")["purl"] == "pkg:pypi/torch@2.13.0%2Bcpu"


def test_card_before_validation(candidate: Candidate) -> None:
    card = candidate.files["card.md"].decode()
    assert "**Not validated.**" in card
    assert candidate.digest in card
    assert "Supports a cytologist." in card and "Adults with a palpable breast mass" in card
    assert "| Mean nucleus radius (`radius`) | um | 1 to 60 | 30 days |" in card
    assert "| Menopause (`menopause`) | pre, post |  | any age |" in card
    assert "more than 50% of the predictors are unknown" in card


def test_card_after_validation(small: ModuleType) -> None:
    evidence = {
        "data": {"n": 143, "n_events": 53},
        "measures": {
            "auroc": {"value": 0.987, "low": 0.97, "high": 0.996},
            "brier": {"value": None, "low": None, "high": None},
        },
        "gates": [{"name": "auroc", "limit": "min 0.9", "value": 0.987, "passed": False}],
        "warnings": ["Few events."],
        "verdict": "refused",
    }
    card = model_card(small.manifest(), "d" * 64, evidence=evidence, facts={"Patients": "426, from two sites"})
    assert "Not validated" not in card
    assert "| auroc | 0.987 | 0.970 to 0.996 |" in card
    assert "| brier | undefined |  |" in card
    assert "- auroc: limit min 0.9, value 0.987: FAILED" in card
    assert "Few events." in card and "- Patients: 426, from two sites" in card


def test_json_is_canonical() -> None:
    assert document_bytes({"b": 1, "a": "é"}) == '{\n "a": "é",\n "b": 1\n}\n'.encode()
    with pytest.raises(ValueError, match="nan"):
        document_bytes({"a": float("nan")})
