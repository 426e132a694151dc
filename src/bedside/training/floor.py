"""The floor: logistic regression with an L2 penalty, the model that a network must not be worse than."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from bedside.network import Members, linear_members, logits
from bedside.preparation import NUMPY, in_single_precision
from bedside.training.folds import stratified_folds

if TYPE_CHECKING:
    from bedside.training.sample import Sample

STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
"""Inverse penalties that are tried; scikit-learn's ``C``."""


def fit_floor(
    x: Float[np.ndarray, "patient feature"], y: Int[np.ndarray, " patient"], classes: int, strength: float
) -> Members:
    """Logistic regression on features, written as a linear model with one column of weights per class.

    Minimises |w|^2 / 2 + C * summed cross-entropy; the intercept is not penalised (scikit-learn's solver).
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is penalised: a nearly minimal loss is good enough
        model = LogisticRegression(C=strength, max_iter=500, tol=1e-5).fit(x, y)
    weights, bias = np.zeros((x.shape[1], classes)), np.full(classes, -20.0)  # a class without patients: exp(-20)
    found = model.classes_
    if len(found) == 2:
        weights[:, found[1]], bias[found] = model.coef_[0], (0.0, model.intercept_[0])
    else:
        weights[:, found], bias[found] = model.coef_.T, model.intercept_
    return linear_members(in_single_precision(weights), in_single_precision(bias))


def chosen_strength(
    x: Float[np.ndarray, "patient feature"],
    y: Int[np.ndarray, " patient"],
    patient: Int[np.ndarray, " patient"],
    classes: int,
    rng: np.random.Generator,
    folds: int = 5,
) -> float:
    """The inverse penalty with the least log-loss in a cross-validation among these patients, by patient."""
    fold = stratified_folds(y, patient, folds, rng)
    losses = np.zeros(len(STRENGTHS))
    for k in range(folds):
        out = fold == k
        for i, strength in enumerate(STRENGTHS):
            floor = fit_floor(x[~out], y[~out], classes, strength)
            losses[i] += _loss(logits(NUMPY, floor, x[out])[0], y[out])
    return STRENGTHS[int(np.argmin(losses))]


def _loss(score: Float[np.ndarray, "patient class"], y: Int[np.ndarray, " patient"]) -> float:
    return float(np.sum(np.logaddexp.reduce(score, axis=1) - score[np.arange(len(y)), y]))


class Logistic:
    """The `Floor` of a diagnosis."""

    def strength(self, x: Float[np.ndarray, "patient feature"], sample: Sample, rng: np.random.Generator) -> float:
        """See `chosen_strength`."""
        return chosen_strength(x, sample.y, sample.patient, sample.classes, rng)

    def fit(self, x: Float[np.ndarray, "patient feature"], sample: Sample, strength: float) -> Members:
        """See `fit_floor`."""
        return fit_floor(x, sample.y, sample.classes, strength)


LOGISTIC = Logistic()
