"""Recalibration of a course: a shift and a slope of the log-hazards of each event, between one horizon and the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from bedside.preparation import Array, Operations, in_single_precision
from bedside.training.calibration import LEAST_SLOPE

DRAWN = 50.0
"""How lightly shift and slope are drawn to 0 and 1: about as much as so many events say."""

CALM = 8.0
"""A log-hazard further than this from the centre counts as that far: no few hundred patients support larger ratios."""


class Segment(NamedTuple):
    """What was fitted for one event in one stretch, between horizons or after the last; `number` counts from 0."""

    event: int
    number: int
    shift: float
    slope: float


@dataclass(frozen=True)
class HazardCalibration:
    """A log-hazard z becomes slope * z + shift; both are stated for each event and interval.

    Attributes
    ----------
    segments: as fitted, event after event, with the shift at the centre.
    """

    slope: Float[np.ndarray, " output"]
    shift: Float[np.ndarray, " output"]
    segments: tuple[Segment, ...] = ()

    @property
    def parameters(self) -> int:
        """How many numbers were fitted."""
        return 2 * len(self.segments)


def recalibrated(ops: Operations, calibration: HazardCalibration, log_hazards: Array) -> Array:
    """Calibrated log-hazards [..., output]."""
    return log_hazards * ops.constant(calibration.slope) + ops.constant(calibration.shift)


def fit_hazard_calibration(
    log_hazards: Float[np.ndarray, "row output"],
    counted: Float[np.ndarray, "row column"],
    segment: Int[np.ndarray, " interval"],
    fold: Int[np.ndarray, " row"] | None = None,
) -> HazardCalibration:
    """The likeliest shift and slope of each event in each segment, lightly drawn to 0 and 1.

    log hazard → centre + shift + slope * (log hazard - centre), where the centre is each interval's mean over exposure:
    the slope is about how patients differ, not about how hazards differ between intervals. Nor is it about how the
    models of the folds differ: where the patients left out had many events in an interval, the others had few, and that
    alone would draw the slope below 1. The likelihood is the piecewise exponential one, in which every event and
    segment stands by itself: Poisson regression on the predicted log-hazard, which van Houwelingen (Stat Med
    2000;19:3401-3415) proposes for survival models.
    """
    intervals = len(segment)
    outputs = log_hazards.shape[1]
    slope, shift = np.ones(outputs), np.zeros(outputs)
    found: list[Segment] = []
    for event in range(outputs // intervals):
        for number in np.unique(segment):
            own = np.flatnonzero(segment == number)
            columns = event * intervals + own
            z, happened = log_hazards[:, columns], counted[:, columns]
            share = counted[:, outputs + own]
            centre, off = _centred(z, share, np.zeros(len(z), dtype=np.int64) if fold is None else fold)
            a, b = _fitted(np.clip(off, -CALM, CALM), happened, share, centre)
            slope[columns], shift[columns] = b, centre + a - b * centre
            found.append(Segment(event + 1, int(number), a, b))
    return HazardCalibration(in_single_precision(slope), in_single_precision(shift), tuple(found))


def _centred(
    z: Float[np.ndarray, "row interval"], share: Float[np.ndarray, "row interval"], fold: Int[np.ndarray, " row"]
) -> tuple[Float[np.ndarray, " interval"], Float[np.ndarray, "row interval"]]:
    """Mean of each interval over exposure, and how far each row is from the mean of its own fold."""
    off, weight = np.empty_like(z), np.maximum(share, 1e-12)
    for k in np.unique(fold):
        own = fold == k
        off[own] = z[own] - np.average(z[own], axis=0, weights=weight[own])
    return np.average(z, axis=0, weights=weight), off


def _fitted(
    off: Float[np.ndarray, "row interval"],
    happened: Float[np.ndarray, "row interval"],
    share: Float[np.ndarray, "row interval"],
    centre: Float[np.ndarray, " interval"],
) -> tuple[float, float]:
    from scipy.optimize import minimize

    def loss(parameters: Float[np.ndarray, " two"]) -> tuple[float, Float[np.ndarray, " two"]]:
        a, b = parameters
        eta = centre + a + b * off
        wanted = share * np.exp(np.minimum(eta, 50.0))
        away = wanted - happened
        value = float(wanted.sum() - (happened * eta).sum() + DRAWN * (a**2 + (b - 1) ** 2) / 2)
        return value, np.array([away.sum() + DRAWN * a, (away * off).sum() + DRAWN * (b - 1)])

    bounds = [(-5.0, 5.0), (LEAST_SLOPE, 5.0)]
    found = minimize(loss, np.array([0.0, 1.0]), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200})
    return float(found.x[0]), float(found.x[1])
