"""The head ``hazards``: when each of one or several events happens, as cells of a grid of times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from bedside.measures import Measure, c_harrell
from bedside.measures.interval import mean
from bedside.network import Members
from bedside.preparation import NUMPY, Array, Operations
from bedside.training.band import fit_band
from bedside.training.folds import mean_over_folds
from bedside.training.hazard_calibration import HazardCalibration, fit_hazard_calibration, recalibrated
from bedside.training.hazards import cells, counted, expected, log_hazards, losses
from bedside.training.head import Course, Decided, Floor

if TYPE_CHECKING:
    from bedside.training.sample import Sample


@dataclass(frozen=True)
class Hazards:
    """A `Head` with one output for each event and interval: the logarithm of its hazard.

    Attributes
    ----------
    events: how many may happen: the one asked about, then those that compete with it.
    edges: of the intervals. horizons: edges at which a risk is given. decision: the one that decides.
    """

    events: int
    edges: tuple[float, ...]
    horizons: tuple[float, ...]
    decision: float
    floor: Floor
    loss: str = "piecewise-exponential"
    spread: bool = field(default=False, init=False)

    @property
    def classes(self) -> int:
        """No event seen, and each event."""
        return self.events + 1

    @property
    def needed(self) -> tuple[int, ...]:
        """Patients with each event are needed; that some were censored is not."""
        return tuple(range(1, self.classes))

    @property
    def intervals(self) -> int:
        """How many there are."""
        return len(self.edges) - 1

    @property
    def outputs(self) -> int:
        """One logit for each event and interval."""
        return self.events * self.intervals

    @property
    def shapes(self) -> Float[np.ndarray, "shape output"]:
        """For each event, a hazard ratio that stays the same and one that rises or falls over the intervals."""
        each = np.stack([np.ones(self.intervals), np.linspace(-1.0, 1.0, self.intervals)])
        return np.kron(np.eye(self.events), each)

    @property
    def width(self) -> int:
        """One cell for each event and interval, and one for none of them."""
        return self.outputs + 1

    @property
    def scored(self) -> str:
        """Log-loss."""
        return "log_loss"

    def strata(self, sample: Sample) -> Int[np.ndarray, " row"]:
        """What happened."""
        return sample.y

    def described(self, sample: Sample, names: tuple[str, ...]) -> dict[str, object]:
        """How many rows there are of each class."""
        counts = np.bincount(sample.y, minlength=self.classes)
        return {"classes": {name: int(count) for name, count in zip(names, counts, strict=True)}}

    def target(self, sample: Sample) -> Float[np.ndarray, "row column"]:
        """See `counted`."""
        assert sample.followed is not None
        return counted(np.array(self.edges), self.events, sample.y, sample.followed, sample.entered)

    def taught(self, probability: Float[np.ndarray, "row cell"]) -> Float[np.ndarray, "row column"]:
        """See `expected`."""
        return expected(probability, events=self.events, intervals=self.intervals)

    def columns(self, ops: Operations, logits: Array) -> Array:
        """See `cells`."""
        return cells(ops, logits, events=self.events, intervals=self.intervals)

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

    def calibrated(self, ops: Operations, calibration: HazardCalibration, probability: Array) -> Array:
        """See `HazardCalibration`."""
        return self.columns(ops, recalibrated(ops, calibration, self._log_hazards(ops, probability)))

    def sums(self) -> Mapping[str, Float[np.ndarray, "cell sum"]]:
        """``incidence`` of each event by the end of each interval, event after event; ``risk`` of the first event."""
        until = np.kron(np.eye(self.events), np.triu(np.ones((self.intervals, self.intervals))))
        incidence = np.concatenate([until, np.zeros((1, self.outputs))])
        return {"incidence": incidence, "risk": incidence[:, [self.edges.index(one) - 1 for one in self.horizons]]}

    def fit_calibration(
        self, sample: Sample, probability: Float[np.ndarray, "row cell"], fold: Int[np.ndarray, " row"] | None = None
    ) -> HazardCalibration:
        """Segments lie between 0, the horizons and the last edge.

        What happens after a horizon has no part in how the risk by it is recalibrated: where predictors tell less and
        less with the years, the late ones would flatten the risks by an early one.
        """
        segment = np.searchsorted(np.array(self.horizons), np.array(self.edges[:-1]), side="right")
        return fit_hazard_calibration(self._log_hazards(NUMPY, probability), self.target(sample), segment, fold)

    def calibration_facts(self, calibration: HazardCalibration) -> dict[str, object]:
        """Shift and slope of each event between horizons, and after the last."""
        starts, ends = (0.0, *self.horizons), (*self.horizons, self.edges[-1])
        return {
            "segments": [
                {
                    "event": one.event,
                    "from": starts[one.number],
                    "to": ends[one.number],
                    "shift": one.shift,
                    "slope": one.slope,
                }
                for one in calibration.segments
            ]
        }

    def losses(self, sample: Sample, probability: Float[np.ndarray, "row cell"]) -> Float[np.ndarray, " row"]:
        """Minus the piecewise exponential log-likelihood, time being counted in intervals."""
        return losses(self._log_hazards(NUMPY, probability), self.target(sample))

    def difference(
        self,
        sample: Sample,
        one: Float[np.ndarray, "row cell"],
        other: Float[np.ndarray, "row cell"],
        fold: Int[np.ndarray, " row"],
    ) -> Measure:
        """Paired by row; see `mean_over_folds`."""
        return mean_over_folds(self.losses(sample, one) - self.losses(sample, other), fold)

    def measures(self, sample: Sample, probability: Float[np.ndarray, "row cell"]) -> dict[str, Measure]:
        """Mean loss and Harrell's C."""
        return {"log_loss": mean(self.losses(sample, probability)), "c_harrell": self._harrell(sample, probability)}

    def order(self, sample: Sample, probability: Float[np.ndarray, "row cell"]) -> tuple[str, float]:
        """Harrell's C of the risk until the horizon that decides."""
        return "c_harrell", self._harrell(sample, probability, repeats=0).value

    def _harrell(self, sample: Sample, probability: Float[np.ndarray, "row cell"], repeats: int = 200) -> Measure:
        assert sample.followed is not None
        return c_harrell(sample.followed, sample.y, self.risk(probability), sample.entered, repeats=repeats)

    def decided(self, sample: Sample, probability: Float[np.ndarray, "row cell"], alpha: float) -> Decided:
        """Edges, horizons and the band; there is no conformal set of a course."""
        assert sample.followed is not None
        until = np.pad(probability[:, : self.intervals].cumsum(axis=1), ((0, 0), (1, 0)))
        risk, edges = self.risk(probability), np.array(self.edges)
        band = fit_band(edges, until, risk, sample.y, sample.followed, sample.entered, alpha)
        facts = {
            "edges": list(self.edges),
            "horizons": list(self.horizons),
            "decision": self.decision,
            "band": None if band is None else asdict(band),
        }
        return Decided((), Course(self.edges, self.decision, band), {"course": facts})

    def risk(self, probability: Float[np.ndarray, "row cell"]) -> Float[np.ndarray, " row"]:
        """Probability of the event that is asked about until the horizon that decides."""
        return np.asarray(probability[:, : self.edges.index(self.decision)].sum(axis=1))

    def _log_hazards(self, ops: Operations, probability: Array) -> Array:
        return log_hazards(ops, probability, events=self.events, intervals=self.intervals)
