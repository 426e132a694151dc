"""Effects that bend: broken lines in each number, as far as there is evidence for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from bedside.network import Members
from bedside.preparation import NUMPY, Array, Operations, in_single_precision
from bedside.training.folds import stratified_folds
from bedside.training.linear_effects import FOLDS, LINEAR_EFFECTS, parts, relevance, ridge, unseen_error, weighted

if TYPE_CHECKING:
    from bedside.training.sample import Sample

KNOTS = 7
"""Of each number, at even quantiles: five made steps a little less exact, ten nothing more, in simulations."""

ROWS, MOST_COLUMNS = 5, 240
"""Rows for each column, and the most columns: fewer knots where there are many features."""

DISTINCT = 10
"""Values that a feature has at least, for a line in it to be broken."""


@dataclass(frozen=True)
class Knots:
    """By how much features exceed certain values.

    Attributes
    ----------
    features: how many there are. feature: which one each knot belongs to. at: where the knots are.
    """

    features: int
    feature: Int[np.ndarray, " knot"]
    at: Float[np.ndarray, " knot"]

    @property
    def chosen(self) -> Float[np.ndarray, "feature knot"]:
        """1 at the feature of each knot."""
        return np.eye(self.features)[:, self.feature]

    @property
    def group(self) -> Int[np.ndarray, " column"]:
        """Columns of `wide` that share a penalty: each feature alone, and all knots of a feature."""
        knots = np.unique(self.feature, return_inverse=True)[1]
        return np.concatenate([np.arange(self.features), self.features + knots])

    def wide(self, ops: Operations, x: Array) -> Array:
        """Features, and behind them by how much they exceed the knots."""
        columns = self.features + len(self.at)
        over = ops.maximum(x @ ops.constant(self.chosen) - ops.constant(self.at), ops.constant(np.zeros(1)))
        placed = x @ ops.constant(np.eye(self.features, columns))
        return placed + over @ ops.constant(np.eye(len(self.at), columns, self.features))


@dataclass(frozen=True)
class Bent:
    """What arms change, as a sum of a broken line in each number.

    Attributes
    ----------
    penalty: of each column of `Knots.wide`.
    """

    knots: Knots
    penalty: Float[np.ndarray, " column"]

    def members(self, x: Float[np.ndarray, "row feature"], sample: Sample) -> Members:
        """One member; what all arms have in common is linear, as in the floor. Its hidden units are the knots."""
        mean, apart = parts(sample.head.target(sample))
        common = ridge(x, mean, LINEAR_EFFECTS.strength(x, sample)[0])
        weights, bias = weighted(self.knots.wide(NUMPY, x), apart, self.penalty)
        layer = (self.knots.chosen[None], -self.knots.at[None, None])
        return Members(
            in_single_precision(common[1] + bias)[None, None],
            in_single_precision(common[0] + weights[: self.knots.features])[None],
            (layer,),
            in_single_precision(weights[self.knots.features :])[None],
        )


def fit_bent(x: Float[np.ndarray, "row feature"], sample: Sample) -> Bent | None:
    """Broken lines; None where the floor, which is linear, errs no more out of fold, or nothing can bend.

    The slope of a line and the changes of slope at its knots have a normal prior each, whose variances have the most
    evidence (`relevance`): a penalised spline with its smoothness chosen by restricted likelihood (Ruppert, Wand and
    Carroll, Semiparametric Regression, 2003, chapters 3 and 4). It is the same for the same rows.
    """
    knots = placed(x)
    if knots is None:
        return None
    apart = parts(sample.head.target(sample))[1]
    fold = stratified_folds(sample.head.strata(sample), sample.patient, FOLDS, np.random.default_rng(0))
    strength, wide, group = LINEAR_EFFECTS.strength(x, sample), knots.wide(NUMPY, x), knots.group
    bent = unseen_error(wide, apart, fold, lambda x, y: weighted(x, y, relevance(x, y, group)))
    penalty = None if strength[1] is None else np.full(x.shape[1], 1 / strength[1])
    straight = unseen_error(
        x, apart, fold, lambda x, y: weighted(x, y, relevance(x, y) if penalty is None else penalty)
    )
    return Bent(knots, relevance(wide, apart, group)) if bent < straight else None


def placed(x: Float[np.ndarray, "row feature"]) -> Knots | None:
    """Knots at even quantiles of each feature with enough values; None where there is no room for one."""
    able = [j for j in range(x.shape[1]) if len(np.unique(x[:, j])) >= DISTINCT]
    room = min(len(x) // ROWS, MOST_COLUMNS) - x.shape[1]
    count = min(KNOTS, room // len(able)) if able else 0
    if count < 1:
        return None
    share = np.arange(1, count + 1) / (count + 1)
    at = [np.unique(in_single_precision(np.quantile(x[:, j], share))) for j in able]
    feature = np.repeat(able, [len(one) for one in at])
    return Knots(x.shape[1], feature, np.concatenate(at))
