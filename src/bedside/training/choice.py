"""Out of fold: calibration, the choice between network and floor, what follows, and the limits of abstention."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.measures import Measure, bootstrap
from bedside.preparation import NUMPY
from bedside.training.cross_fitting import OutOfFold
from bedside.training.head import Decided
from bedside.training.sample import Sample

DISTANCE_SHARE = 0.995
"""Of the development patients, out of fold, lie within the distance limit."""

MISSING_LEAST, MISSING_SHARE, MISSING_MOST = 0.5, 0.99, 0.9
"""The missing limit is this quantile of the development rows' share of unknown predictors, but within these bounds."""


@dataclass(frozen=True)
class Choice:
    """What the out-of-fold predictions decide.

    Attributes
    ----------
    floor, network: out-of-fold probabilities, each fold calibrated on the other folds.
    difference: loss of the network minus that of the floor over folds; None where no network was fitted.
    network_wins: the network is not worse than its floor, so it is packed.
    packed: what else the out-of-fold probabilities of the model that is packed decide.
    compression: loss of the network minus that of the larger one that it was compressed from, over folds; None
        where nothing was compressed. larger: out-of-fold probabilities of that one.
    """

    floor: Float[np.ndarray, "row column"]
    network: Float[np.ndarray, "row column"] | None
    difference: Measure | None
    network_wins: bool
    packed: Decided
    larger: Float[np.ndarray, "row column"] | None = None
    compression: Measure | None = None


def choose(sample: Sample, out_of_fold: OutOfFold, alpha: float) -> Choice:
    """Calibrate across folds, compare network and floor, and take what else the packed one decides."""
    head = sample.head
    floor = cross_calibrated(sample, out_of_fold.floor, out_of_fold.fold)
    if out_of_fold.network is None:
        return Choice(floor, None, None, False, head.decided(sample, floor, alpha))
    network = cross_calibrated(sample, out_of_fold.network, out_of_fold.fold)
    difference = head.difference(sample, network, floor, out_of_fold.fold)
    wins = difference.value <= 0.0
    packed = head.decided(sample, network if wins else floor, alpha)
    if out_of_fold.larger is None:
        return Choice(floor, network, difference, wins, packed)
    larger = cross_calibrated(sample, out_of_fold.larger, out_of_fold.fold)
    compression = head.difference(sample, network, larger, out_of_fold.fold)
    return Choice(floor, network, difference, wins, packed, larger, compression)


def cross_calibrated(
    sample: Sample, probability: Float[np.ndarray, "row column"], fold: Int[np.ndarray, " row"]
) -> Float[np.ndarray, "row column"]:
    """Each fold's out-of-fold probabilities, calibrated by a map fitted on the other folds only."""
    result = np.empty_like(probability)
    for k in np.unique(fold):
        own = fold == k
        found = sample.head.fit_calibration(sample.take(~own), probability[~own], fold[~own])
        result[own] = sample.head.calibrated(NUMPY, found, probability[own])
    return result


def distance_limit(distance: Float[np.ndarray, " row"], novel: Bool[np.ndarray, " row"]) -> float:
    """The `DISTANCE_SHARE` quantile of out-of-fold distances.

    Rows with a category that no patient of the other folds had are left out: they are unlike those patients by
    definition, and a few of them would lift the limit beyond use.
    """
    known = distance[~novel] if (~novel).any() else distance
    return float(np.quantile(known, DISTANCE_SHARE))


def missing_limit(values: Float[np.ndarray, "row variable"]) -> float:
    """Share of unknown predictors above which a patient gets no estimate; below 1: where all is unknown, never."""
    share = np.isnan(values).mean(axis=1)
    return float(np.clip(np.quantile(share, MISSING_SHARE), MISSING_LEAST, MISSING_MOST))


def measured(sample: Sample, probability: Float[np.ndarray, "row column"], out_of_fold: OutOfFold) -> dict[str, object]:
    """Out-of-fold measures with their intervals, and the loss of each fold, ready for JSON."""
    losses = sample.head.losses(sample, probability)
    folds = [out_of_fold.fold == k for k in np.unique(out_of_fold.fold)]
    several = sample.patients < len(sample.y)
    found = _by_patient(sample, probability, losses) if several else sample.head.measures(sample, probability)
    return {
        **{name: measure.as_dict() for name, measure in found.items()},
        f"{sample.head.scored}_by_fold": [float(losses[own].mean()) for own in folds],
    }


def _by_patient(
    sample: Sample, probability: Float[np.ndarray, "row column"], losses: Float[np.ndarray, " row"]
) -> dict[str, Measure]:
    """The measures of the head over all rows, with intervals from drawing patients with all rows of theirs."""

    def order(rows: Int[np.ndarray, " drawn"]) -> float:
        return sample.head.order(sample.take(rows), probability[rows])[1]

    name, _ = sample.head.order(sample, probability)
    return {
        sample.head.scored: bootstrap(lambda rows: float(losses[rows].mean()), len(losses), groups=sample.patient),
        name: bootstrap(order, len(losses), groups=sample.patient),
    }
