"""What an ExecuTorch program makes of patients, one after the other."""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch  # before the runtime, which needs its libraries

# What ``executorch.runtime`` wraps. That package imports the whole exporter first, which takes seconds.
from executorch.extension.pybindings import _C

from .refusal import NoProgram

WARM_UP = 20
CALLS = 400


def loaded(path: Path, width: int) -> Any:
    """The program, with one method; raises `NoProgram`."""
    try:
        program = _C._load_for_executorch(str(path), program_verification=_C.Verification.InternalConsistency)
        taken = program.method_meta("forward").input_tensor_meta(0).sizes()
    except Exception as error:  # the runtime raises classes of its own that share no base
        raise NoProgram(f"ExecuTorch cannot load it: {error}") from error
    if tuple(taken) != (1, width):
        raise NoProgram(f"it takes values of shape {tuple(taken)}, not (1, {width})")
    return program


def answers(program: Any, values: np.ndarray) -> list[np.ndarray]:
    """Each output for all patients, in the program's order."""
    rows = [[one.numpy().copy() for one in program.forward([row])] for row in _rows(values)]
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def _rows(values: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(row[None].copy()) for row in values]


def latency(program: Any, values: np.ndarray, seconds: float) -> float:
    """Seconds for one patient, the median over at most `CALLS`."""
    rows = _rows(values)
    for position in range(WARM_UP):
        program.forward([rows[position % len(rows)]])
    taken: list[float] = []
    until = time.perf_counter() + seconds
    while len(taken) < CALLS and (not taken or time.perf_counter() < until):
        row = rows[len(taken) % len(rows)]
        started = time.perf_counter()
        program.forward([row])
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def memory(name: str) -> int | None:
    """A figure of this process in bytes: ``VmRSS`` now, ``VmHWM`` at its highest."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)


def answer(program: str, given: str, out: str, seconds: str = "") -> None:
    """Write one array for each output, in its order, for all patients of `given` (float32 [patient, variable]).

    With `seconds` they are asked again for so long, and one line of JSON says what it took: the median time of one
    patient in seconds, on one thread, and the bytes that the program and answering added to this process.
    """
    values = np.load(given, allow_pickle=False)
    _C._unsafe_reset_threadpool(1)
    before = memory("VmRSS")
    opened = loaded(Path(program), values.shape[1])
    np.savez(out, *answers(opened, values))
    if seconds:
        taken, highest = latency(opened, values, float(seconds)), memory("VmHWM")
        added = None if before is None or highest is None else max(highest - before, 0)
        sys.stdout.write(json.dumps({"latency": taken, "memory": added, "version": version("executorch")}))
