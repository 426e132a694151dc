"""The head ``dose``: how much of a drug a patient needs, worked out on the square root of the dose.

Doses are skewed and vary more where they are large; their roots do neither much (International Warfarin
Pharmacogenetics Consortium, N Engl J Med 2009;360:753-764, model the root too). A mean of roots, squared, is about the
median of the dose: as many such patients need more as need less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from bedside.errors import DataError
from bedside.measures import Measure
from bedside.measures.interval import mean
from bedside.network import Members
from bedside.preparation import Array, Operations, in_single_precision
from bedside.training.calibration import LEAST_SLOPE, PENALTY
from bedside.training.dose_interval import DoseInterval, fit_interval
from bedside.training.folds import mean_over_folds
from bedside.training.head import Decided, DoseFacts, Floor
from bedside.training.root_floor import SQUARE_ROOT

if TYPE_CHECKING:
    from bedside.training.sample import Sample

STRATA = 5
"""Folds hold as many small as large doses: equal shares of each fifth."""

ENDS = 10
"""Doses whose mean is the lowest, or the highest, that is ever answered: one patient's own does not leave the house."""


@dataclass(frozen=True)
class RootCalibration:
    """A root r becomes slope * r + intercept, in roots of the study's unit."""

    slope: float
    intercept: float
    parameters: int = field(default=2, init=False)


@dataclass(frozen=True)
class Doses:
    """A `Head` with one output: the root of the dose, less `centre`, in units of `size`.

    Attributes
    ----------
    centre, size: mean and standard deviation of the development patients' roots.
    lowest, highest: mean of the `ENDS` lowest and highest doses to develop on; no answer lies beyond them.
    scale: standard deviation of the dose.
    """

    centre: float
    size: float
    lowest: float
    highest: float
    scale: float
    floor: Floor = SQUARE_ROOT
    loss: str = "squared"
    classes: int = field(default=1, init=False)
    needed: tuple[int, ...] = field(default=(), init=False)
    outputs: int = field(default=1, init=False)
    shapes: None = field(default=None, init=False)
    width: int = field(default=1, init=False)
    tensor: str = field(default="estimate", init=False)
    scored: str = field(default="squared_error", init=False)
    spread: bool = field(default=False, init=False)

    def strata(self, sample: Sample) -> Int[np.ndarray, " row"]:
        """Fifths of the doses."""
        dose = _dose(sample)
        return np.searchsorted(np.quantile(dose, np.arange(1, STRATA) / STRATA), dose, side="left").astype(np.int64)

    def described(self, sample: Sample, _: tuple[str, ...]) -> dict[str, object]:
        """Mean and standard deviation of the doses; a quartile would be some patient's own."""
        dose = _dose(sample)
        return {"dose": {"mean": float(dose.mean()), "sd": float(dose.std(ddof=1))}}

    def target(self, sample: Sample) -> Float[np.ndarray, "row one"]:
        """The root, in units of its standard deviation."""
        return np.asarray((np.sqrt(_dose(sample)) - self.centre) / self.size)[:, None]

    def taught(self, root: Float[np.ndarray, "row one"]) -> Float[np.ndarray, "row one"]:
        """A teacher's roots, in the same unit."""
        return (root - self.centre) / self.size

    def columns(self, ops: Operations, logits: Array) -> Array:
        """The root of the dose."""
        return logits * ops.constant(np.full(1, self.size)) + ops.constant(np.full(1, self.centre))

    def calibrated(self, ops: Operations, calibration: RootCalibration, root: Array) -> Array:
        """See `RootCalibration`."""
        slope, intercept = np.full(1, calibration.slope), np.full(1, calibration.intercept)
        return root * ops.constant(slope) + ops.constant(intercept)

    def sums(self) -> Mapping[str, Float[np.ndarray, "column sum"]]:
        """None."""
        return {}

    def fit_calibration(
        self, sample: Sample, root: Float[np.ndarray, "row one"], _: Int[np.ndarray, " row"] | None = None
    ) -> RootCalibration:
        """The line with the least squared error, drawn to slope 1 and no shift as lightly as probabilities are."""
        off = self.taught(root)[:, 0]
        design = np.column_stack([off, np.ones(len(off))])
        away = self.target(sample)[:, 0] - off
        more, shift = np.linalg.solve(design.T @ design + PENALTY * np.eye(2), design.T @ away)
        slope = max(1.0 + more, LEAST_SLOPE)
        intercept = self.centre * (1 - slope) + self.size * shift
        fitted = in_single_precision(np.array([slope, intercept]))
        return RootCalibration(float(fitted[0]), float(fitted[1]))

    def calibration_facts(self, calibration: RootCalibration) -> dict[str, object]:
        """Slope and intercept on the root."""
        return {"slope": calibration.slope, "intercept": calibration.intercept}

    def losses(self, sample: Sample, root: Float[np.ndarray, "row one"]) -> Float[np.ndarray, " row"]:
        """Squared error of the root; its mean is the share of the roots' variance that is not foretold."""
        return np.asarray((self.taught(root) - self.target(sample))[:, 0] ** 2)

    def difference(
        self,
        sample: Sample,
        one: Float[np.ndarray, "row one"],
        other: Float[np.ndarray, "row one"],
        fold: Int[np.ndarray, " row"],
    ) -> Measure:
        """Paired by row; see `mean_over_folds`."""
        return mean_over_folds(self.losses(sample, one) - self.losses(sample, other), fold)

    def measures(self, sample: Sample, root: Float[np.ndarray, "row one"]) -> dict[str, Measure]:
        """Mean squared error of the root and mean absolute error of the dose."""
        return {"squared_error": mean(self.losses(sample, root)), "mae": mean(self._away(sample, root), lowest=0.0)}

    def order(self, sample: Sample, root: Float[np.ndarray, "row one"]) -> tuple[str, float]:
        """Mean absolute error of the dose, in the study's unit."""
        return "mae", float(self._away(sample, root).mean())

    def _away(self, sample: Sample, root: Float[np.ndarray, "row one"]) -> Float[np.ndarray, " row"]:
        given = np.clip(np.maximum(root[:, 0], 0.0) ** 2, self.lowest, self.highest)
        return np.asarray(np.abs(given - _dose(sample)))

    def prepared(self, sample: Sample, _: tuple[int, ...]) -> Sample:
        """The sample as it is."""
        return sample

    def start(self, _: object, sample: Sample, floor: Members) -> Members:  # noqa: ARG002
        """The floor."""
        return floor

    def finish(
        self,
        sample: Sample,
        x: Float[np.ndarray, "row feature"],
        root: Float[np.ndarray, "row one"],
        alpha: float,
        _: Members | None = None,
    ) -> DoseInterval:
        """The dose and its interval, squared and kept within the development patients' doses."""
        return fit_interval(
            x,
            np.sqrt(_dose(sample)) - root[:, 0],
            sample.patient,
            alpha,
            lowest=self.lowest,
            highest=self.highest,
        )

    def decided(self, *_: object) -> Decided:
        """Which doses there were."""
        facts = DoseFacts(scale=self.scale, lowest=self.lowest, highest=self.highest)
        return Decided((), None, {}, dose=facts)


def doses(dose: Float[np.ndarray, " row"], floor: Floor, loss: str, *, where: str) -> Doses:
    """The head for development patients who needed these doses.

    Raises
    ------
    DataError: a dose is below 0, or all are equal.
    """
    if dose.min() < 0:
        raise DataError(f"a dose of {dose.min():g}", where=where, remedy="Declare the range of plausible doses")
    root = np.sqrt(dose)
    if np.ptp(root) <= 1e-9 * root.max():
        raise DataError(
            f"every patient to develop on needed the same dose, {dose[0]:g}",
            where=where,
            remedy="Nothing can be learned from that: look at the column, or gather other patients",
        )
    ordered = np.sort(dose)
    ends = ordered[:ENDS].mean(), ordered[-ENDS:].mean()
    centre, size, lowest, highest = in_single_precision(np.array([root.mean(), root.std(), *ends]))
    return Doses(
        centre=float(centre),
        size=float(size),
        lowest=float(lowest),
        highest=float(highest),
        scale=float(dose.std(ddof=1)),
        floor=floor,
        loss=loss,
    )


def _dose(sample: Sample) -> Float[np.ndarray, " row"]:
    assert sample.amount is not None
    return sample.amount
