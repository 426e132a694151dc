"""What a task asks of training: one object that its names (head, loss, floor) are resolved to when fitting begins.

Everything else in this package is the same for every task and asks the head. A new task is a new head, a new floor,
or both, and a line in ``heads``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from bedside.measures import Measure
from bedside.network import Members
from bedside.preparation import Array, Operations

if TYPE_CHECKING:
    from bedside.training.sample import Sample

Map = Any
"""A fitted recalibration; each head has its own kind, with ``parameters``: how many numbers it holds."""


Strength = Any
"""An inverse penalty, or one for each part of a linear model; each floor has its own kind."""


@dataclass(frozen=True)
class Decided:
    """What out-of-fold predictions decide beside the choice of the model.

    Attributes
    ----------
    quantiles: label-conditional conformal quantiles, per class; empty where estimates are no classes.
    course: where the question is when something happens; else None.
    facts: the same for ``development.json``.
    arms: where the question is which treatment; else None.
    dose: where it is how much of a drug; else None.
    """

    quantiles: tuple[float, ...]
    course: Course | None
    facts: Mapping[str, object]
    arms: ArmFacts | None = None
    dose: DoseFacts | None = None


@dataclass(frozen=True)
class Band:
    """How far observed curves lie from predicted ones; the attributes are those of ``bedside.release.Band``."""

    half_width: float
    alpha: float
    group: int


@dataclass(frozen=True)
class Course:
    """What a course over time was fitted on: the edges of its intervals, the horizon that decides, and its band."""

    edges: tuple[float, ...]
    decision: float
    band: Band | None


@dataclass(frozen=True)
class ArmFacts:
    """What the answer to "which treatment" needs beside the study.

    Attributes
    ----------
    scale: standard deviation of the outcome. single: position of the arm that does best for all patients alike.
    """

    scale: float
    single: int


@dataclass(frozen=True)
class DoseFacts:
    """What the answer to "how much" needs beside the study; in the unit of the dose.

    Attributes
    ----------
    scale: standard deviation of the dose. lowest, highest: doses beyond which no answer lies.
    """

    scale: float
    lowest: float
    highest: float


@runtime_checkable
class Finish(Protocol):
    """The last step of a graph whose first output holds more than the model's columns: intervals, say."""

    @property
    def width(self) -> int:
        """Columns that the graph gives."""

    @property
    def parameters(self) -> int:
        """Fitted numbers."""

    @property
    def facts(self) -> Mapping[str, object]:
        """What was fitted, ready for JSON."""

    def columns(self, ops: Operations, columns: Array, x: Array) -> Array:
        """What the graph gives [patient, `width`], of calibrated columns [patient, column] and features."""


@runtime_checkable
class Floor(Protocol):
    """The simple model that a network must not be worse than."""

    def strength(self, x: Float[np.ndarray, "row feature"], sample: Sample, rng: np.random.Generator) -> Strength:
        """The inverse penalty with the least loss in a cross-validation among these rows, by patient."""

    def fit(self, x: Float[np.ndarray, "row feature"], sample: Sample, strength: Strength) -> Members:
        """A linear model."""


@runtime_checkable
class Head(Protocol):
    """From a network's outputs to an estimate, and what follows from it."""

    @property
    def loss(self) -> str:
        """Name of what training minimises, in ``bedside.network.LOSSES``."""

    @property
    def floor(self) -> Floor:
        """The simple model."""

    @property
    def classes(self) -> int:
        """How many outcomes a row may have."""

    @property
    def needed(self) -> tuple[int, ...]:
        """The outcomes that patients are needed of."""

    @property
    def outputs(self) -> int:
        """Logits of a network."""

    @property
    def shapes(self) -> Float[np.ndarray, "shape output"] | None:
        """What a network's hidden layers add to the logits is added up from these; None: a logit each."""

    @property
    def width(self) -> int:
        """Columns of what members are averaged over: probabilities of classes or cells, or quantities."""

    @property
    def tensor(self) -> str:
        """Name of the graph's first output: ``probability``, whose rows sum to 1, or ``estimate``, which has a unit."""

    @property
    def scored(self) -> str:
        """Name of the mean of `losses`, in what is written down: ``log_loss``, ``squared_error``."""

    @property
    def spread(self) -> bool:
        """Whether the graph tells how far the members are apart."""

    def strata(self, sample: Sample) -> Int[np.ndarray, " row"]:
        """Groups of rows, as whole numbers from 0, that folds are to hold in equal shares."""

    def described(self, sample: Sample, names: tuple[str, ...]) -> dict[str, object]:
        """How outcomes are spread, ready for JSON; aggregates only. ``names``: of the classes."""

    def target(self, sample: Sample) -> Float[np.ndarray, "row column"]:
        """What the loss compares logits with."""

    def taught(self, probability: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "row target"]:
        """The same where a larger model's probabilities are learned in place of the outcomes."""

    def columns(self, ops: Operations, logits: Array) -> Array:
        """Columns [..., column] of logits [..., output]; probabilities sum to 1."""

    def calibrated(self, ops: Operations, calibration: Map, probability: Array) -> Array:
        """Recalibrated probabilities."""

    def sums(self) -> Mapping[str, Float[np.ndarray, "column sum"]]:
        """What the graph gives beside its first output, by name, as sums of its columns."""

    def fit_calibration(
        self, sample: Sample, probability: Float[np.ndarray, "row column"], fold: Int[np.ndarray, " row"] | None, /
    ) -> Map:
        """The recalibration that suits predictions for rows that the model was not fitted on.

        Rows of one fold were predicted by the same model.
        """

    def calibration_facts(self, calibration: Map) -> dict[str, object]:
        """The recalibration, ready for JSON."""

    def losses(self, sample: Sample, probability: Float[np.ndarray, "row column"]) -> Float[np.ndarray, " row"]:
        """What the model is chosen by, of each row: minus the log-likelihood, in nats, or a squared error."""

    def difference(
        self,
        sample: Sample,
        one: Float[np.ndarray, "row column"],
        other: Float[np.ndarray, "row column"],
        fold: Int[np.ndarray, " row"],
    ) -> Measure:
        """Mean loss of one model minus that of another, over folds; below 0 favours the first."""

    def measures(self, sample: Sample, probability: Float[np.ndarray, "row column"]) -> dict[str, Measure]:
        """The mean loss by its name, and what people look at beside it, with intervals."""

    def order(self, sample: Sample, probability: Float[np.ndarray, "row column"]) -> tuple[str, float]:
        """Name and value of what people look at beside the loss."""

    def prepared(self, sample: Sample, seed: tuple[int, ...]) -> Sample:
        """The sample with what the head needs before anything is fitted on it."""

    def start(self, x: Float[np.ndarray, "row feature"], sample: Sample, floor: Members) -> Members:
        """What a residual network begins at: the floor, or one member with a hidden layer that stays as it is."""

    def finish(
        self,
        sample: Sample,
        x: Float[np.ndarray, "row feature"],
        columns: Float[np.ndarray, "row column"],
        alpha: float,
        members: Members,
    ) -> Finish | None:
        """What the graph adds to calibrated columns, from all rows' features and out-of-fold, calibrated columns.

        ``members``: what gives the columns, fitted on all rows.
        None: nothing, the columns are what it gives.
        """

    def decided(self, sample: Sample, probability: Float[np.ndarray, "row column"], alpha: float) -> Decided:
        """What else out-of-fold, calibrated predictions of the packed model decide."""
