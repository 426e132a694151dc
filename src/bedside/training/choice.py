"""Out of fold: calibration, the choice between network and floor, conformal quantiles, and the limits of abstention."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from bedside.measures import Measure, auroc, auroc_multiclass, conformal_quantiles, log_loss, log_loss_difference
from bedside.training.calibration import cross_calibrated
from bedside.training.cross_fitting import OutOfFold
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
    difference: log-loss of the network minus that of the floor over folds; None where no network was fitted.
    network_wins: the network is not worse than its floor, so it is packed.
    quantiles: label-conditional conformal quantiles of the model that is packed.
    compression: log-loss of the network minus that of the larger one that it was compressed from, over folds; None
        where nothing was compressed. larger: out-of-fold probabilities of that one.
    """

    floor: Float[np.ndarray, "row class"]
    network: Float[np.ndarray, "row class"] | None
    difference: Measure | None
    network_wins: bool
    quantiles: tuple[float, ...]
    larger: Float[np.ndarray, "row class"] | None = None
    compression: Measure | None = None


def choose(sample: Sample, out_of_fold: OutOfFold, alpha: float) -> Choice:
    """Calibrate across folds, compare network and floor, and take the packed one's conformal quantiles.

    The quantile of a fold's patients comes from a model and a calibration map fitted on other patients (cross-conformal
    prediction: Vovk, Ann Math Artif Intell 2015;74:9-28; its guarantee is 1 - 2 alpha, its usual coverage about 1 -
    alpha; the evidence measures it).
    """
    floor = cross_calibrated(sample.y, out_of_fold.floor, out_of_fold.fold)
    if out_of_fold.network is None:
        return Choice(floor, None, None, False, _quantiles(sample, floor, alpha))
    network = cross_calibrated(sample.y, out_of_fold.network, out_of_fold.fold)
    difference = log_loss_difference(sample.y, network, floor, out_of_fold.fold)
    wins = difference.value <= 0.0
    quantiles = _quantiles(sample, network if wins else floor, alpha)
    if out_of_fold.larger is None:
        return Choice(floor, network, difference, wins, quantiles)
    larger = cross_calibrated(sample.y, out_of_fold.larger, out_of_fold.fold)
    compression = log_loss_difference(sample.y, network, larger, out_of_fold.fold)
    return Choice(floor, network, difference, wins, quantiles, larger, compression)


def _quantiles(sample: Sample, probability: Float[np.ndarray, "row class"], alpha: float) -> tuple[float, ...]:
    return tuple(float(q) for q in conformal_quantiles(sample.y, probability, alpha))


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


def measured(sample: Sample, probability: Float[np.ndarray, "row class"], out_of_fold: OutOfFold) -> dict[str, object]:
    """Out-of-fold log-loss and AUROC with their intervals, and the log-loss of each fold, ready for JSON."""
    binary = sample.classes == 2
    area = auroc(sample.y, probability[:, 1]) if binary else auroc_multiclass(sample.y, probability)
    folds = [out_of_fold.fold == k for k in np.unique(out_of_fold.fold)]
    return {
        "log_loss": log_loss(sample.y, probability).as_dict(),
        "auroc": area.as_dict(),
        "log_loss_by_fold": [log_loss(sample.y[own], probability[own]).value for own in folds],
    }
