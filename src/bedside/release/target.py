"""Targets by name: what runs a release's graph, built in or brought by any installed package."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from bedside.errors import UsageError
from bedside.release.model import Prediction

GROUP = "bedside.targets"


@runtime_checkable
class Target(Protocol):
    """A way to run a graph.

    Attributes
    ----------
    name: as in ``[targets] names``.
    runtime: distribution name of the runtime.
    tolerance: largest absolute difference of a golden probability that another machine may show.
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

    def load(
        self, graph: bytes, *, variables: int, classes: int, where: str
    ) -> Callable[[Float[np.ndarray, "patient variable"]], Prediction]:
        """Make the graph runnable; raises `DataError` where it does not follow the graph contract."""


# Looking through every installed package takes milliseconds; what is installed does not change while we run.
@cache
def target(name: str) -> Target:
    """The target of this name.

    Raises
    ------
    UsageError: there is none; the message lists those installed here.
    """
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name in found:
        loaded: Target = found[name].load()
        return loaded
    if name == "server-cpu":  # a source tree that is not installed registers nothing
        from bedside.release.server_cpu import TARGET

        return TARGET
    known = ", ".join(sorted({*found, "server-cpu"}))
    raise UsageError(f"there is no target {name!r}", where="target", remedy=f"Use one of: {known}")
