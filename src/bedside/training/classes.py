"""The head ``softmax``: the probability of each of two or more classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from bedside.measures import Measure, auroc, auroc_multiclass, conformal_quantiles, log_loss, log_loss_difference
from bedside.network import Members
from bedside.preparation import Array, Operations
from bedside.training.calibration import Calibration, calibrated, calibration_facts, fit_calibration
from bedside.training.floor import LOGISTIC
from bedside.training.head import Decided, Floor

if TYPE_CHECKING:
    from bedside.training.sample import Sample


@dataclass(frozen=True)
class Classes:
    """A `Head` with one output, and one column, per class."""

    classes: int
    loss: str = "cross-entropy"
    floor: Floor = LOGISTIC
    spread: bool = True

    @property
    def needed(self) -> tuple[int, ...]:
        """Patients of every class are needed."""
        return tuple(range(self.classes))

    @property
    def outputs(self) -> int:
        """One logit per class."""
        return self.classes

    @property
    def shapes(self) -> None:
        """A logit each."""
        return None

    @property
    def width(self) -> int:
        """One probability per class."""
        return self.classes

    @property
    def scored(self) -> str:
        """Log-loss."""
        return "log_loss"

    def strata(self, sample: Sample) -> Int[np.ndarray, " row"]:
        """The classes."""
        return sample.y

    def described(self, sample: Sample, names: tuple[str, ...]) -> dict[str, object]:
        """How many rows there are of each class."""
        counts = np.bincount(sample.y, minlength=self.classes)
        return {"classes": {name: int(count) for name, count in zip(names, counts, strict=True)}}

    def target(self, sample: Sample) -> Float[np.ndarray, "row class"]:
        """1 for a row's class, 0 for others."""
        return np.asarray(np.eye(self.classes)[sample.y])

    def taught(self, probability: Float[np.ndarray, "row class"]) -> Float[np.ndarray, "row class"]:
        """A teacher's probabilities as they are."""
        return probability

    def columns(self, ops: Operations, logits: Array) -> Array:
        """The softmax of the logits."""
        return ops.softmax(logits)

    @property
    def tensor(self) -> str:
        """Probabilities."""
        return "probability"

    def prepared(self, sample: Sample, _: tuple[int, ...]) -> Sample:
        """The sample as it is."""
        return sample

    def start(self, _: object, sample: Sample, floor: Members) -> Members:  # noqa: ARG002
        """The floor."""
        return floor

    def finish(self, *_: object) -> None:
        """The columns are what the graph gives."""

    def calibrated(self, ops: Operations, calibration: Calibration, probability: Array) -> Array:
        """See `Calibration`."""
        return calibrated(ops, calibration, probability)

    def sums(self) -> Mapping[str, Float[np.ndarray, "class sum"]]:
        """None: the classes are the answer."""
        return {}

    def fit_calibration(
        self, sample: Sample, probability: Float[np.ndarray, "row class"], _: Int[np.ndarray, " row"] | None = None
    ) -> Calibration:
        """See `bedside.training.calibration.fit_calibration`."""
        return fit_calibration(sample.y, probability)

    def calibration_facts(self, calibration: Calibration) -> dict[str, object]:
        """Slope, and intercept or biases."""
        return calibration_facts(calibration)

    def losses(self, sample: Sample, probability: Float[np.ndarray, "row class"]) -> Float[np.ndarray, " row"]:
        """Minus the logarithm of the probability given to a row's class."""
        return np.asarray(-np.log(np.maximum(probability[np.arange(len(sample.y)), sample.y], 1e-15)))

    def difference(
        self,
        sample: Sample,
        one: Float[np.ndarray, "row class"],
        other: Float[np.ndarray, "row class"],
        fold: Int[np.ndarray, " row"],
    ) -> Measure:
        """See `log_loss_difference`."""
        return log_loss_difference(sample.y, one, other, fold)

    def measures(self, sample: Sample, probability: Float[np.ndarray, "row class"]) -> dict[str, Measure]:
        """Log-loss and AUROC."""
        return {"log_loss": log_loss(sample.y, probability), "auroc": self._area(sample, probability)}

    def order(self, sample: Sample, probability: Float[np.ndarray, "row class"]) -> tuple[str, float]:
        """AUROC."""
        return "auroc", self._area(sample, probability).value

    def _area(self, sample: Sample, probability: Float[np.ndarray, "row class"]) -> Measure:
        if self.classes == 2:
            return auroc(sample.y, probability[:, 1])
        return auroc_multiclass(sample.y, probability)

    def decided(self, sample: Sample, probability: Float[np.ndarray, "row class"], alpha: float) -> Decided:
        """Label-conditional conformal quantiles.

        The quantile of a fold's patients comes from a model and a calibration map fitted on other patients
        (cross-conformal prediction: Vovk, Ann Math Artif Intell 2015;74:9-28; its guarantee is 1 - 2 alpha, its usual
        coverage about 1 - alpha; the evidence measures it).
        """
        quantiles = tuple(float(q) for q in conformal_quantiles(sample.y, probability, alpha))
        return Decided(quantiles, None, {"conformal": {"alpha": alpha, "quantiles": list(quantiles)}})
