"""Keras files of every age become candidates; what is in them is never run."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elsewhere import STUDY, logit

import bedside
from bedside.adoption import Asked, Original
from bedside.errors import DataError
from bedside.release import open_candidate

os.environ["KERAS_BACKEND"] = "torch"
if find_spec("keras") is None:
    pytest.skip("keras is not installed", allow_module_level=True)

from bedside.adoption.keras_file import read
from bedside.adoption.runtime import runner
from bedside.adoption.torch_graph import quiet

HERE = Path(__file__).parent
# What Keras 2.21 on TensorFlow 2.21 predicted when it wrote keras2_sequential.h5 (trained on the invented patients).
KERAS_2 = {
    (60.0, 200.0, 0.0): 0.45044073462486267,
    (35.0, 150.0, -1.5): 0.03473452851176262,
    (88.0, 300.0, 1.2): 0.9631061553955078,
    (18.0, 50.0, 0.0): 0.017010709270834923,
    (110.0, 700.0, 3.0): 0.9999420046806335,
}


@pytest.fixture(scope="module")
def keras() -> Any:
    with quiet():
        import keras

    return keras


def save(model: Any, path: Path) -> Path:
    with quiet():
        model.save(path)
    return path


def _difference(original: Original, rows: np.ndarray) -> float:
    found = runner(original.graph, "y", where="here")(rows.astype(np.float32))
    return float(np.abs(found - original.predict(rows.astype(np.float32))).max())


def _layers(keras: Any, name: str) -> Any:
    k = keras.layers
    if name == "textbook":
        return keras.Sequential([keras.Input((5,)), k.Dense(64, "relu"), k.Dense(10, "softmax")])
    if name == "everything":
        return keras.Sequential([
            keras.Input((5,)), k.Rescaling(0.1), k.Dense(8, kernel_regularizer="l2", kernel_constraint="max_norm"),
            k.BatchNormalization(), k.LeakyReLU(), k.Dropout(0.5), k.Dense(8, "elu"), k.LayerNormalization(),
            k.PReLU(), k.GaussianNoise(0.1), k.Dense(3), k.Softmax(),
        ])  # fmt: skip
    if name == "convolution":
        return keras.Sequential([
            keras.Input((5,)), k.Reshape((5, 1)), k.Conv1D(4, 3, activation="relu"), k.MaxPooling1D(2), k.Flatten(),
            k.Dense(2, "softmax"),
        ])  # fmt: skip
    inputs = keras.Input((5,))
    left, right = k.Dense(4, "tanh")(inputs), k.Dense(4, "gelu")(inputs)
    joined = k.Concatenate()([k.Add()([left, right]), k.Multiply()([left, right])])
    inner = keras.Sequential([keras.Input((8,)), k.Dense(4, "relu")])
    return keras.Model(inputs, k.Dense(1, "sigmoid")(inner(joined)))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", ["textbook", "everything", "convolution", "branches"])
def test_the_graph_of_each_kind_of_model_equals_it(keras: Any, tmp_path: Path, name: str, suffix: str) -> None:
    original = read(save(_layers(keras, name), tmp_path / f"m{suffix}"), Asked(width=5))
    rng = np.random.default_rng(0)
    extreme = np.array([[0.0] * 5, [1e-30] * 5, [1e3, -1e3, 0, 0, 0], [-50.0] * 5])
    assert _difference(original, np.concatenate([rng.normal(size=(200, 5)), extreme])) < 1e-6
    assert original.facts["written by"].startswith("Keras 3")
    assert str(tmp_path).encode() not in original.graph and b".py" not in original.graph


def test_a_file_of_keras_2_gives_what_keras_2_gave(study: Callable[..., Path], tmp_path: Path) -> None:
    bedside.adopt(HERE / "keras2_sequential.h5", study(), out=tmp_path / "c")
    candidate = open_candidate(tmp_path / "c")
    answered = candidate.load().predict(np.array(list(KERAS_2))).columns[:, 1]
    assert np.abs(answered - list(KERAS_2.values())).max() < 1e-6
    origin = candidate.manifest.adopted
    assert origin is not None and origin.proof.largest <= 1e-5
    assert origin.says["written by"] == "Keras 2.21.0 on tensorflow"
    assert origin.says["layers"] == "BatchNormalization, Dense(4, relu), Dropout, Dense(1, sigmoid)"
    truth = 1 / (1 + np.exp(-logit(60.0, 200.0, 0.0)))
    assert answered[0] == pytest.approx(truth, abs=0.1)


def test_files_for_other_hardware_are_made_of_it(study: Callable[..., Path], tmp_path: Path) -> None:
    asked = '[targets]\nnames = ["server-cpu", "server-cpu-int8"]\n[accept.targets]\nflips = 0.2\nauroc_loss = 0.1'
    bedside.adopt(HERE / "keras2_sequential.h5", study(asked), out=tmp_path / "c")
    found = bedside.validate(tmp_path / "c").evidence.targets["server-cpu-int8"]
    assert found.validated and found.largest_change is not None and 0 < found.largest_change < 0.1


def test_the_way_to_the_file_leaves_no_trace(study: Callable[..., Path], tmp_path: Path) -> None:
    deep = tmp_path / "another" / "place"
    deep.mkdir(parents=True)
    (deep / "keras2_sequential.h5").write_bytes((HERE / "keras2_sequential.h5").read_bytes())
    path = study()
    first = bedside.adopt(HERE / "keras2_sequential.h5", path, out=tmp_path / "c")
    assert bedside.adopt(deep / "keras2_sequential.h5", path, out=tmp_path / "d").digest == first.digest


def _refused(path: Path, width: int = 3) -> str:
    with pytest.raises(DataError) as refused:
        read(path, Asked(width=width))
    assert refused.value.where == str(path) and refused.value.what
    return str(refused.value)


def test_a_lambda_layer_is_refused_and_not_run(keras: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    marker = tmp_path / "ran"
    assert "has a Lambda layer ('evil')" in _refused(HERE / "keras2_lambda.h5")  # its code would touch the file "ran"
    evil = keras.layers.Lambda(lambda x: (__import__("pathlib").Path("ran").touch(), x)[1], name="evil")
    model = keras.Sequential([keras.Input((3,)), evil])
    files = [save(model, tmp_path / f"m{suffix}") for suffix in (".keras", ".h5")]
    marker.unlink()
    for path in files:
        assert "has a Lambda layer ('evil')" in _refused(path)
    assert not marker.exists()
    with quiet():  # Keras itself, told to trust the file, does run it
        keras.saving.load_model(files[0], safe_mode=False)(np.zeros((1, 3)))
    assert marker.exists()


def _changed(path: Path, change: Callable[[dict[str, Any]], None], out: Path) -> Path:
    """The same .keras file with another configuration."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(files["config.json"])
    change(config)
    files["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out


def _custom_layer(config: dict[str, Any]) -> None:
    config["config"]["layers"][1] |= {"module": "hospital.layers", "class_name": "Ours", "registered_name": "Ours"}


def _registered(config: dict[str, Any]) -> None:
    config["config"]["layers"][1] |= {"registered_name": "ours>Dense"}


def _function(config: dict[str, Any]) -> None:
    config["config"]["layers"][1]["config"]["activation"] = {
        "module": "os", "class_name": "function", "config": "system", "registered_name": "function",
    }  # fmt: skip


def _call(config: dict[str, Any]) -> None:
    config["config"]["layers"][1]["config"]["kernel_initializer"] = {
        "module": "keras.config", "class_name": "enable_unsafe_deserialization", "config": {}, "registered_name": None,
    }  # fmt: skip


def _bytecode(config: dict[str, Any]) -> None:
    config["config"]["layers"][1]["config"]["activation"] = {"class_name": "__lambda__", "config": {"value": "AAAA"}}


def _unknown_name(config: dict[str, Any]) -> None:
    config["config"]["layers"][1]["config"]["activation"] = "ours"


def _reads_a_file(config: dict[str, Any]) -> None:
    config["config"]["layers"][1] = {
        "module": "keras.layers", "class_name": "StringLookup", "registered_name": None,
        "config": {"name": "words", "vocabulary": "/etc/passwd"},
    }  # fmt: skip


def _compiled_inside(config: dict[str, Any]) -> None:
    config["config"]["layers"][1]["compile_config"] = {
        "loss": {"module": "builtins", "class_name": "function", "config": "exec", "registered_name": "function"}
    }


CHANGED: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "custom layer": (_custom_layer, "has a custom object, Ours"),
    "registered": (_registered, "has a custom object, Dense"),
    "function": (_function, "has a custom object, function"),
    "a call": (_call, "of the kind enable_unsafe_deserialization"),
    "bytecode": (_bytecode, "Lambda"),
    "unknown name": (_unknown_name, "Keras cannot open it"),
    "reads a file": (_reads_a_file, "of the kind StringLookup ('words'), which is not among"),
    "compiled inside": (_compiled_inside, "has a custom object, function"),
}


@pytest.mark.parametrize("case", CHANGED)
def test_programs_and_custom_objects_are_refused(keras: Any, tmp_path: Path, case: str) -> None:
    change, expected = CHANGED[case]
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "softmax")])
    path = _changed(save(model, tmp_path / "good.keras"), change, tmp_path / "bad.keras")
    said = _refused(path)
    assert expected in said and str(tmp_path / "tmp") not in said


def test_weights_alone_and_other_files_are_refused(keras: Any, tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["w"] = np.zeros(3)
    assert "holds weights without a model" in _refused(tmp_path / "weights.h5")
    (tmp_path / "text.h5").write_text("hello")
    assert "is no Keras file" in _refused(tmp_path / "text.h5")
    good = save(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), tmp_path / "good.keras")
    (tmp_path / "cut.keras").write_bytes(good.read_bytes()[:-200])
    assert "cannot be read as a .keras archive" in _refused(tmp_path / "cut.keras")
    with zipfile.ZipFile(good, "a") as archive:
        archive.writestr("../outside.txt", "hello")
    assert "holds more or less than a plain model: ../outside.txt" in _refused(good)


def test_weights_kept_in_another_file_are_not_read(keras: Any, tmp_path: Path) -> None:
    import h5py

    (tmp_path / "secret").write_bytes(b"\0" * 1000)
    path = save(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), tmp_path / "m.h5")
    with h5py.File(path, "r+") as file:
        file["stolen"] = h5py.ExternalLink(str(tmp_path / "secret"), "/")
    assert "`stolen` is a link" in _refused(path)
    path = save(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), tmp_path / "n.h5")
    with h5py.File(path, "r+") as file:
        file.create_dataset("far", (10,), "f4", external=[(str(tmp_path / "secret"), 0, 40)])
    assert "`far` is kept in another file" in _refused(path)


def test_shapes_that_are_no_flat_row(keras: Any, tmp_path: Path) -> None:
    k = keras.layers
    image = keras.Sequential([keras.Input((28, 28, 1)), k.Flatten(), k.Dense(2, "softmax")])
    assert "takes rows of the shape [n, 28, 28, 1]" in _refused(save(image, tmp_path / "image.keras"))
    one, two = keras.Input((2,)), keras.Input((1,))
    several = keras.Model([one, two], k.Dense(2)(k.Concatenate()([one, two])))
    assert "has 2 inputs" in _refused(save(several, tmp_path / "two.keras"))
    outputs = keras.Model(one, [k.Dense(2)(one), k.Dense(1)(one)])
    assert "has 2 outputs" in _refused(save(outputs, tmp_path / "outputs.keras"))
    rows = keras.Model(one, k.Reshape((1, 2))(one))
    assert "gives [n, 1, 2]" in _refused(save(rows, tmp_path / "rows.keras"))


def test_half_precision_is_refused(keras: Any, tmp_path: Path) -> None:
    layers = [keras.Input((3,)), keras.layers.Dense(2, "softmax", dtype="mixed_float16")]
    assert "half precision" in _refused(save(keras.Sequential(layers), tmp_path / "m.keras"))


def test_double_precision_is_adopted(keras: Any, tmp_path: Path) -> None:
    layers = [keras.Input((3,)), keras.layers.Dense(2, "softmax", dtype="float64")]
    original = read(save(keras.Sequential(layers), tmp_path / "m.keras"), Asked(width=3))
    assert _difference(original, np.random.default_rng(0).normal(size=(50, 3))) < 1e-6


def test_a_model_of_a_class_of_its_own_is_refused(keras: Any, tmp_path: Path) -> None:
    class Ours(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.layer = keras.layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.layer(x)

    model = Ours()
    model(np.zeros((1, 3), dtype=np.float32))
    assert "has a custom object, Ours (the model)" in _refused(save(model, tmp_path / "m.keras"))


def test_a_model_that_was_never_built_is_refused(keras: Any, tmp_path: Path) -> None:
    path = save(keras.Sequential([keras.layers.Dense(2)]), tmp_path / "m.keras")
    assert "was never built" in _refused(path)


def test_another_width_is_said(keras: Any, study: Callable[..., Path], tmp_path: Path) -> None:
    path = save(keras.Sequential([keras.Input((7,)), keras.layers.Dense(2, "softmax")]), tmp_path / "m.keras")
    with pytest.raises(DataError, match="takes 7 numbers for each patient, and the study gives it 3"):
        bedside.adopt(path, study(text=STUDY), out=tmp_path / "c")


def test_a_model_whose_outputs_are_no_probabilities(keras: Any, study: Callable[..., Path], tmp_path: Path) -> None:
    path = save(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), tmp_path / "m.keras")
    with pytest.raises(DataError, match="are no probabilities"):
        bedside.adopt(path, study(), out=tmp_path / "c")


def test_bytes_of_hdf5_are_looked_at_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "renamed.keras"
    path.write_bytes((HERE / "keras2_sequential.h5").read_bytes())
    assert read(path, Asked(width=3)).columns == 1
