"""Sets of classes that miss the true one at most as often as promised, for each class separately."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.errors import DataError
from bedside.measures.interval import wilson
from bedside.measures.measure import Measure
from bedside.measures.predictions import checked_labels, checked_multiclass, checked_probabilities


def conformal_quantiles(
    y: Int[np.ndarray, "patient"], P: Float[np.ndarray, "patient class"], alpha: float
) -> Float[np.ndarray, "class"]:
    """Per class, the limit of the score 1 - P[class] that new patients of that class exceed with probability <= alpha.

    Label-conditional split conformal prediction: the ceil((n_c + 1)(1 - alpha))-th smallest score among the
    n_c calibration patients of class c; 1, so that the class is always in the set, where n_c is too small for
    that. The guarantee holds for each class if new patients of that class are exchangeable with these.
    Source: Vovk, Asian Conference on Machine Learning 2012 (PMLR 25:475-490); score: Sadinle, Lei and
    Wasserman, J Am Stat Assoc 2019;114:223-234.

    Parameters
    ----------
    y: class indices of the calibration patients, none of whom the model or its calibration was fitted on.
    P: their probability of each class.
    alpha: share of true classes that the sets may miss, between 0 and 1.

    Raises
    ------
    DataError: lengths differ, an outcome is not a column of ``P``, a probability is nan or outside [0, 1], the
        probabilities of one patient do not sum to 1, or ``alpha`` is not between 0 and 1.
    """
    y, P = checked_multiclass(y, P)
    if not 0.0 < alpha < 1.0:
        raise DataError(f"{alpha} is not between 0 and 1", where="alpha")
    quantiles = np.ones(P.shape[1])
    for c in range(P.shape[1]):
        scores = np.sort(1.0 - P[y == c, c])
        # Less a hair, so that 30 * 0.9 = 27.000000000000004 is rank 27.
        rank = math.ceil((len(scores) + 1) * (1.0 - alpha) - 1e-9)
        if 1 <= rank <= len(scores):
            quantiles[c] = scores[rank - 1]
    return quantiles


def conformal_sets(
    P: Float[np.ndarray, "patient class"], quantiles: Float[np.ndarray, "class"] | tuple[float, ...]
) -> Bool[np.ndarray, "patient class"]:
    """Which classes are in each patient's set: those with 1 - P at or below the limit of `conformal_quantiles`.

    Where no class fits, all are in: a patient who is unusual for every class is one for whom none can be excluded, and
    naming only the most probable one would look like certainty. A set is never empty, and coverage only rises.

    Raises
    ------
    DataError: a probability or limit is nan or outside [0, 1], or there is not one limit per class.
    """
    P = checked_probabilities(P, "P")
    limits = _limits(quantiles) if isinstance(quantiles, tuple) else checked_probabilities(quantiles, "quantiles")
    if P.ndim != 2 or limits.shape != P.shape[1:]:
        raise DataError(f"limits of shape {limits.shape} for probabilities of shape {P.shape}", where="quantiles")
    scores = 1.0 - P
    sets = np.asarray(scores <= limits)
    if len(sets) != 1 or not np.count_nonzero(sets):  # one patient, and at least one class: nothing to add
        sets[~sets.any(axis=1)] = True
    return sets


@lru_cache(maxsize=64)
def _limits(quantiles: tuple[float, ...]) -> Float[np.ndarray, "class"]:
    """Those of a release are checked once, not for each patient."""
    return checked_probabilities(np.array(quantiles, dtype=np.float64), "quantiles")


def _covered(y: Int[np.ndarray, "patient"], sets: Bool[np.ndarray, "patient class"]) -> Bool[np.ndarray, "patient"]:
    if len(y) != len(sets):
        raise DataError(f"{len(y)} outcomes but {len(sets)} sets", where="sets")
    return np.asarray(sets[np.arange(len(y)), y])


def conformal_coverage(
    y: Int[np.ndarray, "patient"], sets: Bool[np.ndarray, "patient class"], level: float = 0.95
) -> Measure:
    """Share of patients whose set holds the true class, with Wilson's interval; undefined for no patients.

    Raises
    ------
    DataError: lengths differ, or an outcome is not a column of ``sets``.
    """
    y = checked_labels(y, sets.shape[1])
    return wilson(int(_covered(y, sets).sum()), len(y), level)


def conformal_coverage_by_class(
    y: Int[np.ndarray, "patient"], sets: Bool[np.ndarray, "patient class"], level: float = 0.95
) -> tuple[Measure, ...]:
    """`conformal_coverage` among the patients of each true class, in the order of the columns of ``sets``.

    Raises
    ------
    DataError: as for `conformal_coverage`.
    """
    y = checked_labels(y, sets.shape[1])
    hit = _covered(y, sets)
    return tuple(wilson(int(hit[y == c].sum()), int(np.sum(y == c)), level) for c in range(sets.shape[1]))
