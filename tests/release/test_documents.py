from __future__ import annotations

import importlib.metadata
import json
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from bedside.release import Candidate, model_card
from bedside.release.json_document import document_bytes
from bedside.release.sbom import BUILDING, SERVING, sbom_bytes


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


def test_sbom_names_what_runs_and_what_built(candidate: Candidate) -> None:
    sbom = candidate.document("sbom.cdx.json")
    scope = {component["name"]: component["scope"] for component in sbom["components"]}
    assert scope["onnxruntime"] == scope["numpy"] == scope["cryptography"] == "required"
    assert scope["onnx"] == "excluded"
    numpy = next(c for c in sbom["components"] if c["name"] == "numpy")
    assert numpy["purl"] == f"pkg:pypi/numpy@{importlib.metadata.version('numpy')}"
    assert numpy["licenses"][0]["expression"] == importlib.metadata.metadata("numpy")["License-Expression"]
    hashes = {c["name"]: c["hashes"][0]["content"] for c in sbom["metadata"]["component"]["components"]}
    assert hashes == {name: candidate.manifest.files[name] for name in ("model.onnx", "floor.onnx")}
    assert "timestamp" not in sbom["metadata"]


def test_sbom_lists_are_those_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert {normal(name) for name in project["dependencies"]} == {normal(name) for name in SERVING}
    extras = {normal(r) for name in ("train", "validate") for r in project["optional-dependencies"][name]}
    assert {normal(name) for name in BUILDING} == extras - {"bedside", "matplotlib"}


def test_sbom_serial_follows_the_content() -> None:
    one, two = (json.loads(sbom_bytes("a", version, {}, {}))["serialNumber"] for version in ("1", "2"))
    again = json.loads(sbom_bytes("a", "1", {}, {}))["serialNumber"]
    assert one == again != two
    torch = next(
        c for c in json.loads(sbom_bytes("a", "1", {}, {"torch": "2.13.0+cpu"}))["components"] if c["name"] == "torch"
    )
    assert torch["purl"] == "pkg:pypi/torch@2.13.0%2Bcpu"


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
