"""TensorFlow, the folder of a SavedModel: read as data and converted by tf2onnx, in an environment of its own."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from jaxtyping import Float

from bedside.adoption.original import Asked, Format, Original, Predict
from bedside.adoption.plain_graph import plain_graph
from bedside.adoption.plain_words import plain
from bedside.environments import run
from bedside.errors import DataError

PROGRAM = Path(__file__).parent / "apart" / "in_tensorflow"
GRAPH = "saved_model.pb"
LARGEST = 2 * 1024**3
_VARIABLES = re.compile(r"variables\.(index|data-\d{5}-of-\d{5})")


def read(path: Path, asked: Asked) -> Original:
    """A SavedModel of one flat row for each patient, or with one input for each predictor, by name.

    Its graph and variables are read once; TensorFlow works on a private copy of them. Assets, and what Keras writes
    beside them, stay unread.

    Raises
    ------
    DataError: it holds an operation that does not just compute; a link; no signature that can be used; it takes or
        gives something else than one row of numbers; tf2onnx cannot convert it.
    MissingEnvironment: TensorFlow's environment was not made.
    """
    files = _files(path) | {"asked.json": _asked(asked)}
    made = _run("convert", files, ("model.onnx", "facts.json"), path)
    told = json.loads(made["facts.json"])
    graph = plain_graph(made["model.onnx"], Asked(width=told["width"]), where=str(path))
    return Original(
        graph=graph.graph,
        width=told["width"],
        columns=told["columns"],
        predict=_predict(files, path),
        parameters=graph.parameters,
        facts={
            "written by": f"TensorFlow {plain(told['tensorflow']) or 'unknown'}",
            "signature": plain(told["signature"]) or "unknown",
            "inputs": ", ".join(filter(None, map(plain, told["inputs"][:12]))) or "unknown",
            "output": plain(told["output"]) or "unknown",
        },
        versions=told["versions"],
    )


def _files(folder: Path) -> dict[str, bytes]:
    variables = folder / "variables"
    inside = sorted(variables.iterdir()) if variables.is_dir() else []
    wanted = [folder / GRAPH, *(one for one in inside if _VARIABLES.fullmatch(one.name))]
    for one in (variables, *wanted):
        if one.is_symlink():
            raise DataError("is a link; a model holds its own numbers", where=str(one))
    if sum(one.stat().st_size for one in wanted) > LARGEST:
        raise DataError("is larger than 2 GiB", where=str(folder))
    return {f"model/{one.relative_to(folder).as_posix()}": one.read_bytes() for one in wanted}


def _asked(asked: Asked) -> bytes:
    return json.dumps({"output": asked.output, "columns": asked.columns, "whole": asked.whole}).encode()


def _run(task: str, files: Mapping[str, bytes], wanted: tuple[str, ...], path: Path) -> dict[str, bytes]:
    """Run our program on these files, in a folder that lives as long as it runs; what it wrote."""
    with TemporaryDirectory(prefix="bedside-") as text:
        folder = Path(text)
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        done = run("tensorflow", PROGRAM, [task], folder)
        if (folder / "refused.json").exists():
            what, remedy = json.loads((folder / "refused.json").read_bytes())
            raise DataError(what.replace(text, path.name), where=str(path), remedy=remedy)
        if done.returncode:
            told = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            last = told[-1][:300].replace(text, path.name) if told else f"it ended with {done.returncode}"
            raise DataError(f"TensorFlow cannot read it: {last}", where=str(path))
        return {name: (folder / name).read_bytes() for name in wanted}


def _predict(files: Mapping[str, bytes], path: Path) -> Predict:
    def predict(rows: Float[np.ndarray, "row input"]) -> Float[np.ndarray, "row output"]:
        given = io.BytesIO()
        np.save(given, np.ascontiguousarray(rows, dtype=np.float32), allow_pickle=False)
        made = _run("predict", {**files, "rows.npy": given.getvalue()}, ("outputs.npy",), path)
        return np.asarray(np.load(io.BytesIO(made["outputs.npy"]), allow_pickle=False), dtype=np.float64)

    return predict


def _is_saved_model(path: Path) -> bool:
    return path.is_dir() and (path / GRAPH).is_file()


FORMAT = Format(name="TensorFlow SavedModel", suffixes=(), read=read, recognises=_is_saved_model)
