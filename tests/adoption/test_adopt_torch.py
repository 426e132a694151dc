"""PyTorch's exported programs and weights; nothing in a file is run, and the user's own module on their word alone."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from heart import patients, write_study

import bedside
from bedside.adoption import Asked, Original
from bedside.adoption.runtime import runner
from bedside.adoption.torch_program import read as read_program
from bedside.adoption.torch_weights import read as read_weights
from bedside.errors import BedsideError, DataError, UsageError
from bedside.release import open_candidate

pytest.importorskip("onnxscript", reason="keras is not installed")
pytest.importorskip("safetensors", reason="keras is not installed")

NET = """\
import torch


class Net(torch.nn.Module):
    def __init__(self, hidden: int = 8) -> None:
        super().__init__()
        self.register_buffer("usual", torch.zeros(7))
        self.steps = torch.nn.Sequential(
            torch.nn.BatchNorm1d(7),
            torch.nn.Linear(7, hidden),
            torch.nn.GELU(approximate="tanh"),
            torch.nn.Dropout(0.3),
            torch.nn.Linear(hidden, 2),
        )

    def forward(self, x):
        return torch.softmax(self.steps(torch.where(torch.isnan(x), self.usual, x)), dim=1)


def small():
    return Net(4)


number = 7


def fails():
    raise RuntimeError("not today")
"""
ANY = torch.export.Dim("patient")
Change = Callable[[dict[str, bytes]], object]


@pytest.fixture(scope="module")
def net(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A network fitted on the heart data, in inference mode, and the file that defines it."""
    path = tmp_path_factory.mktemp("net") / "net.py"
    path.write_text(NET)
    space: dict[str, Any] = {}
    exec(compile(NET, str(path), "exec"), space)
    torch.manual_seed(0)
    model = space["Net"]()
    values, ill = patients(data_dir)
    model.usual.copy_(torch.from_numpy(np.nanmedian(values, axis=0)))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        optimiser.zero_grad()
        loss = torch.nn.functional.nll_loss(torch.log(model(torch.from_numpy(values))), torch.from_numpy(ill))
        loss.backward()
        optimiser.step()
    return model.eval(), path


def export(model: Any, path: Path, rows: Any = ANY, width: int = 7) -> Path:
    shapes = None if rows is None else ({0: rows},)
    torch.export.save(torch.export.export(model, (torch.zeros(2, width),), dynamic_shapes=shapes), path)
    return path


def rows_around(width: int = 7) -> np.ndarray:
    rows = np.random.default_rng(0).normal(50, 60, (500, width)).astype(np.float32)
    rows[np.random.default_rng(1).uniform(size=rows.shape) < 0.1] = np.nan
    rows[:5] = [[-1e6], [1e6], [0.0], [-0.0], [np.nan]]
    return rows


def largest(model: Any, original: Original) -> float:
    rows = rows_around()
    with torch.no_grad():
        expected = model(torch.from_numpy(rows)).numpy().reshape(len(rows), -1)
    assert np.isfinite(expected).all() and np.abs(original.predict(rows) - expected).max() < 1e-7
    return float(np.abs(runner(original.graph, "y", where="here")(rows) - expected).max())


@pytest.mark.parametrize("rows", [torch.export.Dim("patient", min=1, max=5000), torch.export.Dim.DYNAMIC])
def test_a_program_is_equal(net: tuple[Any, Path], tmp_path: Path, rows: Any) -> None:
    original = read_program(export(net[0], tmp_path / "m.pt2", rows), Asked(width=7))
    assert (original.width, original.columns) == (7, 2)
    assert largest(net[0], original) < 1e-5
    assert original.facts["written by"].startswith(f"PyTorch {torch.__version__}")


@pytest.mark.filterwarnings("ignore:.*treespec:FutureWarning")
def test_a_program_in_core_operators_is_equal(net: tuple[Any, Path], tmp_path: Path) -> None:
    shapes = ({0: torch.export.Dim("patient")},)
    program = torch.export.export(net[0], (torch.zeros(2, 7),), dynamic_shapes=shapes).run_decompositions()
    torch.export.save(program, tmp_path / "m.pt2")
    assert largest(net[0], read_program(tmp_path / "m.pt2", Asked(width=7))) < 1e-5


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_are_equal(net: tuple[Any, Path], tmp_path: Path, suffix: str) -> None:
    path = weights(net[0].state_dict(), tmp_path / f"m{suffix}")
    original = read_weights(path, Asked(width=7, module=f"{net[1]}:Net"))
    assert largest(net[0], original) < 1e-5 and original.columns == 2
    digest = hashlib.sha256(net[1].read_bytes()).hexdigest()
    assert original.facts["module"] == f"Net of net.py, SHA-256 {digest}"


def weights(held: Any, path: Path) -> Path:
    if path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(held, path)
    else:
        torch.save(held, path)
    return path


@pytest.mark.parametrize("name", ["m.pt2", "m.pt"])
def test_it_becomes_a_candidate(net: tuple[Any, Path], data_dir: Path, tmp_path: Path, name: str) -> None:
    module = None if name == "m.pt2" else f"{net[1]}:Net"
    export(net[0], tmp_path / name) if module is None else weights(net[0].state_dict(), tmp_path / name)
    study = write_study(data_dir, tmp_path)
    study.write_text(study.read_text().replace("[adoption.inputs]", '[adoption]\nunknown = "model"\n[adoption.inputs]'))
    adopted = bedside.adopt(tmp_path / name, study, out=tmp_path / "c", module=module)
    assert adopted.adopted is not None and adopted.adopted.largest < 1e-5
    values = patients(data_dir)[0]
    served = open_candidate(tmp_path / "c").load().predict(np.where(np.arange(7) == 1, values - 1, values))
    with torch.no_grad():
        expected = net[0](torch.from_numpy(values)).numpy()
    assert np.isnan(values).any() and np.abs(served.columns - expected).max() < 1e-5


class _Marks:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


def _rewritten(path: Path, change: Change) -> None:
    """The archive with other records; names below its one folder."""
    with zipfile.ZipFile(path) as archive:
        records = {one.partition("/")[2]: archive.read(one) for one in archive.namelist()}
    change(records)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in records.items():
            archive.writestr(f"m/{name}", content)


def _saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def _text(records: dict[str, bytes], name: str, change: Callable[[Any], object]) -> None:
    document = json.loads(records[name])
    change(document)
    records[name] = json.dumps(document).encode()


def _samples(marker: Path) -> Change:
    return lambda records: records.__setitem__("data/sample_inputs/model.pt", _saved(((_Marks(marker),), {})))


def _weight(marker: Path) -> Change:
    def change(records: dict[str, bytes]) -> None:
        records["data/weights/weight_0"] = _saved(_Marks(marker))
        config = "data/weights/model_weights_config.json"
        _text(records, config, lambda one: next(iter(one["config"].values())).__setitem__("use_pickle", True))

    return change


def _constant(marker: Path) -> Change:
    def change(records: dict[str, bytes]) -> None:
        records["data/constants/opaque_obj_0"] = pickle.dumps(_Marks(marker))
        held = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
        name = "data/constants/model_constants_config.json"
        _text(records, name, lambda one: one["config"].__setitem__("c", held))

    return change


def _size(marker: Path) -> Change:
    code = f"__import__('pathlib').Path({str(marker)!r}).touch()"

    def size(document: Any) -> None:
        for one in document["graph_module"]["graph"]["tensor_values"].values():
            for held in one["sizes"]:
                if "as_expr" in held:
                    held["as_expr"]["expr_str"] = code

    return lambda records: _text(records, "models/model.json", size)


def _guard(marker: Path) -> Change:
    code = f"__import__('pathlib').Path({str(marker)!r}).touch() is None"
    return lambda records: _text(records, "models/model.json", lambda one: one.__setitem__("guards_code", [code]))


PROGRAMS = {"samples": _samples, "a weight": _weight, "a constant": _constant, "a size": _size, "a guard": _guard}


@pytest.mark.parametrize("place", PROGRAMS)
def test_a_program_within_the_program_is_never_run(net: tuple[Any, Path], tmp_path: Path, place: str) -> None:
    path, marker = export(net[0], tmp_path / "m.pt2"), tmp_path / "ran"
    _rewritten(path, PROGRAMS[place](marker))
    if place in ("samples", "a guard"):  # not needed, so left out
        assert largest(net[0], read_program(path, Asked(width=7))) < 1e-5
    else:
        with pytest.raises(DataError, match=r"as a pickle|no name, number or size"):
            read_program(path, Asked(width=7))
    assert not marker.exists()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("place", ["samples", "a weight", "a constant", "a size"])
def test_pytorch_itself_would_run_it(net: tuple[Any, Path], tmp_path: Path, place: str) -> None:
    path, marker = export(net[0], tmp_path / "m.pt2"), tmp_path / "ran"
    _rewritten(path, PROGRAMS[place](marker))
    try:
        torch.export.load(path)
    except Exception as error:  # it has run by then
        assert error
    assert marker.exists()


@pytest.mark.parametrize(
    "target",
    ["torch.os.system", "torch.hub.load", "torch.ops.aten.from_file.default", "_operator.attrgetter",
     "torch.ops.aten.linear.default.__class__", "math.sin", "#own:op", "torch.ops.own.op.default"],
)  # fmt: skip
def test_operators_of_elsewhere_are_named(net: tuple[Any, Path], tmp_path: Path, target: str) -> None:
    path = export(net[0], tmp_path / "m.pt2")

    def other(document: Any) -> None:
        document["graph_module"]["graph"]["nodes"][-1]["target"] = target

    _rewritten(path, lambda records: _text(records, "models/model.json", other))
    with pytest.raises(DataError, match="uses an operator that cannot be adopted"):
        read_program(path, Asked(width=7))


class _Two(torch.nn.Module):
    def forward(self, x: Any, y: Any) -> Any:
        return torch.sigmoid(x + y)


SHAPES: dict[str, tuple[Callable[[Path], object], str]] = {
    "two at a time": (lambda path: export(torch.nn.Linear(7, 2), path, None), "takes 2 patients at a time"),
    "images": (
        lambda path: torch.export.save(torch.export.export(torch.nn.Conv2d(1, 1, 3), (torch.zeros(2, 1, 8, 8),)), path),
        "[2, 1, 8, 8]; one matrix",
    ),
    "two inputs": (
        lambda path: torch.export.save(torch.export.export(_Two(), (torch.zeros(2, 7), torch.zeros(2, 7))), path),
        "one matrix [n, 7]",
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_programs_of_another_shape_are_refused(tmp_path: Path, shape: str) -> None:
    write, expected = SHAPES[shape]
    write(tmp_path / "m.pt2")
    with pytest.raises(DataError) as refused:
        read_program(tmp_path / "m.pt2", Asked(width=7))
    assert expected in str(refused.value)


@pytest.mark.parametrize("damage", ["cut", "no graph", "words"])
def test_a_damaged_program_is_refused(net: tuple[Any, Path], tmp_path: Path, damage: str) -> None:
    path = export(net[0], tmp_path / "m.pt2")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "no graph":
        _rewritten(path, lambda records: _text(records, "models/model.json", lambda one: one.pop("graph_module")))
    else:
        _rewritten(path, lambda records: records.__setitem__("models/model.json", b"hello"))
    with pytest.raises(BedsideError, match=r"damaged|cannot be read as an exported program"):
        read_program(path, Asked(width=7))


def test_the_wrong_width_is_said(net: tuple[Any, Path], data_dir: Path, tmp_path: Path) -> None:
    linear = torch.nn.Sequential(torch.nn.Linear(5, 2), torch.nn.Softmax(dim=1))
    export(linear, tmp_path / "m.pt2", width=5)
    with pytest.raises(DataError, match="takes 5 numbers for each patient, and the study gives it 7"):
        bedside.adopt(tmp_path / "m.pt2", write_study(data_dir, tmp_path), out=tmp_path / "c")
    weights(net[0].state_dict(), tmp_path / "m.pt")
    with pytest.raises(DataError, match="does not take rows of 5 numbers"):
        read_weights(tmp_path / "m.pt", Asked(width=5, module=f"{net[1]}:Net"))


def test_weights_without_their_module_are_refused(net: tuple[Any, Path], tmp_path: Path) -> None:
    for name in ("m.pt", "m.safetensors"):
        with pytest.raises(UsageError, match=r"holds weights without a model\. .*--module net\.py:Net"):
            read_weights(weights(net[0].state_dict(), tmp_path / name), Asked(width=7))


MODULES = {
    "Net": "is not PATH:NAME",
    "nowhere.py:Net": "there is no file nowhere.py",
    "{net}:Nobody": "does not define Nobody",
    "{net}:number": "holds no torch.nn.Module as number",
    "{net}:fails": "fails: RuntimeError: not today",
    "{net}:small": "has the shape",
    "{folder}/broken.py:Net": "fails: SyntaxError",
    "{folder}/other.py:Net": "lacks steps.0.bias",
}


@pytest.mark.parametrize("named", MODULES)
def test_a_module_that_cannot_be_had_or_does_not_fit(net: tuple[Any, Path], tmp_path: Path, named: str) -> None:
    (tmp_path / "broken.py").write_text("class Net(:\n")
    (tmp_path / "other.py").write_text("import torch\nNet = lambda: torch.nn.Linear(7, 2)\n")
    path = weights(net[0].state_dict(), tmp_path / "m.pt")
    with pytest.raises((UsageError, DataError)) as refused:
        read_weights(path, Asked(width=7, module=named.format(net=net[1], folder=tmp_path)))
    expected = MODULES[named] if "other" not in named else "does not fit the module"
    assert expected in str(refused.value) and refused.value.where


@pytest.mark.filterwarnings("ignore")
def test_pickles_of_pytorch_are_refused_with_the_way_out(net: tuple[Any, Path], data_dir: Path, tmp_path: Path) -> None:
    marker, path, study = tmp_path / "ran", tmp_path / "m.pt", write_study(data_dir, tmp_path)
    kinds: dict[str, tuple[bytes, str]] = {
        "whole": (_saved(torch.nn.Linear(7, 2)), r"is a pickled module.*Linear.*state_dict\(\)"),
        "program": (_saved({"weight": _Marks(marker)}), "is a pickled module, or holds other objects than tensors"),
        "checkpoint": (_saved({"epoch": 3, "state_dict": {}}), "is no state dict: it holds epoch, state_dict"),
        "legacy": (pickle.dumps(_Marks(marker)), "is a pickle"),
        "TorchScript": (_script(tmp_path), "is a TorchScript archive: it holds a program"),
        "nothing": (b"nothing", "cannot be read as what torch.save writes"),
    }
    for content, expected in kinds.values():
        path.write_bytes(content)
        with pytest.raises(BedsideError, match=expected):
            bedside.adopt(path, study, out=tmp_path / "c", module=f"{net[1]}:Net")
    assert not marker.exists()
    torch.load(io.BytesIO(kinds["program"][0]), weights_only=False)
    assert marker.exists()  # it would have


def _script(folder: Path) -> bytes:
    torch.jit.save(torch.jit.trace(torch.nn.Linear(7, 2), torch.zeros(2, 7)), folder / "script.pt")
    return (folder / "script.pt").read_bytes()


def test_safetensors_that_are_none(net: tuple[Any, Path], tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(b"\xff" * 40)
    with pytest.raises(DataError, match="cannot be read as safetensors"):
        read_weights(tmp_path / "m.safetensors", Asked(width=7, module=f"{net[1]}:Net"))
