"""The page's own model, run by Node.js: the scripts and the WebAssembly of the zip, on the engine that Chromium has."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Float

from bedside.browser.runtime import SCRIPT, WASM
from bedside.errors import BedsideError, DataError, UsageError
from bedside.release import Prediction

NEEDED = (f"page/{SCRIPT}", "page/model.js", "page/refusal.js", WASM, "model.onnx")


def missing() -> BedsideError | None:
    """The error to raise where there is no Node.js."""
    if shutil.which("node"):
        return None
    return UsageError("Node.js is not installed", remedy="Install it (the command is called node), version 18 or later")


class NodeModel:
    """A process of Node.js that answers row by row until it is not needed any more; one question at a time."""

    def __init__(self, contents: Mapping[str, bytes], variables: int, classes: int, where: str) -> None:
        self._lock, self._classes, self._variables, self._where = threading.Lock(), classes, variables, where
        # The name of the folder is of no account: scripts are loaded from it once.
        self._folder = tempfile.TemporaryDirectory(prefix="bedside-")
        place = Path(self._folder.name)
        for name in NEEDED:
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_bytes(contents[name])
        (place / "package.json").write_text('{"type": "module"}')
        (place / "answer.mjs").write_bytes((files("bedside.browser") / "answer.mjs").read_bytes())
        words = [str(shutil.which("node")), str(place / "answer.mjs"), str(variables), str(classes)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        self._end = weakref.finalize(self, _ended, self._process, self._folder)
        said = self._said()
        if "error" in said:
            raise DataError(said["error"], where=where)
        self._spread = bool(said["spread"])

    def _said(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return dict(json.loads(line)) if line else {"error": "Node.js ended without an answer"}

    def __call__(self, values: Float[np.ndarray, "patient variable"]) -> Prediction:
        """Values in the schema's order and units → what the page computes of them."""
        given = np.ascontiguousarray(values, dtype="<f4")
        width = self._classes * (2 if self._spread else 1) + 1
        with self._lock:
            content = self._asked(struct.pack("<I", len(given)) + given.tobytes(), 4 * width * len(given))
        found = np.frombuffer(content, dtype="<f4").astype(np.float32)
        ends = np.cumsum([self._classes * len(given), len(given)])
        probability, distance, spread = np.split(found, ends)
        return Prediction(
            probability.reshape(-1, self._classes),
            distance,
            spread.reshape(-1, self._classes) if self._spread else None,
        )

    def _asked(self, question: bytes, length: int) -> bytes:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        writer = threading.Thread(target=_written, args=(stdin, question))  # a long question fills the pipe
        writer.start()
        content = stdout.read(length)
        writer.join()
        if len(content) != length:
            raise DataError("Node.js ended before it answered", where=self._where)
        return content


def _written(stdin: IO[bytes], question: bytes) -> None:
    try:
        stdin.write(question)
        stdin.flush()
    except BrokenPipeError:
        return  # it ended; whoever reads its answer says so


def _ended(process: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.kill()
    process.wait()
    folder.cleanup()
