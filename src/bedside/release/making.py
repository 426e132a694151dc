"""One target's file at packing: made, tried on the golden cases, and held to the reference where it must not differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from bedside.errors import DataError
from bedside.release.folder import sha256
from bedside.release.golden import DISTANCE_TOLERANCE, Expected, expected
from bedside.release.manifest import Manifest, Outputs, TargetFile
from bedside.release.model import Prediction
from bedside.release.target import REFERENCE, Material, Predict, makers, target

ALONE = 3
"""Golden cases that are also asked about alone: a runtime in a process of its own takes a second for each."""
ALONE_TOLERANCE = 1e-5
"""Batches are computed by other kernels than single rows, which round differently."""


@dataclass(frozen=True)
class Made:
    """A target's file with its line in the manifest and its golden outputs."""

    listed: TargetFile
    content: bytes = field(repr=False)
    expected: Expected


def made_target(
    name: str, material: Material, cases: Float[np.ndarray, "case variable"], answered: Prediction, out: Path
) -> Made | None:
    """Make a target's file, or None where this graph has nothing to gain from it.

    Parameters
    ----------
    answered: what the reference says of the golden `cases`. out: folder of the candidate, for messages.

    Raises
    ------
    DataError: the file gives something that is no estimate, or another distance than the reference.
    MissingExtra: what it is made with is not installed.
    """
    content = None
    for wanted in makers(name):
        content = wanted.make(material)
        if content is not None:
            break
    if content is None:
        return None
    where = str(out / wanted.file)
    width = {"variables": len(material.manifest.schema.variables), "classes": material.manifest.outputs.width}
    predict = wanted.rehearse(content, **width, where=where)
    own = answered if predict is None else predict(cases)
    if predict is not None:
        _refuse_company(own, predict, cases, wanted.tolerance, material.manifest.outputs.scale, where)
    refuse_impossible(own, material.manifest.outputs, wanted.file)
    _refuse_distance(own, answered, where)
    listed = TargetFile(file=wanted.file, digest=sha256(content), runtime=wanted.runtime, tolerance=wanted.tolerance)
    return Made(listed, content, expected(own, wanted.tolerance))


def reference(graph: bytes, manifest: Manifest, where: Path) -> Predict:
    """A graph as the reference target runs it."""
    variables, classes = len(manifest.schema.variables), manifest.outputs.width
    return target(REFERENCE).load(graph, variables=variables, classes=classes, where=str(where))


def refuse_impossible(answered: Prediction, outputs: Outputs, name: str) -> None:
    """A graph that cannot answer plausible patients, or whose rows are not what they should be, is not packed."""
    columns = answered.columns
    if outputs.tensor == "probability":
        sums = columns.astype(np.float64).sum(axis=1)
        if not ((columns >= 0) & (columns <= 1)).all() or not (np.abs(sums - 1.0) <= 1e-4).all():
            raise DataError(
                "`probability` is not a probability per class that sums to 1 on the golden cases", where=name
            )
    problem = outputs.problem(columns)
    if problem:
        raise DataError(f"`estimate` cannot be right on the golden cases: {problem}", where=name)
    if not np.isfinite(answered.distance).all():
        raise DataError("`distance` is not finite on the golden cases", where=name)


def _refuse_company(
    own: Prediction,
    predict: Predict,
    cases: Float[np.ndarray, "case variable"],
    tolerance: float,
    scale: float,
    where: str,
) -> None:
    """A patient's risk must not depend on who else is asked about: runtimes with such a fault exist."""
    alone = np.concatenate([predict(case[None]).columns for case in cases[:ALONE]])
    off = np.abs(alone.astype(np.float64) - own.columns[:ALONE]).max() / scale
    if not off <= max(tolerance, ALONE_TOLERANCE):
        raise DataError(
            f"its estimate for a patient alone differs by up to {off:.3g} from that among others", where=where
        )


def _refuse_distance(own: Prediction, answered: Prediction, where: str) -> None:
    """A target may round a risk; whom the model knows nothing about must stay the same."""
    distance = answered.distance.astype(np.float64)
    off = np.abs(own.distance - distance) / np.maximum(np.abs(distance), 1.0)
    if not (off <= DISTANCE_TOLERANCE).all():
        raise DataError(
            f"its `distance` differs from the reference's by up to {off.max():.3g}: it would abstain from others",
            where=where,
        )


def refuse_unmakeable(names: tuple[str, ...]) -> None:
    """Raises where a target cannot be made here (`MissingExtra`), so that it is said before anything is trained."""
    for name in names:
        missing = target(name).missing_to_make()
        if missing is not None:
            raise missing
