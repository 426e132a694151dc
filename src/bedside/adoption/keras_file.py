"""Keras, ``.keras`` and ``.h5``: read as data, opened by Keras 3 on its torch backend, exported by torch."""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from bedside.adoption.keras_config import layers_in_words, refuse_programs, trained_with
from bedside.adoption.original import Asked, Format, Original, Predict
from bedside.adoption.plain_graph import plain_graph
from bedside.adoption.plain_words import plain
from bedside.adoption.torch_graph import quiet, torch_graph
from bedside.errors import DataError, MissingExtra

MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
LARGEST = 2 * 1024**3
HDF5 = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class _Saved:
    """A file as data: the model's configuration, what it was compiled with, which version of Keras wrote it."""

    config: Mapping[str, Any]
    compiled: Any
    version: str
    backend: str
    saved: str


def read(path: Path, asked: Asked) -> Original:
    """A Keras model of one flat row for each patient.

    The file is read once; what was judged is what Keras opens, in safe mode, from a private copy. It is not compiled:
    loss and optimiser stay unread.

    Raises
    ------
    DataError: it is no whole Keras model; it holds a program, a custom object or a link to another file; it takes or
        gives something else than one row of numbers; Keras or the exporter cannot read it.
    MissingExtra: Keras is not installed.
    """
    content = path.read_bytes()
    saved = _saved(content, where=str(path))
    refuse_programs(saved.config, where=str(path))
    model = _opened(content, path)
    width, columns = _shapes(model, asked, str(path))
    predict = _predict(model)
    graph = plain_graph(torch_graph(_module(model), width, where=str(path)), asked, where=str(path))
    return Original(
        graph=graph.graph,
        width=width,
        columns=columns,
        predict=predict,
        parameters=int(model.count_params()),
        facts={
            "written by": f"Keras {saved.version}" + (f" on {saved.backend}" if saved.backend else ""),
            "saved": saved.saved or "unknown",
            "layers": layers_in_words(saved.config),
            "compiled with": trained_with(saved.compiled),
        },
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("keras", "h5py", "onnxscript", "torch")}


def _saved(content: bytes, *, where: str) -> _Saved:
    if content[:8] == HDF5:
        return _hdf5(content, where)
    if content[:2] == b"PK":
        return _archive(content, where)
    raise DataError("is no Keras file: neither HDF5 nor a .keras archive", where=where)


def _archive(content: bytes, where: str) -> _Saved:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [one.filename for one in archive.infolist()]
            strange = sorted(set(names) - MEMBERS)
            if strange or len(names) != len(MEMBERS):
                listed = ", ".join(strange[:4]) or "it lacks " + ", ".join(sorted(MEMBERS - set(names)))
                raise DataError(f"holds more or less than a plain model: {listed}", where=where)
            if sum(one.file_size for one in archive.infolist()) > LARGEST:
                raise DataError("unpacks to more than 2 GiB", where=where)
            config = json.loads(archive.read("config.json"))
            metadata = json.loads(archive.read("metadata.json"))
            weights = archive.read("model.weights.h5")
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError, RecursionError) as error:
        raise DataError(f"cannot be read as a .keras archive: {error}", where=where) from error
    with _h5(weights, where) as file:
        _refuse_links(file, where)
    if not isinstance(config, dict) or not isinstance(metadata, dict):
        raise DataError("its configuration is no JSON object", where=where)
    return _Saved(
        config=config,
        compiled=config.get("compile_config"),
        version=plain(metadata.get("keras_version")) or "unknown",
        backend="",
        saved=str(metadata.get("date_saved", ""))[:10] if plain(str(metadata.get("date_saved", ""))[:4]) else "",
    )


def _hdf5(content: bytes, where: str) -> _Saved:
    with _h5(content, where) as file:
        _refuse_links(file, where)
        attributes = {name: _text(file.attrs[name]) for name in file.attrs}
    if "model_config" not in attributes:
        raise DataError(
            "holds weights without a model", where=where, remedy="Save the whole model: model.save('my_model.keras')"
        )
    try:
        config = json.loads(attributes["model_config"])
        compiled = json.loads(attributes.get("training_config", "null"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"its configuration cannot be read: {error}", where=where) from error
    if not isinstance(config, dict):
        raise DataError("its configuration is no JSON object", where=where)
    return _Saved(
        config=config,
        compiled=compiled,
        version=plain(attributes.get("keras_version")) or "unknown",
        backend=plain(attributes.get("backend")),
        saved="",
    )


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _h5(content: bytes, where: str) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtra("h5py", "keras") from error
    try:
        return h5py.File(io.BytesIO(content), "r")
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read as HDF5: {error}", where=where) from error


def _refuse_links(group: Any, where: str) -> None:
    """HDF5 can point at other files, in four ways; a model holds its own numbers."""
    import h5py

    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise DataError(f"`{name}` is a link; a model holds its own numbers", where=where)
        one = group[name]
        if isinstance(one, h5py.Group):
            _refuse_links(one, where)
        elif isinstance(one, h5py.Dataset) and (one.external or one.is_virtual):
            raise DataError(f"`{name}` is kept in another file", where=where)


def _opened(content: bytes, path: Path) -> Any:
    keras = _keras()
    with tempfile.TemporaryDirectory(prefix="bedside-") as folder:
        private = Path(folder) / ("model.h5" if content[:8] == HDF5 else "model.keras")
        private.write_bytes(content)
        try:
            with quiet():
                return keras.saving.load_model(private, compile=False, safe_mode=True)
        except Exception as error:  # Keras raises whatever its layers raise
            text = " ".join(str(error).replace(str(private), path.name).split())[:200]
            raise DataError(
                f"Keras cannot open it: {text}",
                where=str(path),
                remedy="A custom object cannot be adopted; export the model to ONNX where it was trained",
            ) from error


def _keras() -> Any:
    """Keras on torch, with none of the settings that it keeps in a home folder: it reads both once, when imported."""
    asked = {name: os.environ.get(name) for name in ("KERAS_BACKEND", "KERAS_HOME")}
    try:
        with quiet(), tempfile.TemporaryDirectory(prefix="bedside-") as home:
            os.environ |= {"KERAS_BACKEND": "torch", "KERAS_HOME": home}
            import keras
    except ImportError as error:
        raise MissingExtra("keras", "keras") from error
    finally:
        for name, value in asked.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
    if keras.backend.backend() != "torch":
        raise DataError(
            f"Keras was started on {keras.backend.backend()} already",
            where="KERAS_BACKEND",
            remedy="Set KERAS_BACKEND=torch before Keras is imported",
        )
    return keras


def _shapes(model: Any, asked: Asked, where: str) -> tuple[int, int]:
    try:
        taken, given = [tuple(one.shape) for one in model.inputs], [tuple(one.shape) for one in model.outputs]
    except (AttributeError, ValueError, TypeError) as error:
        raise DataError(
            "was never built: the file does not say how many inputs it takes", where=where, remedy="Save it after fit()"
        ) from error
    for what, shapes in (("inputs", taken), ("outputs", given)):
        if len(shapes) != 1:
            raise DataError(
                f"has {len(shapes)} {what}; one matrix with a row for each patient can be adopted", where=where
            )
    if len(taken[0]) != 2:
        shape = ", ".join("n" if one is None else str(one) for one in taken[0])
        raise DataError(
            f"takes rows of the shape [{shape}]; a model of one flat row for each patient, [n, {asked.width}], can be "
            "adopted",
            where=where,
        )
    if len(given[0]) != 2:
        shape = ", ".join("n" if one is None else str(one) for one in given[0])
        raise DataError(f"gives [{shape}]; one row of numbers for each patient can be adopted", where=where)
    return int(taken[0][1]), int(given[0][1])


def _predict(model: Any) -> Predict:
    def predict(rows: Float[np.ndarray, "row input"]) -> Float[np.ndarray, "row output"]:
        import torch

        with torch.no_grad(), quiet():
            found = model(torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32)), training=False)
        return np.asarray(found.detach().cpu().numpy(), dtype=np.float64)

    return predict


def _module(model: Any) -> Any:
    import torch

    class Inference(torch.nn.Module):  # the exporter takes a module of its own, called for inference
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Any) -> Any:
            return self.model(x, training=False)

    return Inference().eval()


FORMAT = Format(name="Keras", suffixes=(".keras", ".h5", ".hdf5"), read=read)
