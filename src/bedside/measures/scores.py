"""How far predictions are from what happened, patient by patient."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from bedside.errors import DataError
from bedside.measures.interval import mean, wilson
from bedside.measures.measure import Measure
from bedside.measures.predictions import checked_binary, checked_labels, checked_multiclass

SMALLEST = float(np.finfo(np.float64).eps)
"""Least probability that `log_loss` charges for (36 nats): one saturated output would make the mean infinite."""


def _squared_errors(
    y: Int[np.ndarray, "patient"], p: Float[np.ndarray, "patient *class"]
) -> Float[np.ndarray, "patient"]:
    if np.ndim(p) == 1:
        y, p = checked_binary(y, p)
        return np.asarray((p - y) ** 2)
    y, p = checked_multiclass(y, p, "p")
    return np.asarray(np.sum((p - np.eye(p.shape[1])[y]) ** 2, axis=1))


def _surprises(
    y: Int[np.ndarray, "patient"], p: Float[np.ndarray, "patient *class"], name: str = "p"
) -> Float[np.ndarray, "patient"]:
    """Minus the logarithm of the probability given to what happened."""
    if np.ndim(p) == 1:
        y, p = checked_binary(y, p, name)
        of_outcome = np.where(y == 1, p, 1.0 - p)
    else:
        y, p = checked_multiclass(y, p, name)
        of_outcome = p[np.arange(len(y)), y]
    return np.asarray(-np.log(np.maximum(of_outcome, SMALLEST)))


def brier(y: Int[np.ndarray, "patient"], p: Float[np.ndarray, "patient *class"], level: float = 0.95) -> Measure:
    """Brier score with the t interval of a mean, cut to its range.

    Binary ``p``: mean of (p - y)^2, from 0 to 1. Several classes: the squared error summed over all classes,
    from 0 to 2, as Brier wrote it (Mon Weather Rev 1950;78:1-3); two columns give twice the binary score.
    No interval for one patient, or where all errors are equal. Undefined for no patients.

    Parameters
    ----------
    y: class indices; 0 and 1 where ``p`` has one dimension.
    p: probability of class 1, or of each class.
    level: coverage of the interval.

    Raises
    ------
    DataError: lengths differ, an outcome is not a class, a probability is nan or outside [0, 1], or the
        probabilities of one patient do not sum to 1.
    """
    return mean(_squared_errors(y, p), level, lowest=0.0, highest=1.0 if np.ndim(p) == 1 else 2.0)


def log_loss(y: Int[np.ndarray, "patient"], p: Float[np.ndarray, "patient *class"], level: float = 0.95) -> Measure:
    """Mean of -log(probability given to what happened), in nats, with the t interval of a mean.

    The logarithmic score of Good, J R Stat Soc B 1952;14:107-114. A probability below 2^-52 is charged as
    2^-52 (36 nats), as a single 0 would make the mean infinite. No interval for one patient, or where all
    losses are equal. Undefined for no patients.

    Raises
    ------
    DataError: as for `brier`.
    """
    return mean(_surprises(y, p), level, lowest=0.0)


def log_loss_difference(
    y: Int[np.ndarray, "patient"],
    P: Float[np.ndarray, "patient *class"],
    Q: Float[np.ndarray, "patient *class"],
    fold: Int[np.ndarray, "patient"],
    level: float = 0.95,
) -> Measure:
    """Log-loss of ``P`` minus log-loss of ``Q``, paired by patient, meant over folds; below 0 favours ``P``.

    The value is the mean of one mean difference per fold; the interval is Student's t over folds. Folds of one
    cross-validation share training patients, so this interval is somewhat too narrow (Bengio and Grandvalet,
    J Mach Learn Res 2004;5:1089-1105): use it to choose between models, not as evidence. No interval for one
    fold. Undefined for no patients.

    Parameters
    ----------
    y: class indices.
    P, Q: probability of class 1, or of each class, from two models, each for patients it was not fitted on.
    fold: the fold in which each patient was held out; any whole numbers.

    Raises
    ------
    DataError: as for `brier`, for either model, or ``fold`` has another length.
    """
    difference = _surprises(y, P, "P") - _surprises(y, Q, "Q")
    fold = np.asarray(fold)
    if fold.shape != difference.shape:
        raise DataError(f"{len(difference)} outcomes but folds of shape {fold.shape}", where="fold")
    means = [float(difference[fold == one].mean()) for one in np.unique(fold)]
    return mean(np.array(means, dtype=np.float64), level)


def accuracy(y: Int[np.ndarray, "patient"], predicted: Int[np.ndarray, "patient"], level: float = 0.95) -> Measure:
    """Share of patients whose predicted class is the true one, with Wilson's interval; undefined for none.

    Raises
    ------
    DataError: lengths differ, or an entry is not a class index of 0 or more.
    """
    classes = np.iinfo(np.int64).max
    y, predicted = checked_labels(y, classes), checked_labels(predicted, classes)
    if len(y) != len(predicted):
        raise DataError(f"{len(y)} outcomes but {len(predicted)} predictions", where="predicted")
    return wilson(int(np.sum(y == predicted)), len(y), level)
