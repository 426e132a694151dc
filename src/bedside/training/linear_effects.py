"""The floor ``linear-effects``: ridge regression of the scores, with a penalty for effects and one for the rest."""

from __future__ import annotations

from collections.abc import Callable
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

ROUNDS = 50
"""Of evidence maximisation; penalties hardly move after twenty."""

LEAST_PENALTY, MOST_PENALTY = 1e-3, 1e8

Chosen = tuple[float, float | None]
"""Inverse penalties of the mean and of what arms change; None: each feature has its own, see `relevance`."""


Solution = tuple[Float[np.ndarray, "feature column"], Float[np.ndarray, " column"]]
"""Weights and bias."""


class LinearEffects:
    """The `Floor` of a treatment.

    The mean of a row's scores over the arms, and how far each arm's lies from it, are each a linear function of the
    features. Patients differ much in what is to be expected, and little in what an arm changes: one penalty for both
    would be too strong for the first or too weak for the second.
    """

    def strength(
        self, x: Float[np.ndarray, "row feature"], sample: Sample, _: np.random.Generator | None = None
    ) -> Chosen:
        """What has the least squared error out of fold.

        It is the same for the same rows, as `bedside.training.effect_errors` asks for it again.
        """
        stratum = sample.head.strata(sample)
        fold = stratified_folds(stratum, sample.patient, FOLDS, np.random.default_rng(0))
        mean, apart = parts(sample.head.target(sample))
        common, changed = _errors(x, mean, fold), _errors(x, apart, fold)
        best = STRENGTHS[int(np.argmin(changed))]
        if 2 * FOLDS * x.shape[1] > (FOLDS - 1) * len(x):
            return STRENGTHS[int(np.argmin(common))], best
        own = unseen_error(x, apart, fold, lambda x, y: weighted(x, y, relevance(x, y)))
        return STRENGTHS[int(np.argmin(common))], None if own < changed.min() else best

    def fit(self, x: Float[np.ndarray, "row feature"], sample: Sample, strength: Chosen) -> Members:
        """The linear model; it gives what the network is taught, in standard deviations of the outcome."""
        mean, apart = parts(sample.head.target(sample))
        one = ridge(x, mean, strength[0])
        other = weighted(x, apart, self.penalties(x, sample, strength))
        return linear_members(in_single_precision(one[0] + other[0]), in_single_precision(one[1] + other[1]))

    def penalties(
        self, x: Float[np.ndarray, "row feature"], sample: Sample, strength: Chosen
    ) -> Float[np.ndarray, " feature"]:
        """The penalty of each feature in what arms change."""
        if strength[1] is not None:
            return np.full(x.shape[1], 1 / strength[1])
        return relevance(x, parts(sample.head.target(sample))[1])


LINEAR_EFFECTS = LinearEffects()


def parts(
    scores: Float[np.ndarray, "row arm"],
) -> tuple[Float[np.ndarray, "row 1"], Float[np.ndarray, "row arm"]]:
    """The mean of a row's scores, and how far each lies from it."""
    mean = scores.mean(axis=1, keepdims=True)
    return mean, scores - mean


def ridge(x: Float[np.ndarray, "row feature"], target: Float[np.ndarray, "row column"], strength: float) -> Solution:
    """Weights and bias with the least |target - x w - b|^2 + |w|^2 / `strength`."""
    return _solved(x, target, (strength,))[0]


def _solved(
    x: Float[np.ndarray, "row feature"], target: Float[np.ndarray, "row column"], strengths: tuple[float, ...]
) -> list[Solution]:
    centre, level = x.mean(axis=0), target.mean(axis=0)
    left, size, right = np.linalg.svd(x - centre, full_matrices=False)
    within = left.T @ (target - level)
    found = []
    for strength in strengths:
        weights = right.T @ ((size / (size**2 + 1 / strength))[:, None] * within)
        found.append((weights, level - centre @ weights))
    return found


def relevance(
    x: Float[np.ndarray, "row feature"],
    target: Float[np.ndarray, "row column"],
    group: Int[np.ndarray, " feature"] | None = None,
) -> Float[np.ndarray, " feature"]:
    """A penalty for each feature, or group of them: the noise's variance over that of its weights.

    Most predictors of an outcome do not change what a treatment does: their weights are drawn to 0, and the few
    others are left alone. Both variances have the most evidence (MacKay, Neural Comput 1992;4:415-447; Tipping, J Mach
    Learn Res 2001;1:211-244). Columns of ``target`` sum to 0, so that one of them follows from the others.
    """
    rows, free = len(x), target.shape[1] - 1
    group = np.arange(x.shape[1]) if group is None else group
    x, target = x - x.mean(axis=0), target - target.mean(axis=0)
    gram, within = x.T @ x, x.T @ target
    penalty, noise = np.full(x.shape[1], 10.0), float(np.sum(target**2)) / (free * rows)
    for _ in range(ROUNDS):
        inverse = np.linalg.inv(gram + np.diag(penalty))
        weights = inverse @ within
        known = 1 - penalty * np.diag(inverse)
        left = float(np.sum((target - x @ weights) ** 2))
        noise = left / (free * max(rows - 1 - known.sum(), 1.0))
        size = np.maximum(np.bincount(group, np.sum(weights**2, axis=1)) / free, 1e-30)
        penalty = np.clip(np.bincount(group, known) * noise / size, LEAST_PENALTY, MOST_PENALTY)[group]
    return np.asarray(penalty)


def weighted(
    x: Float[np.ndarray, "row feature"], target: Float[np.ndarray, "row column"], penalty: Float[np.ndarray, " feature"]
) -> Solution:
    """Weights and bias with the least |target - x w - b|^2 + the sum of w^2 times each one's penalty."""
    centre, level = x.mean(axis=0), target.mean(axis=0)
    z = x - centre
    weights = np.linalg.solve(z.T @ z + np.diag(penalty), z.T @ (target - level))
    return weights, level - centre @ weights


def _errors(
    x: Float[np.ndarray, "row feature"], target: Float[np.ndarray, "row column"], fold: Int[np.ndarray, " row"]
) -> Float[np.ndarray, " strength"]:
    error = np.zeros(len(STRENGTHS))
    for k in range(FOLDS):
        out = fold == k
        for i, (weights, bias) in enumerate(_solved(x[~out], target[~out], STRENGTHS)):
            error[i] += float(np.sum((target[out] - x[out] @ weights - bias) ** 2))
    return error


def unseen_error(
    x: Float[np.ndarray, "row feature"],
    target: Float[np.ndarray, "row column"],
    fold: Int[np.ndarray, " row"],
    fit: Callable[[Float[np.ndarray, "fit feature"], Float[np.ndarray, "fit column"]], Solution],
) -> float:
    """Sum of squared errors, each fold predicted by what the others gave."""
    error = 0.0
    for k in range(FOLDS):
        out = fold == k
        weights, bias = fit(x[~out], target[~out])
        error += float(np.sum((target[out] - x[out] @ weights - bias) ** 2))
    return error
