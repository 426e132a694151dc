"""An ExecuTorch program, run by ``apart/in_executorch`` in ExecuTorch's own environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
from jaxtyping import Float

from bedside.environments import run
from bedside.errors import DataError
from bedside.release import Prediction
from bedside.release.footprint import SECONDS, Cost

ENVIRONMENT = "executorch"
PROGRAM = Path(__file__).parent / "apart" / "in_executorch"
OUTPUTS = ("probability", "distance", "spread")
REFUSED = 3
"""Exit status where the last line says why it cannot be done."""


def ran(words: Sequence[str], folder: Path, *, where: str, remedy: str = "") -> str:
    """Do a task of ``in_executorch`` in a folder that holds its files; gives what it printed.

    Raises
    ------
    DataError: it refused, or ended otherwise. MissingEnvironment: there is no ExecuTorch.
    """
    done = run(ENVIRONMENT, PROGRAM, words, folder)
    if done.returncode == REFUSED:
        raise DataError(done.stderr.strip().splitlines()[-1], where=where, remedy=remedy)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise DataError(f"ExecuTorch failed: {last}", where=where, remedy=remedy)
    return done.stdout


@dataclass(frozen=True)
class Program:
    """A program for one patient as a function from patients; a process answers each question and ends."""

    content: bytes = field(repr=False)
    classes: int
    where: str

    @classmethod
    def tried(cls, content: bytes, *, variables: int, classes: int, where: str) -> Program:
        """A program that was asked once; raises `DataError` where it does not follow the graph contract."""
        program = cls(content, classes, where)
        program(np.full((1, variables), np.nan))
        return program

    def __call__(self, values: Float[np.ndarray, "patient variable"]) -> Prediction:
        """Values in the schema's order and units → the program's outputs."""
        if not len(values):
            return Prediction(np.zeros((0, self.classes), np.float32), np.zeros(0, np.float32), None)
        return self._asked(values)[0]

    def cost(self, values: Float[np.ndarray, "patient variable"]) -> Cost:
        """What answering takes in ExecuTorch's own process."""
        return msgspec.json.decode(self._asked(values, str(SECONDS))[1], type=Cost)

    def _asked(self, values: Float[np.ndarray, "patient variable"], *words: str) -> tuple[Prediction, str]:
        with TemporaryDirectory(prefix="bedside-") as name:
            folder = Path(name)
            (folder / "model.pte").write_bytes(self.content)
            np.save(folder / "values.npy", np.ascontiguousarray(values, dtype=np.float32), allow_pickle=False)
            told = ran(["answer", "model.pte", "values.npy", "answers.npz", *words], folder, where=self.where)
            with np.load(folder / "answers.npz", allow_pickle=False) as answers:
                found = [np.asarray(answers[one]) for one in answers.files]
        return self._checked(found, len(values)), told

    def _checked(self, found: list[np.ndarray], patients: int) -> Prediction:
        shapes = [(patients, self.classes), (patients,), (patients, self.classes)]
        if len(found) not in (2, 3) or any(
            one.shape != shape or one.dtype != np.float32 for one, shape in zip(found, shapes, strict=False)
        ):
            raise DataError(
                f"its outputs must be `probability` [1, {self.classes}], `distance` [1] and maybe `spread`, as float32",
                where=self.where,
            )
        return Prediction(found[0], found[1], found[2] if len(found) > 2 else None)
