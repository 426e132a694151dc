"""How far a patient is from the patients that a model was fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bedside.preparation import Array, Operations, Preparation, in_single_precision

RIDGE = 0.1
"""Added to every feature's variance (numbers have variance 1), so that a rare category cannot weigh without limit."""

NOVEL = 10.0
"""What a category or value that no fitting patient had adds at least: ten times a typical patient's distance."""


@dataclass(frozen=True)
class Distance:
    """Mahalanobis distance of prepared features, in units of the fitting patients' root mean square.

    ``|x @ root + shift|``; a typical fitting patient has 1.

    What is in it: numbers, scaled to variance 1, unknown ones at their median; indicators of categories and flags for
    unknown values, as 0 and 1. The covariance is shrunk after Ledoit and Wolf (J Multivar Anal 2004;88:365-411) and
    gets `RIDGE` on its diagonal, so that rare categories and nearly collinear numbers do not dominate. A feature that
    did not vary among the fitting patients is left out, except that a category or value which none of them had adds
    `NOVEL`.
    """

    shift: Float[np.ndarray, " feature"]
    root: Float[np.ndarray, "feature feature"]


def distance(ops: Operations, fitted: Distance, x: Array) -> Array:
    """Distance [patient] of features [patient, feature]."""
    return ops.norm(x @ ops.constant(fitted.root) + ops.constant(fitted.shift), axis=1)


def fit_distance(preparation: Preparation, x: Float[np.ndarray, "patient feature"]) -> Distance:
    """Fit on the features of the fitting patients."""
    from sklearn.covariance import ledoit_wolf

    centre = x.mean(axis=0)
    spread = x.std(axis=0)
    varies = np.ptp(x, axis=0) > 0
    root = np.zeros((x.shape[1], x.shape[1]))
    if varies.any():
        size = np.where(preparation.number, spread, 1.0)[varies]
        z = (x - centre)[:, varies] / size
        covariance = ledoit_wolf(z, assume_centered=True)[0] + RIDGE * np.eye(z.shape[1])
        lower = np.linalg.cholesky(np.linalg.inv(covariance))
        typical = np.sqrt(np.mean(np.sum((z @ lower) ** 2, axis=1)))
        root[np.ix_(varies, varies)] = lower / size[:, None] / typical
    novel = np.flatnonzero(preparation.novel)
    root[novel, novel] = NOVEL
    return Distance(shift=in_single_precision(-centre @ root), root=in_single_precision(root))
