"""Files for other hardware: what is converted and what is not, and what becomes of them when one is dropped."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bedside.errors import Conflict, DataError, GateFailed, MissingExtra, NotFound, Refused, UsageError
from bedside.release import (
    Candidate,
    Material,
    Parts,
    attach,
    drop,
    footprint,
    golden_check,
    keygen,
    open_candidate,
    pack,
    sign,
)
from bedside.release.half_precision import in_half_precision
from bedside.release.inner_layers import inner_nodes, weighted_layers
from bedside.release.making import refuse_unmakeable
from bedside.release.server_cpu import TARGET as CPU
from bedside.release.server_cpu_int8 import TARGET as INT8
from bedside.release.server_gpu import TARGET as GPU

ALL = ("server-cpu", "server-cpu-int8", "server-gpu")


@pytest.fixture
def deep(small: ModuleType, tmp_path: Path) -> Candidate:
    """A candidate with a hidden layer, for every built-in target."""
    return pack(small.deep_parts(*ALL), tmp_path / "candidate")


def leading_to(model: onnx.ModelProto, name: str) -> list[onnx.NodeProto]:
    """The nodes that an output is computed from, found anew from the output's side."""
    by_output = {out: node for node in model.graph.node for out in node.output}
    found, open_names = {}, [name]
    while open_names:
        node = by_output.get(open_names.pop())
        if node is not None and node.output[0] not in found:
            found[node.output[0]] = node
            open_names += node.input
    return list(found.values())


def initialisers(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}


def test_every_target_has_its_file_its_digest_and_its_golden_outputs(deep: Candidate) -> None:
    files = {"server-cpu": "model.onnx", "server-cpu-int8": "model.int8.onnx", "server-gpu": "model.fp16.onnx"}
    assert {name: one.file for name, one in deep.manifest.targets.items()} == files
    golden = deep.document("golden.json")["targets"]
    for name, file in files.items():
        assert deep.manifest.targets[name].digest == hashlib.sha256(deep.files[file]).hexdigest()
        assert golden[name]["tolerance"] == deep.manifest.targets[name].tolerance
    assert golden["server-cpu-int8"]["columns"] != golden["server-cpu"]["columns"]
    assert golden["server-cpu-int8"]["distance"] == golden["server-cpu"]["distance"]
    names = {one["name"] for one in deep.document("sbom.cdx.json")["metadata"]["component"]["components"]}
    assert names == {*files.values(), "floor.onnx"}


def test_same_parts_same_bytes_for_every_target(small: ModuleType, deep: Candidate, tmp_path: Path) -> None:
    assert pack(small.deep_parts(*ALL), tmp_path / "elsewhere" / "other").files == deep.files


def test_int8_computes_what_integers_by_hand_give(small: ModuleType, deep: Candidate) -> None:
    """The hidden layer in plain integer arithmetic, from the scales in the file; the rest in double precision."""
    model = onnx.load_model_from_string(deep.files["model.int8.onnx"])
    held = initialisers(model)
    quantise = next(node for node in model.graph.node if node.op_type == "QuantizeLinear")
    scale, zero = (held[name] for name in quantise.input[1:])
    weights, weight_scale, weight_zero = next(
        tuple(held[name] for name in node.input)
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in held
    )
    assert weights.dtype == np.int8
    assert np.abs(weights).max() <= 64  # seven bits: sums of products never overflow sixteen
    assert not weight_zero.any()
    values = small.patients(60)
    standard = ((np.where(np.isnan(values), small.MEAN, values) - small.MEAN) / small.SCALE).astype(np.float32)
    integers = np.clip(np.rint(standard / scale) + zero, 0, 255).astype(np.int64) - int(zero)
    layer = (integers @ weights.astype(np.int64)) * (float(scale) * weight_scale.astype(np.float64))
    logits = np.maximum(layer, 0) @ small.deep_weights(16)[1].astype(np.float64) + np.array([0, -0.5])
    expected = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    found = deep.load("server-cpu-int8").predict(values).columns[:, 1]
    np.testing.assert_allclose(found, expected, atol=2e-6)
    exact = deep.load().predict(values).columns[:, 1]
    assert 1e-5 < np.abs(found - exact).max() < 0.05  # rounded, and not by much


@pytest.mark.parametrize(("name", "file"), [("server-cpu-int8", "model.int8.onnx"), ("server-gpu", "model.fp16.onnx")])
def test_preparation_last_layer_and_distance_stay_as_they_are(deep: Candidate, name: str, file: str) -> None:
    model = onnx.load_model_from_string(deep.files[file])
    lossy = {"QuantizeLinear", "DequantizeLinear", "Cast"}
    assert not [node for node in leading_to(model, "distance") if node.op_type in lossy]
    assert [node for node in leading_to(model, "probability") if node.op_type in lossy]
    last = next(node for node in model.graph.node if node.op_type == "Gemm")
    assert initialisers(model)[last.input[1]].dtype == np.float32


def test_distances_are_the_same_bit_for_bit(small: ModuleType, deep: Candidate) -> None:
    values = small.patients(300) * np.array([3.0, 1.0, 1.0, 1.0])  # many far outside
    exact = deep.load().predict(values).distance
    np.testing.assert_array_equal(deep.load("server-cpu-int8").predict(values).distance, exact)
    half = GPU.rehearse(deep.files["model.fp16.onnx"], variables=4, classes=2, where="")
    assert half is not None
    np.testing.assert_array_equal(half(values).distance, exact)


def test_half_precision_is_that_of_numpy(small: ModuleType, deep: Candidate) -> None:
    predict = GPU.rehearse(deep.files["model.fp16.onnx"], variables=4, classes=2, where="")
    assert predict is not None
    values = small.patients(60)
    standard = (np.where(np.isnan(values), small.MEAN, values).astype(np.float32) - small.MEAN) / small.SCALE
    first, last = small.deep_weights(16)
    layer = standard.astype(np.float16).astype(np.float64) @ first.astype(np.float16).astype(np.float64)
    active = np.maximum(layer, 0).astype(np.float16).astype(np.float64)
    logits = active @ last.astype(np.float64) + np.array([0, -0.5])
    expected = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    np.testing.assert_allclose(predict(values).columns[:, 1], expected, atol=5e-4)
    weights = initialisers(onnx.load_model_from_string(deep.files["model.fp16.onnx"]))
    assert [name for name, array in weights.items() if array.dtype == np.float16] == ["first_half"]


def test_a_model_without_inner_layers_gains_nothing(small: ModuleType, tmp_path: Path) -> None:
    parts = small.parts()
    packed = pack(Parts(**(vars(parts) | {"targets": ALL, "calibration": small.patients(50)})), tmp_path / "c")
    assert set(packed.manifest.targets) == {"server-cpu"}
    assert set(packed.files) >= {"model.onnx"}
    assert not {"model.int8.onnx", "model.fp16.onnx"} & set(packed.files)


def test_which_layers_are_inner(small: ModuleType) -> None:
    graph = onnx.load_model_from_string(small.graph(hidden=8)).graph
    assert [node.output[0] for node in weighted_layers(graph)] == ["layer"]
    assert [node.output[0] for node in inner_nodes(graph)] == ["layer", "active"]
    assert weighted_layers(onnx.load_model_from_string(small.graph()).graph) == []


def test_sums_of_probabilities_are_no_layers(small: ModuleType) -> None:
    """The curve of a course is made of them: with few bits it would not be the sum of what it is made of."""
    graph = onnx.load_model_from_string(small.graph(hidden=8)).graph
    for node in graph.node:
        node.output[:] = ["each" if name == "probability" else name for name in node.output]
    for name, matrix in (("sums", [[1, 1], [0, 1]]), ("differences", [[1, -1], [0, 1]])):
        graph.initializer.append(onnx.numpy_helper.from_array(np.array(matrix, dtype=np.float32), name))
    graph.node.append(onnx.helper.make_node("MatMul", ["each", "sums"], ["summed"]))
    graph.node.append(onnx.helper.make_node("MatMul", ["summed", "differences"], ["probability"]))
    assert [node.output[0] for node in weighted_layers(graph)] == ["layer"]
    assert [node.output[0] for node in inner_nodes(graph)] == ["layer", "active"]


def test_ranges_need_development_patients_and_hold_none(small: ModuleType, deep: Candidate) -> None:
    material = Material(deep.files["model.onnx"], deep.manifest)
    with pytest.raises(DataError, match="no development patients to take ranges from"):
        INT8.make(material)
    rows = small.patients(200).astype(np.float32)
    for row in rows:
        assert not any(row.tobytes() in content for content in deep.files.values())


def test_what_cannot_be_made_here_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from bedside.release.server_cpu_int8 import ServerCpuInt8

    monkeypatch.setattr(ServerCpuInt8, "missing_to_make", lambda self: MissingExtra("onnx", "train"))
    refuse_unmakeable(("server-cpu",))
    with pytest.raises(MissingExtra, match="onnx is not installed"):
        refuse_unmakeable(("server-cpu", "server-cpu-int8"))


def test_a_gpu_that_is_not_there_is_a_clear_error(deep: Candidate) -> None:
    if GPU.missing_to_run() is None:
        pytest.skip("this machine has a GPU")
    with pytest.raises(MissingExtra, match=r"onnxruntime-gpu is not installed.*bedside\[gpu\]"):
        deep.load("server-gpu")


def test_golden_cases_hold_per_target_within_its_own_tolerance(deep: Candidate) -> None:
    model = deep.load("server-cpu-int8")
    golden_check(model)
    golden = json.loads(model.golden)
    golden["targets"]["server-cpu-int8"]["columns"][4] = [0.5, 0.5]
    with pytest.raises(Refused, match="case 5 of 32: a probability differs"):
        golden_check(with_golden(model, golden))


def with_golden(model: Any, golden: dict[str, Any]) -> Any:
    return replace(model, golden=json.dumps(golden).encode())


def evidence(candidate: Candidate, **rows: bool) -> bytes:
    listed = {name: {"validated": rows.get(name.replace("-", "_"), True)} for name in candidate.manifest.targets}
    gate = {"name": "targets.server-cpu-int8: flips", "limit": "at most 0.01", "value": 0.0, "passed": True}
    document = {
        "release": {"digest": candidate.digest}, "gates": [gate], "verdict": "accepted", "targets": listed,
    }  # fmt: skip
    return json.dumps(document).encode()


def test_sign_names_the_target_that_is_not_validated(deep: Candidate, tmp_path: Path) -> None:
    key, _ = keygen(tmp_path / "keys")
    ready = attach(deep, evidence(deep, server_gpu=False), "<p>report</p>", "# card")
    with pytest.raises(GateFailed, match=r"the target server-gpu is not validated.*bedside drop CANDIDATE server-gpu"):
        sign(ready, key, tmp_path / "release", "Eve")
    assert not (tmp_path / "release").exists()
    sign(attach(deep, evidence(deep), "<p>report</p>", "# card"), key, tmp_path / "release", "Eve")


def test_sign_names_the_target_that_lost_too_much(deep: Candidate, tmp_path: Path) -> None:
    key, _ = keygen(tmp_path / "keys")
    document = json.loads(evidence(deep))
    document["gates"][0] |= {"value": 0.02, "passed": False}
    ready = attach(deep, json.dumps(document).encode(), "<p>report</p>", "# card")
    with pytest.raises(GateFailed, match=r"the target server-cpu-int8 failed: .*flips \(limit at most 0.01, value"):
        sign(ready, key, tmp_path / "release", "Eve")


def test_drop_packs_the_rest_anew(small: ModuleType, deep: Candidate, tmp_path: Path) -> None:
    attach(deep, evidence(deep), "<p>report</p>", "# card")
    left = drop(open_candidate(deep.folder), "server-gpu")
    assert set(left.manifest.targets) == {"server-cpu", "server-cpu-int8"}
    assert left.digest != deep.digest
    assert not {"model.fp16.onnx", "evidence.json", "report.html"} & set(left.files)
    assert "Not validated" in left.files["card.md"].decode()
    golden_check(left.load("server-cpu-int8"))
    never = pack(small.deep_parts("server-cpu-int8"), tmp_path / "never-had-it")
    assert left.manifest == never.manifest
    assert left.files.keys() == never.files.keys()
    texts = {"manifest.json", "card.md"}  # a manifest that was read says 18.0 where one made by hand says 18
    assert {n: c for n, c in left.files.items() if n not in texts} == {
        n: c for n, c in never.files.items() if n not in texts
    }


@pytest.mark.parametrize(
    ("target", "error", "words"),
    [
        ("server-cpu", UsageError, "it stays"),
        ("phone", NotFound, "It has: server-cpu-int8, server-gpu"),
    ],
)
def test_what_cannot_be_dropped(deep: Candidate, target: str, error: type[Exception], words: str) -> None:
    before = open_candidate(deep.folder).files
    with pytest.raises(error, match=words):
        drop(deep, target)
    assert open_candidate(deep.folder).files == before


def test_a_release_is_not_changed(deep: Candidate, tmp_path: Path) -> None:
    key, _ = keygen(tmp_path / "keys")
    sign(attach(deep, evidence(deep), "<p>report</p>", "# card"), key, tmp_path / "release", "Eve")
    with pytest.raises(Conflict, match="is signed"):
        drop(open_candidate(tmp_path / "release"), "server-gpu")


def test_an_earlier_candidate_with_targets_is_replaced_and_a_stranger_is_not(
    small: ModuleType, deep: Candidate, tmp_path: Path
) -> None:
    pack(small.parts(), deep.folder)
    assert set(open_candidate(deep.folder).manifest.targets) == {"server-cpu"}
    (deep.folder / "notes.txt").write_text("mine")
    with pytest.raises(Conflict, match="no candidate"):
        pack(small.parts(), deep.folder)


def test_what_a_target_costs_is_measured_in_a_process_that_takes_nothing_from_the_folder_it_runs_in(
    deep: Candidate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    for name in ("numpy", "msgspec", "onnxruntime"):
        (here / f"{name}.py").write_text(f"open({str(here / 'ran')!r}, 'w')")
    monkeypatch.chdir(here)
    found = footprint(deep, "server-cpu-int8")
    assert found is not None
    assert 0 < found.latency < 1
    assert found.memory is None or found.memory > 0
    assert found.version == version("onnxruntime")
    assert not (here / "ran").exists()
    assert footprint(deep, "server-cpu-int4") is None


def test_half_precision_stays_out_of_branches() -> None:
    """A value that a branch takes from outside stays in single precision: the branch is not converted."""
    value = helper.make_tensor_value_info
    branch = helper.make_graph(
        [helper.make_node("Add", ["layer", "layer"], ["twice"])], "b", [], [value("twice", TensorProto.FLOAT, None)]
    )
    other = helper.make_graph(
        [helper.make_node("Identity", ["layer"], ["once"])], "o", [], [value("once", TensorProto.FLOAT, None)]
    )
    rng = np.random.default_rng(0)
    weights = {"w1": (3, 4), "w2": (4, 4), "w3": (4, 2)}
    held = [numpy_helper.from_array(rng.normal(size=s).astype(np.float32), n) for n, s in weights.items()]
    held += [numpy_helper.from_array(np.array(True), "yes"), numpy_helper.from_array(np.array([1]), "axis")]
    nodes = [
        helper.make_node("MatMul", ["values", "w1"], ["layer"]),
        helper.make_node("If", ["yes"], ["chosen"], then_branch=branch, else_branch=other),
        helper.make_node("MatMul", ["chosen", "w2"], ["next"]),
        helper.make_node("MatMul", ["next", "w3"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probability"], axis=-1),
        helper.make_node("ReduceL2", ["values", "axis"], ["distance"], keepdims=0),
    ]
    outputs = [value("probability", TensorProto.FLOAT, ["n", 2]), value("distance", TensorProto.FLOAT, ["n"])]
    graph = helper.make_graph(nodes, "g", [value("values", TensorProto.FLOAT, ["n", 3])], outputs, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    values = rng.normal(size=(5, 3))
    shape = {"variables": 3, "classes": 2, "where": ""}
    exact = CPU.load(model.SerializeToString(), **shape)(values).columns
    assert in_half_precision(model)
    onnx.checker.check_model(model, full_check=True)
    assert [n for n, a in initialisers(model).items() if a.dtype == np.float16] == ["w2_half"]
    np.testing.assert_allclose(CPU.load(model.SerializeToString(), **shape)(values).columns, exact, atol=5e-3)
