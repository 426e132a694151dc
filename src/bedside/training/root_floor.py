"""The floor ``square-root``: a linear model of the square root of a dose, with an L2 penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from bedside.network import Members, linear_members, logits
from bedside.preparation import NUMPY, in_single_precision
from bedside.training.floor import STRENGTHS
from bedside.training.folds import stratified_folds

if TYPE_CHECKING:
    from bedside.training.sample import Sample

FOLDS = 5


def fit_ridge(x: Float[np.ndarray, "row feature"], target: Float[np.ndarray, "row output"], strength: float) -> Members:
    """Ridge regression (Hoerl and Kennard, Technometrics 1970;12:55-67), written as a linear model.

    Minimises |w|^2 / 2 + `strength` * summed squared error / 2; the intercept is not penalised.
    """
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=1 / strength, solver="svd").fit(x, target)
    weights, bias = model.coef_.reshape(target.shape[1], -1).T, np.atleast_1d(model.intercept_)
    return linear_members(in_single_precision(weights), in_single_precision(bias))


class SquareRoot:
    """The `Floor` of a dose; the head's target is the root in units of its standard deviation."""

    def strength(self, x: Float[np.ndarray, "row feature"], sample: Sample, rng: np.random.Generator) -> float:
        """The inverse penalty with the least squared error in a cross-validation among these rows, by patient."""
        fold = stratified_folds(sample.head.strata(sample), sample.patient, FOLDS, rng)
        target = sample.head.target(sample)
        total = np.zeros(len(STRENGTHS))
        for k in range(FOLDS):
            out = fold == k
            for i, strength in enumerate(STRENGTHS):
                floor = fit_ridge(x[~out], target[~out], strength)
                total[i] += np.sum((logits(NUMPY, floor, x[out])[0] - target[out]) ** 2)
        return STRENGTHS[int(np.argmin(total))]

    def fit(self, x: Float[np.ndarray, "row feature"], sample: Sample, strength: float) -> Members:
        """See `fit_ridge`."""
        return fit_ridge(x, sample.head.target(sample), strength)


SQUARE_ROOT = SquareRoot()
