from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import bedside.release.folder as folder_module
from bedside.errors import Conflict, DataError, NotFound, Refused, UsageError
from bedside.release import Candidate, Parts, candidate_digest, golden_check, open_candidate, pack


def replaced(parts: Parts, **changes: object) -> Parts:
    return Parts(**(vars(parts) | changes))  # type: ignore[arg-type]


def test_packed_graph_computes_the_model(small: ModuleType, candidate: Candidate) -> None:
    values = small.patients(20)
    predicted = candidate.load().predict(values)
    probability, distance = small.expected(values)
    np.testing.assert_allclose(predicted.columns, probability, atol=2e-6)
    np.testing.assert_allclose(predicted.distance, distance, rtol=1e-5)
    assert predicted.spread is None
    np.testing.assert_allclose(candidate.load(floor=True).predict(values).columns, probability, atol=2e-6)


def test_several_classes_and_spread(small: ModuleType, tmp_path: Path) -> None:
    values = small.patients(9)
    model = pack(small.parts(3, spread=True), tmp_path / "c").load()
    predicted = model.predict(values)
    np.testing.assert_allclose(predicted.columns, small.expected(values, 3)[0], atol=2e-6)
    assert predicted.spread is not None
    np.testing.assert_allclose(predicted.spread, 0.1 * predicted.columns, atol=1e-7)
    golden_check(model)


def test_large_and_empty_batches(small: ModuleType, candidate: Candidate) -> None:
    model, values = candidate.load(), small.patients(40_000)
    np.testing.assert_allclose(model.predict(values).columns, small.expected(values)[0], atol=2e-6)
    assert model.predict(np.empty((0, 4))).columns.shape == (0, 2)


def test_same_parts_same_bytes(small: ModuleType, tmp_path: Path) -> None:
    first, second = pack(small.parts(), tmp_path / "one"), pack(small.parts(), tmp_path / "elsewhere" / "two")
    assert first.files == second.files
    assert first.digest == second.digest


def test_digest_can_be_recomputed_by_others(candidate: Candidate) -> None:
    left_out = {"evidence.json", "report.html", "card.md", "signing.json", "signature.json"}
    whole = hashlib.sha256()
    for path in sorted(candidate.folder.iterdir(), key=lambda p: p.name.encode()):
        if path.name not in left_out:
            whole.update(path.name.encode() + b" " + hashlib.sha256(path.read_bytes()).hexdigest().encode() + b"\n")
    assert candidate.digest == whole.hexdigest() == candidate_digest(candidate.folder)


def test_digest_by_the_documented_shell_line(candidate: Candidate) -> None:
    assert candidate_digest.__doc__ is not None
    lines = [line.strip() for line in candidate_digest.__doc__.splitlines()]
    start = next(j for j, line in enumerate(lines) if line.startswith("ls |"))
    command = " ".join(lines[start : start + 2])
    done = subprocess.run(["bash", "-c", command], cwd=candidate.folder, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == candidate.digest


def test_nothing_of_the_machine_inside(small: ModuleType, tmp_path: Path) -> None:
    path = str(tmp_path / "secret" / "source.py")
    packed = pack(replaced(small.parts(), graph=small.graph(doc=f"{path}:12 in forward")), tmp_path / "candidate")
    assert packed.files == pack(small.parts(), tmp_path / "other").files
    for name, content in packed.files.items():
        assert str(tmp_path).encode() not in content, name
        assert b"writer" not in content, name


def test_doc_strings_inside_branches_go_too(small: ModuleType) -> None:
    from bedside.graphs import cleaned_graph

    def branch(name: str) -> onnx.GraphProto:
        node = helper.make_node("Neg", ["x"], [name], doc_string="/home/somebody/model.py")
        return helper.make_graph([node], name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"])])

    node = helper.make_node("If", ["c"], ["y"], then_branch=branch("a"), else_branch=branch("b"))
    made = helper.make_graph(
        [node],
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    assert b"somebody" in model.SerializeToString()
    assert b"somebody" not in cleaned_graph(model.SerializeToString(), where="g")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"input": "features"}, "not a valid ONNX|must be `values`"),
        ({"opset": 12}, "operator set 12|not a valid ONNX"),
    ],
)
def test_graph_off_the_contract(small: ModuleType, tmp_path: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        pack(replaced(small.parts(), graph=small.graph(**change)), tmp_path / "candidate")
    assert not list(tmp_path.iterdir())


def test_wrong_number_of_classes(small: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"`probability` must be float32 \[n, 2\]"):
        pack(replaced(small.parts(), graph=small.graph(3)), tmp_path / "candidate")


def test_no_distance(small: ModuleType, tmp_path: Path) -> None:
    model = onnx.load_model_from_string(small.graph())
    del model.graph.output[1]
    with pytest.raises(DataError, match="no output distance"):
        pack(replaced(small.parts(), graph=model.SerializeToString()), tmp_path / "candidate")


def test_not_a_graph(small: ModuleType, tmp_path: Path) -> None:
    for content in (b"", b"no graph", small.graph()[:-40]):
        with pytest.raises(DataError, match=r"model\.onnx"):
            pack(replaced(small.parts(), graph=content), tmp_path / "candidate")


def test_external_data_refused(small: ModuleType, tmp_path: Path) -> None:
    model = onnx.load_model_from_string(small.graph())
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    with pytest.raises(DataError, match="another file"):
        pack(replaced(small.parts(), graph=model.SerializeToString()), tmp_path / "candidate")


def test_foreign_operators_refused(small: ModuleType, tmp_path: Path) -> None:
    model = onnx.load_model_from_string(small.graph())
    model.graph.node[5].domain, model.graph.node[5].op_type = "com.microsoft", "Gelu"
    del model.graph.node[5].attribute[:]
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    with pytest.raises(DataError, match=r"outside the ONNX standard: com\.microsoft\.Gelu"):
        pack(replaced(small.parts(), graph=model.SerializeToString()), tmp_path / "candidate")


def test_graph_whose_rows_are_no_probabilities(small: ModuleType, tmp_path: Path) -> None:
    model = onnx.load_model_from_string(small.graph())
    model.graph.node[5].op_type = "Sigmoid"
    del model.graph.node[5].attribute[:]
    with pytest.raises(DataError, match="sums to 1"):
        pack(replaced(small.parts(), graph=model.SerializeToString()), tmp_path / "candidate")


def test_nan_in_development(small: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Use None for nan"):
        pack(replaced(small.parts(), development={"auroc": float("nan")}), tmp_path / "candidate")


def test_replaces_its_own_candidate_only(small: ModuleType, tmp_path: Path) -> None:
    out = tmp_path / "candidate"
    out.mkdir()
    first = pack(small.parts(), out)
    (out / "evidence.json").write_text("{}")
    second = pack(small.parts(version="1.0.1"), out)
    assert second.digest != first.digest
    assert not (out / "evidence.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["candidate"]
    (out / "notes.txt").write_text("mine")
    with pytest.raises(Conflict, match="no candidate"):
        pack(small.parts(), out)
    assert (out / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("what", ["file", "foreign", "link", "signed"])
def test_leaves_other_things_alone(small: ModuleType, tmp_path: Path, what: str) -> None:
    out = tmp_path / "candidate"
    if what == "file":
        out.write_text("mine")
    elif what == "foreign":
        (out / "src").mkdir(parents=True)
    elif what == "link":
        (tmp_path / "real").mkdir()
        out.symlink_to(tmp_path / "real")
    else:
        pack(small.parts(), out)
        (out / "signature.json").write_text("{}")
    with pytest.raises(Conflict):
        pack(small.parts(), out)
    assert out.exists()


def test_interrupted_writing_leaves_the_old_one(
    small: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pack(small.parts(), tmp_path / "candidate")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folder_module, "publish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack(small.parts(version="2"), tmp_path / "candidate")
    assert [path.name for path in tmp_path.iterdir()] == ["candidate"]
    assert open_candidate(tmp_path / "candidate").digest == before.digest


def test_opened_again(candidate: Candidate) -> None:
    opened = open_candidate(candidate.folder)
    assert (opened.digest, opened.manifest) == (candidate.digest, candidate.manifest)
    assert not opened.signed
    np.testing.assert_array_equal(opened.background.values, candidate.background.values)
    assert opened.document("development.json") == {"network": {"log_loss": 0.31}}
    with pytest.raises(DataError, match="is not there"):
        opened.document("evidence.json")


def test_unknown_target(candidate: Candidate) -> None:
    with pytest.raises(UsageError, match="It has: server-cpu"):
        candidate.load("phone")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_candidate(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refused, match=r"no manifest\.json"):
        open_candidate(tmp_path / "empty")


def test_every_changed_removed_or_added_file_is_named(candidate: Candidate) -> None:
    for path in sorted(candidate.folder.iterdir()):
        content = path.read_bytes()
        if path.name not in ("card.md", "manifest.json"):
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
            with pytest.raises(Refused, match=f"changed since it was packed: {path.name}"):
                open_candidate(candidate.folder)
        if path.name != "card.md":
            path.unlink()
            with pytest.raises(Refused, match=path.name):
                open_candidate(candidate.folder)
        path.write_bytes(content)
    for name in (".gitignore", ".hidden", "model.pkl"):
        (candidate.folder / name).write_text("")
        with pytest.raises(Refused, match=f"not in the manifest: {name}"):
            open_candidate(candidate.folder)
        (candidate.folder / name).unlink()
    open_candidate(candidate.folder)


def test_folders_and_links_are_refused(candidate: Candidate, tmp_path: Path) -> None:
    (candidate.folder / ".git").mkdir()
    with pytest.raises(Refused, match=r"`\.git` is a folder"):
        open_candidate(candidate.folder)
    (candidate.folder / ".git").rmdir()
    card = candidate.folder / "card.md"
    card.rename(tmp_path / "card.md")
    card.symlink_to(tmp_path / "card.md")
    with pytest.raises(Refused, match=r"`card\.md` is a link"):
        open_candidate(candidate.folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "format 2"),
        ({"surprise": 1}, "surprise"),
        ({"seed": "7"}, "seed"),
        ({"threshold": {"malignant": 0.2}}, "threshold"),
        ({"files": {}}, "not listed"),
        ({"targets": {}}, "targets"),
        ({"outputs": {"classes": ["a", "b"], "positive": "a"}}, "positive"),
        ({"conformal": {"alpha": 0.1, "quantiles": [0.5]}}, "one quantile per class"),
    ],
)
def test_manifest_is_read_strictly(candidate: Candidate, change: dict[str, object], words: str) -> None:
    path = candidate.folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=words):
        open_candidate(candidate.folder)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_json_that_does_not_parse(candidate: Candidate, content: bytes) -> None:
    (candidate.folder / "manifest.json").write_bytes(content)
    with pytest.raises(DataError, match=r"manifest\.json"):
        open_candidate(candidate.folder)
