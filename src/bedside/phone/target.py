"""The target ``phone``: an ExecuTorch program for one patient, on XNNPACK's kernels at float32, for apps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bedside.environments import python_of
from bedside.errors import BedsideError, MissingEnvironment
from bedside.phone.program import ENVIRONMENT, Program, ran
from bedside.release import processor_class
from bedside.release.target import Material, Predict

WITHOUT = "Leave phone out of [targets] names"


@dataclass(frozen=True)
class Phone:
    """Preparation, network and calibration as the graph has them; only rounding differs from the reference."""

    name: str = "phone"
    runtime: str = "executorch"
    tolerance: float = 1e-5
    file: str = "model.pte"
    serves: bool = False

    def missing_to_make(self) -> BedsideError | None:
        """ExecuTorch, in its environment."""
        try:
            python_of(ENVIRONMENT)
        except MissingEnvironment as error:
            return error
        return None

    def make(self, material: Material) -> bytes | None:
        """The program: input float32 [1, variable]; outputs `probability`, `distance` and maybe `spread`.

        Raises
        ------
        MissingEnvironment: ExecuTorch is not installed. DataError: the graph holds what it cannot convert.
        """
        with TemporaryDirectory(prefix="bedside-") as name:
            folder = Path(name)
            (folder / "model.onnx").write_bytes(material.graph)
            ran(["convert", "model.onnx", self.file], folder, where=self.file, remedy=WITHOUT)
            return (folder / self.file).read_bytes()

    def missing_to_run(self) -> BedsideError | None:
        """ExecuTorch, in its environment."""
        return self.missing_to_make()

    def processor(self) -> str:
        """The class of this machine's processor; a phone's is another one, and rounds otherwise."""
        return processor_class()

    def load(self, graph: bytes, *, variables: int, classes: int, where: str) -> Predict:
        """Try the program on one patient of whom nothing is known.

        Raises
        ------
        DataError: ExecuTorch cannot load it, or its input and outputs are not those of the graph contract.
        """
        return Program.tried(graph, variables=variables, classes=classes, where=where)

    def rehearse(self, graph: bytes, *, variables: int, classes: int, where: str) -> Predict | None:
        """As it will run: what makes it also runs it."""
        return self.load(graph, variables=variables, classes=classes, where=where)


TARGET = Phone()
