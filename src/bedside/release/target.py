"""Targets by name: how a release's graph becomes a file for some hardware, and what runs it there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from bedside.errors import BedsideError, UsageError
from bedside.release.manifest import Manifest
from bedside.release.model import Prediction

GROUP = "bedside.targets"
REFERENCE = "server-cpu"
"""The target that every candidate has and that all others are compared with."""

BUILT_IN = {
    REFERENCE: "bedside.release.server_cpu:TARGET",
    "server-cpu-int8": "bedside.release.server_cpu_int8:TARGET",
    "server-gpu": "bedside.release.server_gpu:TARGET",
    "browser": "bedside.browser.target:TARGET",
    "phone": "bedside.phone.target:TARGET",
}
"""As in ``pyproject.toml``; a source tree that is not installed registers nothing."""

BY_RUNTIME = {("server-cpu-int8", "openvino"): "bedside.release.convolutions:TARGET"}
"""Another maker and runtime of a name's file, for graphs that gain more by it; it is asked first."""

Predict = Callable[[Float[np.ndarray, "patient variable"]], Prediction]


@dataclass(frozen=True)
class Material:
    """What a target's file is made from.

    Attributes
    ----------
    graph: ``model.onnx`` as it is packed. manifest: its ``files`` and ``targets`` still empty.
    calibration: values of development patients, from which ranges may be taken; never stored in the candidate.
    files: what else is packed so far, by name (``background.json``, ``floor.onnx``, ...).
    """

    graph: bytes = field(repr=False)
    manifest: Manifest
    calibration: Float[np.ndarray, "patient variable"] | None = field(default=None, repr=False)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@runtime_checkable
class Target(Protocol):
    """A way to make a file from a graph, and to run it.

    Attributes
    ----------
    name: as in ``[targets] names``.
    runtime: distribution name of the runtime.
    tolerance: largest absolute difference of a golden probability that another machine may show.
    file: name of its file in the candidate.
    serves: whether ``bedside serve`` and ``predict`` can use it; a file for a browser or a phone is only carried.
    """

    @property
    def name(self) -> str:
        """As in ``[targets] names``."""

    @property
    def runtime(self) -> str:
        """Distribution name of the runtime."""

    @property
    def tolerance(self) -> float:
        """Largest absolute difference of a golden probability that another machine may show."""

    @property
    def file(self) -> str:
        """Name of its file in the candidate."""

    @property
    def serves(self) -> bool:
        """Whether ``bedside serve`` and ``predict`` can use it."""

    def missing_to_make(self) -> BedsideError | None:
        """The error to raise where a tool that `make` needs is not installed here; None: all are."""

    def make(self, material: Material) -> bytes | None:
        """The target's file, the same bytes for the same material; None where this graph has nothing to gain.

        The preparation and the distance stay as they are, so that no other patient is abstained from. Raises
        `MissingExtra` without its tools, and `DataError` where the graph cannot be converted.
        """

    def missing_to_run(self) -> BedsideError | None:
        """The error to raise where the runtime is not on this machine; None: it can run here."""

    def processor(self) -> str:
        """The class of what computes here: the same class repeats an answer bit for bit."""

    def load(self, graph: bytes, *, variables: int, classes: int, where: str) -> Predict:
        """Make the file runnable; raises `DataError` where it does not follow the graph contract."""

    def rehearse(self, graph: bytes, *, variables: int, classes: int, where: str) -> Predict | None:
        """The file as it can be computed on the machine that packs, for the golden outputs.

        As `load` where the runtime is here; else the same bytes by other means. None where there are none: then the
        reference's outputs are the golden ones.
        """


# Looking through every installed package takes milliseconds; what is installed does not change while we run.
@cache
def target(name: str, runtime: str | None = None) -> Target:
    """The target of this name; with ``runtime``, the one that runs the files that a manifest lists with it.

    Raises
    ------
    UsageError: there is none; the message lists those installed here.
    """
    if runtime is not None and (name, runtime) in BY_RUNTIME:
        return _imported(BY_RUNTIME[name, runtime])
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name in found:
        loaded: Target = found[name].load()
        return loaded
    if name in BUILT_IN:
        return _imported(BUILT_IN[name])
    known = ", ".join(sorted({*found, *BUILT_IN}))
    raise UsageError(f"there is no target {name!r}", where="target", remedy=f"Use one of: {known}")


def makers(name: str) -> list[Target]:
    """What can make the file of this name, in the order in which they are asked. Raises as `target`."""
    return [*(target(*special) for special in BY_RUNTIME if special[0] == name), target(name)]


def _imported(place: str) -> Target:
    module, _, attribute = place.partition(":")
    found: Target = getattr(import_module(module), attribute)
    return found


def carried(name: str, runtime: str) -> bool:
    """Whether a target's file is only carried elsewhere: no server runs it, so that it need not be faster."""
    try:
        return not target(name, runtime).serves
    except UsageError:
        return False


def runs_here(name: str, runtime: str) -> bool:
    """Whether a target's runtime, and the package that brings the target, are on this machine."""
    try:
        return target(name, runtime).missing_to_run() is None
    except UsageError:
        return False
