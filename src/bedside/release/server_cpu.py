"""The target ``server-cpu``: onnxruntime at float32 on one thread, the reference that all others are held to."""

from __future__ import annotations

from dataclasses import dataclass

from bedside.errors import BedsideError
from bedside.release.model import processor_class
from bedside.release.onnx_session import opened, runnable
from bedside.release.target import Material, Predict


@dataclass(frozen=True)
class ServerCpu:
    """onnxruntime's CPU kernels on ``model.onnx`` as it is."""

    name: str = "server-cpu"
    runtime: str = "onnxruntime"
    tolerance: float = 1e-5
    file: str = "model.onnx"
    serves: bool = True

    def missing_to_make(self) -> BedsideError | None:
        """Nothing: the graph is the file."""
        return None

    def make(self, material: Material) -> bytes | None:
        """The graph itself."""
        return material.graph

    def missing_to_run(self) -> BedsideError | None:
        """Nothing: onnxruntime is one of bedside's own dependencies."""
        return None

    def processor(self) -> str:
        """The class of this machine's processor."""
        return processor_class()

    def load(self, graph: bytes, *, variables: int, classes: int, where: str) -> Predict:
        """Open a session on `graph`.

        Raises
        ------
        DataError: onnxruntime cannot read it, or its inputs and outputs are not those of the graph contract.
        """
        return runnable(opened(graph, where), variables=variables, classes=classes, where=where)

    def rehearse(self, graph: bytes, *, variables: int, classes: int, where: str) -> Predict | None:
        """As it will serve."""
        return self.load(graph, variables=variables, classes=classes, where=where)


TARGET = ServerCpu()
