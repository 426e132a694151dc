"""The floor ``linear-effects``: ridge regression of the scores, with a penalty for effects and one for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from bedside.network import Members, linear_members
from bedside.preparation import in_single_precision
from bedside.training.folds import stratified_folds

if TYPE_CHECKING:
    from bedside.training.sample import Sample

STRENGTHS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001, 1e-5, 1e-8)
"""Inverse penalties that are tried; with the last, the effect is the same for all."""

FOLDS = 5


class LinearEffects:
    """The `Floor` of a treatment.

    The mean of a row's scores over the arms, and how far each arm's lies from it, are each a linear function of the
    features. Patients differ much in what is to be expected, and little in what an arm changes: one penalty for both
    would be too strong for the first or too weak for the second.
    """

    def strength(
        self, x: Float[np.ndarray, "row feature"], sample: Sample, _: np.random.Generator | None = None
    ) -> tuple[float, float]:
        """The inverse penalties (of the mean, of what arms change) with the least squared error out of fold.

        It is the same for the same rows, as `bedside.training.effect_errors` asks for it again.
        """
        stratum = sample.head.strata(sample)
        fold = stratified_folds(stratum, sample.patient, FOLDS, np.random.default_rng(0))
        mean, apart = parts(_scaled(sample))
        return _best(x, mean, fold), _best(x, apart, fold)

    def fit(self, x: Float[np.ndarray, "row feature"], sample: Sample, strength: tuple[float, float]) -> Members:
        """The linear model; it gives what the network is taught, in standard deviations of the outcome."""
        mean, apart = parts(_scaled(sample))
        one, other = ridge(x, mean, strength[0]), ridge(x, apart, strength[1])
        return linear_members(in_single_precision(one[0] + other[0]), in_single_precision(one[1] + other[1]))


LINEAR_EFFECTS = LinearEffects()


def parts(
    scores: Float[np.ndarray, "row arm"],
) -> tuple[Float[np.ndarray, "row 1"], Float[np.ndarray, "row arm"]]:
    """The mean of a row's scores, and how far each lies from it."""
    mean = scores.mean(axis=1, keepdims=True)
    return mean, scores - mean


def ridge(
    x: Float[np.ndarray, "row feature"], target: Float[np.ndarray, "row column"], strength: float
) -> tuple[Float[np.ndarray, "feature column"], Float[np.ndarray, " column"]]:
    """Weights and bias with the least |target - x w - b|^2 + |w|^2 / `strength`."""
    return _solved(x, target, (strength,))[0]


def _solved(
    x: Float[np.ndarray, "row feature"], target: Float[np.ndarray, "row column"], strengths: tuple[float, ...]
) -> list[tuple[Float[np.ndarray, "feature column"], Float[np.ndarray, " column"]]]:
    centre, level = x.mean(axis=0), target.mean(axis=0)
    left, size, right = np.linalg.svd(x - centre, full_matrices=False)
    within = left.T @ (target - level)
    found = []
    for strength in strengths:
        weights = right.T @ ((size / (size**2 + 1 / strength))[:, None] * within)
        found.append((weights, level - centre @ weights))
    return found


def _best(
    x: Float[np.ndarray, "row feature"], target: Float[np.ndarray, "row column"], fold: Int[np.ndarray, " row"]
) -> float:
    error = np.zeros(len(STRENGTHS))
    for k in range(FOLDS):
        out = fold == k
        for i, (weights, bias) in enumerate(_solved(x[~out], target[~out], STRENGTHS)):
            error[i] += float(np.sum((target[out] - x[out] @ weights - bias) ** 2))
    return STRENGTHS[int(np.argmin(error))]


def _scaled(sample: Sample) -> Float[np.ndarray, "row arm"]:
    return sample.head.target(sample)
