"""An ONNX model becomes a candidate: what it takes, what it gives, and that the graph equals it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from elsewhere import INTERCEPT, SEX, STUDY, WEIGHTS, linear, logit

import bedside
from bedside.errors import DataError, StudyError, UsageError
from bedside.release import open_candidate

Write = Callable[..., Path]
BINARY = np.stack([0 * WEIGHTS, WEIGHTS], axis=1)


def _risk(age: Any, chol: Any, marker: Any) -> Any:
    return 1 / (1 + np.exp(-logit(age, chol, marker)))


def _patients() -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.stack([rng.uniform(20, 100, 50), rng.uniform(60, 600, 50), rng.normal(0, 1, 50)], axis=1)


def test_the_candidate_answers_what_the_model_answers(study: Write, true_model: Path, tmp_path: Path) -> None:
    adopted = bedside.adopt(true_model, study(), out=tmp_path / "c")
    candidate = open_candidate(tmp_path / "c")
    values = _patients()
    answered = candidate.load().predict(values).columns[:, 1]
    assert np.abs(answered - _risk(*values.T)).max() < 1e-6
    origin = candidate.manifest.adopted
    assert origin is not None and origin.proof == adopted.adopted
    assert origin.proof.random == 1000 and origin.proof.edge == 6 + 5 * 3 and origin.proof.largest <= 1e-5
    assert origin.trained_on is None and not origin.recalibrated
    assert candidate.manifest.network.packed == "adopted"
    assert "On whom it was trained: unknown" in candidate.files["card.md"].decode()


def test_the_bytes_that_were_proved_are_those_that_are_packed(
    study: Write, true_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bedside.adoption import adoption

    proved = []
    honest = adoption.proved
    monkeypatch.setattr(adoption, "proved", lambda *given, **more: (proved.append(given[1]), honest(*given, **more))[1])
    bedside.adopt(true_model, study(), out=tmp_path / "c")
    assert proved == [open_candidate(tmp_path / "c").files["model.onnx"]]


def test_packing_twice_gives_the_same_digest(study: Write, true_model: Path, tmp_path: Path) -> None:
    path = study()
    first = bedside.adopt(true_model, path, out=tmp_path / "one")
    assert bedside.adopt(true_model, path, out=tmp_path / "deep" / "two").digest == first.digest


def test_it_is_validated_signed_and_said_what_is_unknown(study: Write, true_model: Path, tmp_path: Path) -> None:
    bedside.adopt(true_model, study(), out=tmp_path / "c")
    validated = bedside.validate(tmp_path / "c")
    told = {one.code for one in validated.evidence.warned}
    assert {"training-unknown", "maybe-seen"} <= told
    assert "floor-packed" not in told
    release = validated.evidence.release
    assert release.adopted is not None and release.adopted.proof.largest <= 1e-5
    report = Path(validated.report).read_text()
    assert "On whom it was trained</dt><dd>unknown" in report and "Largest difference of a probability" in report
    keys = bedside.keygen(out=tmp_path / "keys")
    bedside.sign(tmp_path / "c", key=keys.private, out=tmp_path / "r")
    assert bedside.verify(tmp_path / "r", key=keys.public).name == "adopted"


def test_what_the_author_knows_is_said_as_their_statement(study: Write, true_model: Path, tmp_path: Path) -> None:
    said = '[adoption]\ntrained_on = "5000 adults of three clinics"\ntrained_how = "by hand"\nunseen = true'
    bedside.adopt(true_model, study(said), out=tmp_path / "c")
    validated = bedside.validate(tmp_path / "c")
    assert not {"training-unknown", "maybe-seen"} & {one.code for one in validated.evidence.warned}
    assert "5000 adults of three clinics (as the study states)" in Path(validated.report).read_text()


def test_recalibration_makes_a_new_version_and_mends_the_level(study: Write, tmp_path: Path) -> None:
    model = tmp_path / "off.onnx"
    model.write_bytes(linear(BINARY * 2, [0.0, 2 * INTERCEPT + 2]))
    path = study()
    bedside.adopt(model, path, out=tmp_path / "plain")
    bedside.adopt(model, path, out=tmp_path / "again", recalibrate=True)
    plain, again = open_candidate(tmp_path / "plain"), open_candidate(tmp_path / "again")
    assert (plain.manifest.version, again.manifest.version) == ("1.0.0", "1.0.0+recalibrated")
    values = _patients()
    off = np.abs(plain.load().predict(values).columns[:, 1] - _risk(*values.T)).mean()
    mended = np.abs(again.load().predict(values).columns[:, 1] - _risk(*values.T)).mean()
    assert mended < off / 2
    assert again.manifest.adopted is not None and again.manifest.adopted.recalibrated


def test_order_units_codes_scale_and_log_become_part_of_the_graph(study: Write, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    weights = np.array([[0.5], [0.9], [0.7], [-0.4], [0.3]])
    model.write_bytes(linear(weights, [-0.2], end="Sigmoid"))
    text = STUDY.replace("[outcome]", f"{SEX}\n[outcome]")
    said = """
[adoption]
order = ["chol", "sex", "age", "sex = f", "marker"]
[adoption.inputs]
chol = { unit = "g/L", transform = "log10", subtract = 0.3, divide = 0.1 }
age = { unit = "mo", subtract = 720, divide = 120 }
sex = { codes = { f = 3, m = 5 } }
"""
    bedside.adopt(model, study(said, text=text), out=tmp_path / "c")
    values = np.concatenate([_patients(), np.tile([[0.0], [1.0]], (25, 1))], axis=1)
    age, chol, marker, sex = values.T
    taken = [(np.log10(chol / 100) - 0.3) / 0.1, 3 + 2 * sex, (age * 12 - 720) / 120, sex == 0, marker]
    expected = 1 / (1 + np.exp(-(np.stack(taken, axis=1) @ weights[:, 0] - 0.2)))
    answered = open_candidate(tmp_path / "c").load().predict(values).columns[:, 1]
    assert np.abs(answered - expected).max() < 1e-5


def test_one_hot_is_in_the_order_of_the_categories(study: Write, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(linear([[0.05], [0.0], [0.5], [1.0], [-1.0]], [-3.0], end="Sigmoid"))
    said = "[adoption.inputs]\nsex = { one_hot = true }\n"
    text = STUDY.replace("[outcome]", f"{SEX}\n[outcome]")
    bedside.adopt(model, study(said, text=text), out=tmp_path / "c")
    answered = open_candidate(tmp_path / "c").load().predict(np.array([[60.0, 200, 0, 0], [60.0, 200, 0, 1]]))
    assert np.abs(answered.columns[:, 1] - 1 / (1 + np.exp([-1.0, 1.0]))).max() < 1e-6


def test_a_unit_with_an_offset_is_converted(study: Write, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(linear([[0.0], [0.0], [0.1]], [-4.0], end="Sigmoid"))
    text = STUDY.replace("[predictors.marker]", '[predictors.marker]\nunit = "Cel"\nrange = [-20, 20]')
    bedside.adopt(model, study('[adoption.inputs]\nmarker = { unit = "[degF]" }', text=text), out=tmp_path / "c")
    answered = open_candidate(tmp_path / "c").load().predict(np.array([[60.0, 200, 10], [60.0, 200, -20]]))
    expected = 1 / (1 + np.exp(-(0.1 * np.array([50.0, -4.0]) - 4)))
    assert np.abs(answered.columns[:, 1] - expected).max() < 1e-6


@pytest.mark.parametrize(
    ("said", "unknown"),
    [
        ("sex = { one_hot = true, fill = 'm' }", 1.0),
        ("sex = { one_hot = true, fill = 'f' }", -1.0),
        ("sex = { codes = { f = -1, m = 1 }, fill = 'm' }", 1.0),
    ],
)
def test_an_unknown_category_is_filled(study: Write, tmp_path: Path, said: str, unknown: float) -> None:
    model = tmp_path / "m.onnx"
    weights = [[0.05], [0.0], [0.5], [-1.0], [1.0]] if "one_hot" in said else [[0.05], [0.0], [0.5], [1.0]]
    model.write_bytes(linear(weights, [-3.0], end="Sigmoid"))
    text = STUDY.replace("[outcome]", f"{SEX}\n[outcome]")
    more = f"[adoption.inputs]\nage = {{ fill = 60 }}\nchol = {{ fill = 200 }}\nmarker = {{ fill = 0 }}\n{said}"
    bedside.adopt(model, study(more, text=text), out=tmp_path / "c")
    answered = open_candidate(tmp_path / "c").load().predict(np.full((1, 4), np.nan)).columns[0, 1]
    assert answered == pytest.approx(1 / (1 + np.exp(-unknown)), abs=1e-6)


def test_without_a_fill_a_patient_with_something_unknown_gets_no_estimate(
    study: Write, true_model: Path, tmp_path: Path
) -> None:
    bedside.adopt(true_model, study(unknown=0.1), out=tmp_path / "c")
    assert open_candidate(tmp_path / "c").manifest.missing_limit == 0.0
    validated = bedside.validate(tmp_path / "c")
    assert validated.evidence.abstentions.reasons["too-much-missing"] > 0


@pytest.mark.parametrize(
    ("said", "filled"),
    [
        ('[adoption]\nunknown = "median"', None),
        ("[adoption.inputs]\nage = { fill = 50 }\nchol = { fill = 333 }\nmarker = { fill = 0 }", 333.0),
    ],
)
def test_a_declared_fill_is_part_of_the_graph(
    study: Write, true_model: Path, tmp_path: Path, said: str, filled: float | None
) -> None:
    bedside.adopt(true_model, study(said, unknown=0.1), out=tmp_path / "c")
    candidate = open_candidate(tmp_path / "c")
    assert candidate.manifest.missing_limit >= 0.5
    answered = candidate.load().predict(np.array([[60.0, np.nan, 0.0]])).columns[0, 1]
    if filled is None:
        assert _risk(60, 190, 0) < answered < _risk(60, 230, 0)
    else:
        assert answered == pytest.approx(_risk(60, filled, 0), abs=1e-6)


def test_a_single_column_can_be_the_probability_of_the_other_class(study: Write, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(linear(-WEIGHTS[:, None], [-INTERCEPT], end="Sigmoid"))
    with pytest.raises(StudyError, match="wrong way round"):
        bedside.adopt(model, study(), out=tmp_path / "c")
    bedside.adopt(model, study('[adoption]\nclasses = ["no"]'), out=tmp_path / "c")
    answered = open_candidate(tmp_path / "c").load().predict(_patients()).columns[:, 1]
    assert np.abs(answered - _risk(*_patients().T)).max() < 1e-6


def test_columns_in_another_order_and_logits(study: Write, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(linear(BINARY[:, ::-1], [INTERCEPT, 0.0], end=""))
    said = '[adoption]\nclasses = ["yes", "no"]\noutputs = "logits"'
    bedside.adopt(model, study(said), out=tmp_path / "c")
    answered = open_candidate(tmp_path / "c").load().predict(_patients()).columns[:, 1]
    assert np.abs(answered - _risk(*_patients().T)).max() < 1e-6


def test_double_precision_is_adopted(study: Write, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(linear(BINARY, [0.0, INTERCEPT], double=True))
    bedside.adopt(model, study(), out=tmp_path / "c")
    answered = open_candidate(tmp_path / "c").load().predict(_patients()).columns[:, 1]
    assert np.abs(answered - _risk(*_patients().T)).max() < 1e-6


REFUSED = {
    "not probabilities": (linear(BINARY, [0.0, INTERCEPT], end=""), "", "no probabilities: they run from"),
    "do not sum to 1": (linear(BINARY, [0.0, INTERCEPT], end="Sigmoid"), "", "rows do not sum to 1"),
    "probabilities as logits": (
        linear(BINARY, [0.0, INTERCEPT]), '[adoption]\noutputs = "logits"', "probabilities already",
    ),
    "too wide": (linear(np.zeros((4, 2)), [0.0, 0.0]), "", "takes 4 numbers for each patient, and the study gives"),
    "three classes": (linear(np.zeros((3, 3)), [0.0, 0, 0]), "", "gives 3 numbers for each patient, and the study"),
    "images": (linear(BINARY, [0.0, 0.0], inputs=("n", 28, 28, 3)), "", "has the shape [n, 28, 28, 3]"),
    "one at a time": (linear(BINARY, [0.0, INTERCEPT], inputs=(1, None)), "", "takes 1 patient at a time"),
    "no such output": (linear(BINARY, [0.0, INTERCEPT]), '[adoption]\noutput = "q"', "has no output 'q'"),
    "no model": (b"\x08\x07 nothing", "", "is not a valid ONNX model"),
    "takes no nan": (linear(BINARY, [0.0, INTERCEPT]), '[adoption]\nunknown = "model"', "the model gives no number"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_one_clear_error_each(study: Write, tmp_path: Path, case: str) -> None:
    content, said, expected = REFUSED[case]
    model = tmp_path / "m.onnx"
    model.write_bytes(content)
    with pytest.raises((DataError, StudyError)) as refused:
        bedside.adopt(model, study(said), out=tmp_path / "c")
    assert expected in str(refused.value) and refused.value.where
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("opset", [9, 11, 17, 21, 22])
def test_operator_sets_of_every_age(study: Write, tmp_path: Path, opset: int) -> None:
    import onnx

    model = onnx.load_model_from_string(linear(BINARY, [0.0, INTERCEPT]))
    model.opset_import[0].version = opset
    model.graph.node[2].attribute.append(onnx.helper.make_attribute("axis", 1))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    bedside.adopt(tmp_path / "m.onnx", study(), out=tmp_path / "c")
    answered = open_candidate(tmp_path / "c").load().predict(_patients()).columns[:, 1]
    assert np.abs(answered - _risk(*_patients().T)).max() < 1e-6


def test_a_module_is_asked_for_in_vain(study: Write, true_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ONNX files hold the whole model"):
        bedside.adopt(true_model, study(), out=tmp_path / "c", module="net.py:Net")


def _two_outputs(*, zipped: bool = False) -> bytes:
    """Label, scores and probabilities, as scikit-learn's converter gives them; or a map for each patient."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load_model_from_string(linear(BINARY, [0.0, INTERCEPT]))
    graph = model.graph
    graph.node.append(helper.make_node("ArgMax", ["p"], ["label"], axis=1, keepdims=0))
    graph.output.insert(0, helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]))
    if zipped:
        graph.node.append(helper.make_node("ZipMap", ["p"], ["maps"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]))
        value = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
        kind = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.INT64, value))
        del graph.output[1]
        graph.output.append(helper.make_value_info("maps", kind))
        model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
    else:
        graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 2]))
    return bytes(model.SerializeToString())


def test_one_of_several_outputs_is_named(study: Write, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(_two_outputs())
    with pytest.raises(DataError, match=r"2 outputs that could be meant \(p, z\)"):
        bedside.adopt(tmp_path / "m.onnx", study(), out=tmp_path / "c")
    bedside.adopt(tmp_path / "m.onnx", study('[adoption]\noutput = "p"'), out=tmp_path / "c")
    answered = open_candidate(tmp_path / "c").load().predict(_patients()).columns[:, 1]
    assert np.abs(answered - _risk(*_patients().T)).max() < 1e-6


def test_of_a_map_for_each_patient_the_matrix_is_taken(study: Write, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(_two_outputs(zipped=True))
    bedside.adopt(tmp_path / "m.onnx", study(), out=tmp_path / "c")
    answered = open_candidate(tmp_path / "c").load().predict(_patients()).columns[:, 1]
    assert np.abs(answered - _risk(*_patients().T)).max() < 1e-6


def test_a_patient_s_probability_must_not_depend_on_the_others(study: Write, tmp_path: Path) -> None:
    import onnx
    from onnx import helper

    model = onnx.load_model_from_string(linear(BINARY, [0.0, INTERCEPT]))
    model.graph.node[0].input[0] = "centred"
    model.graph.node.insert(0, helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1))
    model.graph.node.insert(1, helper.make_node("Sub", ["x", "mean"], ["centred"]))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="depends on who else is asked about"):
        bedside.adopt(tmp_path / "m.onnx", study(), out=tmp_path / "c")


def test_several_inputs_are_refused(study: Write, tmp_path: Path) -> None:
    import onnx

    model = onnx.load_model_from_string(linear(BINARY, [0.0, INTERCEPT]))
    model.graph.input.append(onnx.helper.make_tensor_value_info("sex", onnx.TensorProto.FLOAT, ["n", 1]))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match=r"takes 2 inputs \(x, sex\)"):
        bedside.adopt(tmp_path / "m.onnx", study(), out=tmp_path / "c")


def test_what_a_file_says_of_itself_cannot_write_on_the_card(study: Write, tmp_path: Path) -> None:
    import onnx

    model = onnx.load_model_from_string(linear(BINARY, [0.0, INTERCEPT]))
    model.producer_name = "x\n\n# Approved for care"
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    bedside.adopt(tmp_path / "m.onnx", study(), out=tmp_path / "c")
    assert "Approved" not in open_candidate(tmp_path / "c").files["card.md"].decode()


def test_the_command_refuses_with_one_message(study: Write, tmp_path: Path, bedside: Any) -> None:
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04N.")
    done = bedside("adopt", tmp_path / "model.pkl", study(), "--out", tmp_path / "c")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"bedside: {tmp_path / 'model.pkl'}: is a pickle") and done.stderr.count("\n") == 1
    done = bedside("adopt", tmp_path / "nothing.onnx", study(), "--out", tmp_path / "c")
    assert done.returncode == 2 and "there is no such file" in done.stderr


def test_an_operator_outside_the_standard_is_named(study: Write, tmp_path: Path) -> None:
    import onnx

    model = onnx.load_model_from_string(linear(BINARY, [0.0, INTERCEPT], end=""))
    model.graph.node[2].op_type, model.graph.node[2].domain = "SecretSauce", "com.example"
    model.opset_import.append(onnx.helper.make_opsetid("com.example", 1))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match=r"operators outside the ONNX standard: com\.example\.SecretSauce"):
        bedside.adopt(tmp_path / "m.onnx", study(), out=tmp_path / "c")


def test_tensors_in_other_files_are_not_read(study: Write, tmp_path: Path) -> None:
    import onnx

    model = onnx.load_model_from_string(linear(BINARY, [0.0, INTERCEPT]))
    (tmp_path / "secret").write_bytes(b"\0" * 64)
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], location="secret")
    model.graph.initializer[0].ClearField("raw_data")
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="kept in another file"):
        bedside.adopt(tmp_path / "m.onnx", study(), out=tmp_path / "c")


class _Marks:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("name", ["model.pkl", "model.joblib", "model.onnx", "model.bin"])
def test_a_pickle_is_refused_and_never_opened(study: Write, tmp_path: Path, name: str) -> None:
    import pickle

    (tmp_path / name).write_bytes(pickle.dumps(_Marks(tmp_path / "ran")))
    with pytest.raises(UsageError, match=r"is a pickle: .* skops or ONNX"):
        bedside.adopt(tmp_path / name, study(), out=tmp_path / "c")
    assert not (tmp_path / "ran").exists()


def test_an_unknown_file_is_told_what_there_is(study: Write, tmp_path: Path) -> None:
    (tmp_path / "model.txt2").write_text("hello")
    with pytest.raises(UsageError, match=r"no format that can be adopted.*ONNX \(\.onnx\)"):
        bedside.adopt(tmp_path / "model.txt2", study(), out=tmp_path / "c")


def test_a_graph_that_does_not_equal_the_original_is_refused(
    study: Write, true_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bedside.adoption import onnx_file

    honest = onnx_file.read

    def other(path: Path, asked: Any) -> Any:
        original = honest(path, asked)
        return dataclasses.replace(original, predict=lambda rows: original.predict(rows * 1.0001))

    monkeypatch.setattr(onnx_file, "FORMAT", dataclasses.replace(onnx_file.FORMAT, read=other))
    with pytest.raises(DataError, match=r"the graph does not equal the original: .* rows differ"):
        bedside.adopt(true_model, study(), out=tmp_path / "c")


def _stump(at: float) -> bytes:
    """A tree of one split: age <= ``at`` → .2, else .7."""
    from onnx import TensorProto, helper

    split = helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["p"], domain="ai.onnx.ml", n_targets=1, post_transform="NONE",
        nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[0, 0, 0], nodes_values=[at, 0.0, 0.0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0],
        nodes_missing_value_tracks_true=[1, 0, 0],
        target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0], target_weights=[0.2, 0.7],
    )  # fmt: skip
    graph = helper.make_graph(
        [split],
        "stump",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", 1])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def _strict(rows: np.ndarray, at: float) -> np.ndarray:
    """The same tree with < in place of <=, as another framework may hold it."""
    return np.where(rows[:, :1].astype(np.float32) < np.float32(at), 0.2, 0.7)


@pytest.mark.parametrize(("at", "apart"), [(64.0, True), (70.0, False)])
def test_rows_on_a_trees_boundary_are_counted_apart(
    study: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: float, apart: bool
) -> None:
    """64 is the middle of the declared range of age, where the edge rows lie; no row has exactly 70."""
    from bedside.adoption import onnx_file

    (tmp_path / "m.onnx").write_bytes(_stump(at))
    honest = onnx_file.read

    def other(path: Path, asked: Any) -> Any:
        rows = np.array([[at, 0, 0], [at + 1, 0, 0]])
        return dataclasses.replace(honest(path, asked), predict=lambda given: _strict(given, at), boundaries=rows)

    monkeypatch.setattr(onnx_file, "FORMAT", dataclasses.replace(onnx_file.FORMAT, read=other))
    told = bedside.adopt(tmp_path / "m.onnx", study('[adoption]\nunknown = "median"'), out=tmp_path / "c")
    proof = told.adopted
    assert proof is not None and proof.largest < 1e-6
    assert proof.boundary - 2 == proof.boundary_differing - 1
    assert (proof.boundary > 2) is apart


def test_a_tree_that_differs_elsewhere_is_refused(
    study: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bedside.adoption import onnx_file

    (tmp_path / "m.onnx").write_bytes(_stump(64.0))
    honest = onnx_file.read

    def other(path: Path, asked: Any) -> Any:
        return dataclasses.replace(honest(path, asked), predict=lambda given: _strict(given, 63.9))

    monkeypatch.setattr(onnx_file, "FORMAT", dataclasses.replace(onnx_file.FORMAT, read=other))
    with pytest.raises(DataError, match="does not equal the original"):
        bedside.adopt(tmp_path / "m.onnx", study('[adoption]\nunknown = "median"'), out=tmp_path / "c")


SAID = {
    'order = ["age", "cholesterol", "marker"]': "there is no predictor 'cholesterol'",
    'order = ["age", "age", "marker"]': "the input 'age' is listed twice",
    "order = []": "the list is empty",
    'classes = ["maybe"]': "there is no class 'maybe'",
    'classes = ["no", "no"]': "the class 'no' is listed twice",
    'unknown = "zero"': "'zero' is not among its values",
    'inputs = { chol = { unit = "kg" } }': "mg/dL",
    'inputs = { marker = { unit = "mg" } }': "'marker' has no unit to convert from",
    'inputs = { marker = { transform = "log" } }': "Declare the range of 'marker'",
    "inputs = { age = { divide = 0 } }": "nothing can be divided by 0",
    "inputs = { age = { one_hot = true } }": "'age' is a number",
    "inputs = { age = { fill = 3 } }": "'age' has a fill and 'chol' has none",
    "inputs = { nobody = { fill = 3 } }": "there is no predictor 'nobody'",
    'sequence = ["age"]': "unknown key adoption.sequence",
}


@pytest.mark.parametrize("said", SAID)
def test_what_is_declared_wrongly_is_said(study: Write, true_model: Path, tmp_path: Path, said: str) -> None:
    with pytest.raises(StudyError) as refused:
        bedside.adopt(true_model, study(f"[adoption]\n{said}"), out=tmp_path / "c")
    assert SAID[said] in str(refused.value) and "study.toml" in refused.value.where


def test_a_category_is_never_coded_by_guessing(study: Write, true_model: Path, tmp_path: Path) -> None:
    text = STUDY.replace("[outcome]", f"{SEX}\n[outcome]")
    for said in ("", '[adoption]\nunknown = "median"'):
        with pytest.raises(StudyError, match="how the model takes the categories of 'sex'"):
            bedside.adopt(true_model, study(said, text=text), out=tmp_path / "c")


def test_the_result_is_told_as_json(study: Write, true_model: Path, tmp_path: Path) -> None:
    told = msgspec.to_builtins(bedside.adopt(true_model, study(), out=tmp_path / "c"))
    assert told["adopted"]["tolerance"] == 1e-5 and told["packed"] == "adopted"
