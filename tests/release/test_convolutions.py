"""Convolutions in 8-bit integers: quantised by NNCF, run by OpenVINO; onnxruntime on the same file is the oracle."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from bedside.errors import DataError, MissingExtra, Refused
from bedside.release import Candidate, Material, golden_check, open_candidate, pack
from bedside.release.convolutions import TARGET, opened, quantised
from bedside.release.making import made_target, reference
from bedside.release.target import BY_RUNTIME, makers, target
from bedside.testing import check_target

BOTH = ("server-cpu", "server-cpu-int8")


@pytest.fixture(scope="module")
def packed(small: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Candidate:
    return pack(small.convolutional_parts(*BOTH), tmp_path_factory.mktemp("convolutions") / "candidate")


def asked(file: bytes, values: np.ndarray) -> dict[str, np.ndarray]:
    """The same file in onnxruntime."""
    session = ort.InferenceSession(file)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"values": values.astype(np.float32)}), strict=True))


def test_openvino_is_what_runs_it_and_gives_what_onnxruntime_gives(packed: Candidate, small: ModuleType) -> None:
    listed, file = packed.manifest.targets["server-cpu-int8"], packed.files["model.int8.onnx"]
    assert (listed.runtime, listed.tolerance) == ("openvino", TARGET.tolerance)
    values = small.patients(200, seed=9)
    ours, other = packed.load("server-cpu-int8").predict(values), asked(file, values)
    np.testing.assert_allclose(ours.columns, other["probability"], atol=2e-3)
    exact = packed.load("server-cpu").predict(values)
    np.testing.assert_allclose(ours.distance, exact.distance, rtol=1e-5)
    change = np.abs(ours.columns - exact.columns)
    assert 1e-6 < np.median(change) < 0.02  # weights drawn at random, so more than in a network that was trained
    golden_check(packed.load("server-cpu-int8"))


def test_weights_take_seven_bits_and_nothing_else_is_rounded(packed: Candidate) -> None:
    graph = onnx.load_model_from_string(packed.files["model.int8.onnx"]).graph
    held = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    weights = [
        held[node.input[0]] for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] in held
    ]
    assert sorted(one.shape for one in weights) == [(8, 1, 3, 3), (8, 8, 3, 3)]  # the last layer stays as it was
    assert all(one.dtype == np.int8 and np.abs(one).max() <= 64 for one in weights)
    assert "weights" not in held
    assert held["last"].dtype == np.float32


def test_a_patient_alone_is_a_patient_among_others(packed: Candidate, small: ModuleType) -> None:
    model, values = packed.load("server-cpu-int8"), small.patients(20)
    alone = np.concatenate([model.predict(row[None]).columns for row in values])
    np.testing.assert_array_equal(alone, model.predict(values).columns)
    assert model.predict(values[:0]).columns.shape == (0, alone.shape[1])
    with pytest.raises(DataError, match="rows of shape"):
        model.predict(values[:, :1])


def test_it_passes_the_check_for_plug_ins(packed: Candidate, small: ModuleType) -> None:
    check_target(TARGET, Material(packed.files["model.onnx"], packed.manifest, small.patients(50), packed.files))
    assert target(*next(iter(BY_RUNTIME))) is TARGET
    assert [one.runtime for one in makers("server-cpu-int8")] == ["openvino", "onnxruntime"]


@pytest.mark.parametrize("parts", ["deep_parts", "a line"])
def test_onnxruntime_takes_what_is_no_picture(parts: str, small: ModuleType, tmp_path: Path) -> None:
    made = small.deep_parts(*BOTH) if parts == "deep_parts" else small.convolutional_parts(*BOTH, dimensions=1)
    assert pack(made, tmp_path / "candidate").manifest.targets["server-cpu-int8"].runtime == "onnxruntime"


def test_a_runtime_that_mixes_patients_is_refused(
    packed: Candidate, small: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As OpenVINO does with one dimension; here a file that subtracts the mean of all who are asked about."""
    model = onnx.load_model_from_string(packed.files["model.onnx"])
    axis = numpy_helper.from_array(np.array([0], dtype=np.int64), "over_patients")
    place = next(at for at, node in enumerate(model.graph.node) if node.op_type == "Gemm")
    model.graph.initializer.append(axis)
    row = model.graph.node[place].input[0]
    model.graph.node[place].input[0] = "mixed"
    model.graph.node.insert(place, onnx.helper.make_node("Sub", [row, "mean_row"], ["mixed"]))
    model.graph.node.insert(place, onnx.helper.make_node("ReduceMean", [row, "over_patients"], ["mean_row"]))
    mixing = replace(target("server-cpu-int8"))
    monkeypatch.setattr(type(mixing), "make", lambda *_: model.SerializeToString())
    monkeypatch.setattr(TARGET.__class__, "make", lambda *_: None)
    given = Material(packed.files["model.onnx"], packed.manifest, small.patients(50), packed.files)
    cases = small.patients(8)
    answered = reference(given.graph, packed.manifest, Path("model.onnx"))(cases)
    with pytest.raises(DataError, match="for a patient alone differs"):
        made_target("server-cpu-int8", given, cases, answered, Path("out"))


def test_what_is_missing_is_named(
    packed: Candidate, small: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else there(name))
    with pytest.raises(MissingExtra, match=r"openvino"):
        packed.load("server-cpu-int8")
    with pytest.raises(MissingExtra, match=r"openvino"):
        pack(small.convolutional_parts(*BOTH), tmp_path / "candidate")
    pack(small.deep_parts(*BOTH), tmp_path / "deep")  # needs none


def test_nonsense_is_refused_in_one_sentence(packed: Candidate, small: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="OpenVINO cannot load it"):
        opened(b"no graph", where="model.int8.onnx")
    with pytest.raises(DataError, match="NNCF cannot quantise it"):
        quantised(b"no graph", small.patients(5), [], where="model.int8.onnx")
    with pytest.raises(DataError, match="no development patients"):
        TARGET.make(Material(packed.files["model.onnx"], packed.manifest))
    with pytest.raises(DataError, match="its output `probability` has shape"):
        TARGET.load(packed.files["model.int8.onnx"], variables=4, classes=3, where="model.int8.onnx")
    golden = packed.document("golden.json")
    other = golden["targets"]["server-cpu-int8"]["columns"][0][0]
    changed = packed.files["golden.json"].replace(repr(other).encode(), b"0.5")
    with pytest.raises(Refused, match="differs by"):
        golden_check(replace(packed.load("server-cpu-int8"), golden=changed))
    assert open_candidate(packed.folder).digest == packed.digest
