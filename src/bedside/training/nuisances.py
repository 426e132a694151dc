"""What is expected of each patient under each arm, and who got which: by models that never saw the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.cohort import Scale
from bedside.measures import restricted_mean_outcome
from bedside.network import Members, logits
from bedside.preparation import NUMPY, Array, Operations, Preparation
from bedside.sources import Schema
from bedside.training.calibration import Calibration, calibrated, fit_calibration
from bedside.training.floor import chosen_strength, fit_floor
from bedside.training.folds import stratified_folds

FOLDS = 5

LEAST = 0.01
"""No arm's estimated propensity is below this: one patient may stand for a hundred others, not for more."""

PENALTIES = tuple(10.0**power for power in range(-1, 6))
"""Of the linear outcome model, tried by leave-one-out."""

Outcome = tuple[Float[np.ndarray, " row"], Float[np.ndarray, " row"]]
"""An outcome, and the weight of each row: 0 where the outcome is not known."""


@dataclass(frozen=True)
class Propensity:
    """How likely each arm is for a patient: declared by a trial, or logistic regression on features, recalibrated.

    Attributes
    ----------
    declared: of each arm; None: estimated, and the others are there.
    """

    declared: tuple[float, ...] | None
    members: Members | None = None
    calibration: Calibration | None = None

    @property
    def parameters(self) -> int:
        """Fitted numbers."""
        if self.members is None or self.calibration is None:
            return 0
        return self.members.parameters + self.calibration.parameters

    def columns(self, ops: Operations, x: Array) -> Array:
        """Propensity [patient, arm] of features, each at least `LEAST`; of a trial one row for all: [arm]."""
        if self.declared is not None:
            return ops.constant(np.array(self.declared))
        assert self.members is not None
        assert self.calibration is not None
        each = ops.softmax(ops.mean(logits(ops, self.members, x), axis=0))
        return _mixed(ops, calibrated(ops, self.calibration, each), self.members.bias.shape[-1])


def _mixed(ops: Operations, share: Array, arms: int) -> Array:
    return share * ops.constant(np.full(1, 1 - arms * LEAST)) + ops.constant(np.full(1, LEAST))


def outcome_of(
    y: Int[np.ndarray, " row"],
    amount: Float[np.ndarray, " row"] | None,
    followed: Float[np.ndarray, " row"] | None,
    arm: Int[np.ndarray, " row"],
    until: float | None,
) -> Outcome:
    """What is compared between arms: a number, a time cut at `until` with weights against censoring, or yes and no."""
    if amount is not None:
        return amount, np.ones(len(y))
    if until is None:
        return y.astype(np.float64), np.ones(len(y))
    assert followed is not None
    return restricted_mean_outcome(followed, y, until, arm)


def cross_fitted(
    schema: Schema,
    scales: Mapping[str, Scale],
    values: Float[np.ndarray, "row variable"],
    arm: Int[np.ndarray, " row"],
    outcome: Outcome,
    declared: tuple[float, ...] | None,
    arms: int,
    fold: Int[np.ndarray, " row"],
    seed: tuple[int, ...],
) -> tuple[Float[np.ndarray, "row arm"], Float[np.ndarray, "row arm"]]:
    """(Expected outcome, propensity) of each row under each arm, by models of the other folds.

    The expected outcome is a mean of ridge regression and of boosted trees, each fitted in the arm by itself; how much
    of each, the other folds' predictions say. Any such mean is right for `dr_scores`, and a better one makes them vary
    less.
    """
    linear, boosted = np.empty((len(arm), arms)), np.empty((len(arm), arms))
    propensity = np.empty((len(arm), arms))
    for k in np.unique(fold):
        out = fold == k
        preparation = Preparation.fit(schema, values[~out], scales)
        x, new = preparation.transform(values[~out]), preparation.transform(values[out])
        for one in range(arms):
            own = (arm[~out] == one) & (outcome[1][~out] > 0)
            y, weight = outcome[0][~out][own], outcome[1][~out][own]
            linear[out, one], boosted[out, one] = _ridge(x[own], y, weight, new), _trees(x[own], y, weight, new)
        propensity[out] = declared if declared is not None else _arm_shares(x, arm[~out], arms, new, (*seed, int(k)))
    if declared is None:
        found = fit_calibration(arm, propensity)
        propensity = np.asarray(_mixed(NUMPY, calibrated(NUMPY, found, propensity), arms))
    return _stacked(linear, boosted, arm, outcome, fold), propensity


def fit_propensity(
    x: Float[np.ndarray, "row feature"],
    arm: Int[np.ndarray, " row"],
    patient: Int[np.ndarray, " row"],
    declared: tuple[float, ...] | None,
    arms: int,
) -> Propensity:
    """The one that serves, of all rows; its recalibration is that of out-of-fold shares."""
    if declared is not None:
        return Propensity(declared)
    strength = chosen_strength(x, arm, patient, arms, np.random.default_rng(0))
    fold = stratified_folds(arm, patient, FOLDS, np.random.default_rng(1))
    share = np.empty((len(arm), arms))
    for k in range(FOLDS):
        share[fold == k] = _shares(fit_floor(x[fold != k], arm[fold != k], arms, strength), x[fold == k])
    return Propensity(None, fit_floor(x, arm, arms, strength), fit_calibration(arm, share))


def _arm_shares(
    x: Float[np.ndarray, "row feature"],
    arm: Int[np.ndarray, " row"],
    arms: int,
    new: Float[np.ndarray, "new feature"],
    seed: tuple[int, ...],
) -> Float[np.ndarray, "new arm"]:
    strength = chosen_strength(x, arm, np.arange(len(arm)), arms, np.random.default_rng([*seed, 0]))
    return _shares(fit_floor(x, arm, arms, strength), new)


def _shares(members: Members, x: Float[np.ndarray, "row feature"]) -> Float[np.ndarray, "row arm"]:
    return np.asarray(NUMPY.softmax(logits(NUMPY, members, x)[0]))


def _ridge(
    x: Float[np.ndarray, "row feature"],
    y: Float[np.ndarray, " row"],
    weight: Float[np.ndarray, " row"],
    new: Float[np.ndarray, "new feature"],
) -> Float[np.ndarray, " new"]:
    from sklearn.linear_model import RidgeCV

    return np.asarray(RidgeCV(PENALTIES).fit(x, y, sample_weight=weight).predict(new))


def _trees(
    x: Float[np.ndarray, "row feature"],
    y: Float[np.ndarray, " row"],
    weight: Float[np.ndarray, " row"],
    new: Float[np.ndarray, "new feature"],
) -> Float[np.ndarray, " new"]:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingRegressor(max_iter=60, max_leaf_nodes=8, early_stopping=False, random_state=0)
    with threadpool_limits(1):  # many threads on few rows wait for each other
        return np.asarray(model.fit(x, y, sample_weight=weight).predict(new))


def _stacked(
    linear: Float[np.ndarray, "row arm"],
    boosted: Float[np.ndarray, "row arm"],
    arm: Int[np.ndarray, " row"],
    outcome: Outcome,
    fold: Int[np.ndarray, " row"],
) -> Float[np.ndarray, "row arm"]:
    """The mean of both with the least squared error among the other folds' patients of the arm."""
    found = np.empty_like(linear)
    for k in np.unique(fold):
        for one in range(linear.shape[1]):
            own: Bool[np.ndarray, " row"] = (fold != k) & (arm == one) & (outcome[1] > 0)
            share = _share(linear[own, one], boosted[own, one], outcome[0][own], outcome[1][own])
            out = fold == k
            found[out, one] = (1 - share) * linear[out, one] + share * boosted[out, one]
    return found


def _share(
    linear: Float[np.ndarray, " row"],
    boosted: Float[np.ndarray, " row"],
    y: Float[np.ndarray, " row"],
    weight: Float[np.ndarray, " row"],
) -> float:
    apart = boosted - linear
    size = float(weight @ apart**2)
    return float(np.clip(weight @ (apart * (y - linear)) / size, 0.0, 1.0)) if size > 0 else 0.0
