"""What a target costs on this machine: the time for one patient and the memory, measured in a process of its own.

Run as ``python -P -m bedside.release.footprint FOLDER TARGET`` it asks the golden cases, one by one, and prints JSON.
"""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np
from jaxtyping import Float

from bedside.release.bundled import BUNDLED
from bedside.release.candidate import Candidate, open_candidate
from bedside.release.golden import Golden, case_values
from bedside.release.json_document import read_document
from bedside.release.model import Model, processor_name

WARM_UP = 20
CALLS = 400
SECONDS = 2.0


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What answering takes.

    Attributes
    ----------
    latency: seconds for one patient, median over repeated calls on one thread, without cleaning, server and ledger.
    memory: bytes that the runtime, the file and answering added to a process, and to programs that it starts, at its
        highest; None where the system does not say. Memory of a GPU is not in it.
    version: of the runtime.
    """

    latency: float
    memory: int | None
    version: str | None


class Footprint(Cost, frozen=True, kw_only=True):
    """Costs of one target on one machine; `processor`: its name as the system gives it."""

    processor: str


@runtime_checkable
class InAnotherProcess(Protocol):
    """A target's `Predict` that answers in a process of its own: only there can be measured what that takes."""

    def cost(self, values: Float[np.ndarray, "case variable"]) -> Cost:
        """Asked these cases again and again, as `single_latency` does."""


def footprint(candidate: Candidate, target: str) -> Footprint | None:
    """Measure one target of a candidate; None where the process could not be run."""
    # Without -P a file in the current folder could pass for one of ours.
    words = [sys.executable, "-P", "-m", "bedside.release.footprint", str(candidate.folder.absolute()), target]
    try:
        done = subprocess.run(words, capture_output=True, timeout=300, check=True)  # noqa: S603
        return msgspec.json.decode(done.stdout, type=Footprint)
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError):
        return None


def single_latency(model: Model, seconds: float = SECONDS) -> float:
    """Seconds for one patient: the median over the golden cases, asked one by one."""
    golden: Golden = read_document(model.golden, Golden, where="golden.json")
    rows = [case[None] for case in case_values(golden)]
    for position in range(WARM_UP):
        model.predict(rows[position % len(rows)])
    taken: list[float] = []
    until = time.perf_counter() + seconds
    while len(taken) < CALLS and (not taken or time.perf_counter() < until):
        row = rows[len(taken) % len(rows)]
        started = time.perf_counter()
        model.predict(row)
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def _memory(name: str, process: str = "self") -> int | None:
    """A figure of a process in bytes: ``VmRSS`` now, ``VmHWM`` at its highest."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)


def _children() -> list[str]:
    """Processes that this one started: some runtimes are programs of their own."""
    return [child for task in Path("/proc/self/task").glob("*/children") for child in task.read_text().split()]


def _measured(folder: Path, target: str) -> Footprint:
    candidate = open_candidate(folder)
    before = _memory("VmRSS")
    model = candidate.load(target)
    if isinstance(model.predict, InAnotherProcess):
        cost = model.predict.cost(case_values(read_document(model.golden, Golden, where="golden.json")))
    else:
        latency = single_latency(model)
        highest = [_memory("VmHWM", process) for process in ("self", *_children())]
        added = None if before is None or None in highest else sum(filter(None, highest)) - before
        cost = Cost(latency=latency, memory=added, version=_version(candidate.manifest.targets[target].runtime))
    return Footprint(**msgspec.structs.asdict(cost), processor=processor_name())


def _version(runtime: str) -> str | None:
    try:
        return BUNDLED[runtime].version if runtime in BUNDLED else version(runtime)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(_measured(Path(sys.argv[1]), sys.argv[2])))
