"""The last step of a graph that says which arm: how sure each difference is, and who gets which arm."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from bedside.preparation import NUMPY, Array, Operations, in_single_precision
from bedside.training.bent_effects import Bent, Knots
from bedside.training.linear_effects import LINEAR_EFFECTS
from bedside.training.nuisances import Propensity, fit_propensity

COVERAGE: dict[str, object] = {
    "value": 0.944,
    "low": 0.929,
    "high": 0.958,
    "nominal": 0.95,
    "source": "40 generated trials of 2,000 patients with known effects, straight and bent "
    "(benchmarks/treatment.py); fewer where effects jump (83 % in simulations) or predictors act together (59 %)",
}
"""Of 95 % intervals of differences, in simulations; see `benchmarks/treatment.py`."""

ROWS = 5
"""Rows for each shape that a misfit is looked for along: with more shapes, chance would say more than they do."""

MOST = 2.0
"""Penalties count as at most so many times the number of rows: that a feature changes nothing, nobody knows for sure.
Without it intervals were too narrow (85 % at 95 in simulations of 20 features and three that matter)."""

FARTHEST = 4.0
"""Standard deviations beyond which a feature counts as this far out, so that cubes follow no single patient."""

if TYPE_CHECKING:
    from bedside.training.sample import Sample


@dataclass(frozen=True)
class EffectErrors:
    """A `Finish`: behind the expected outcomes come standard errors, pair by pair, and propensities.

    A pair's squared standard error is z' V z + m, see `fit_effect_errors`; it is the norm of x @ root + shift,
    where x are features and, of bent effects, by how much they exceed knots.

    Attributes
    ----------
    root: [part, feature, pair]. shift: [part, 1, pair].
    misfit: m of each pair, in squared units of the outcome.
    knots: of bent effects; None: effects are linear.
    """

    arms: int
    root: Float[np.ndarray, "part feature pair"]
    shift: Float[np.ndarray, "part 1 pair"]
    propensity: Propensity
    misfit: tuple[float, ...]
    knots: Knots | None = None

    @property
    def width(self) -> int:
        """Expected outcomes, standard errors, propensities."""
        return 2 * self.arms + len(self.misfit)

    @property
    def parameters(self) -> int:
        """Fitted numbers."""
        return self.root.size + self.shift.size + self.propensity.parameters

    @property
    def facts(self) -> dict[str, object]:
        """How far effects are off beyond what a linear model's errors say, pair by pair; and what simulations found."""
        return {"misfit": [float(one) for one in np.sqrt(self.misfit)], "coverage_by_simulation": COVERAGE}

    def columns(self, ops: Operations, columns: Array, x: Array) -> Array:
        """The three blocks side by side."""
        pairs = self.root.shape[2]
        z = x if self.knots is None else self.knots.wide(ops, x)
        error = ops.norm(z @ ops.constant(self.root) + ops.constant(self.shift), axis=0)
        placed = columns @ self._at(ops, 0, self.arms) + error @ self._at(ops, self.arms, pairs)
        share = self.propensity.columns(ops, x)
        return placed + share @ self._at(ops, self.arms + pairs, self.arms)

    def _at(self, ops: Operations, first: int, count: int) -> Array:
        return ops.constant(np.eye(count, self.width, first))


def fit_effect_errors(
    sample: Sample,
    x: Float[np.ndarray, "row feature"],
    columns: Float[np.ndarray, "row arm"],
    declared: tuple[float, ...] | None,
    bent: Bent | None = None,
) -> EffectErrors:
    """From the features of all rows and what was expected of them out of fold.

    V is the robust covariance of the coefficients of the linear model, or of the `bent` one, clustered by patient,
    plus what its penalty pulls away on average: the posterior covariance of ridge regression, with a sandwich for its
    first part. Intervals from such a covariance cover their share on average over patients, bias included (Nychka, J
    Am Stat Assoc 1988;83:1134-1143; Marra and Wood, Scand J Stat 2012;39:53-74). m is what neither sees, see `misfit`.
    """
    assert sample.scores is not None
    assert sample.arm is not None
    arms = sample.scores.shape[1]
    if bent is None:
        wide, penalty = x, LINEAR_EFFECTS.penalties(x, sample, LINEAR_EFFECTS.strength(x, sample))
    else:
        wide, penalty = bent.knots.wide(NUMPY, x), bent.penalty
    centre = wide.mean(axis=0)
    z = np.column_stack([np.ones(len(x)), wide - centre])
    ridge = np.diag([0.0, *np.minimum(penalty, MOST * len(x))])
    inverse = np.linalg.inv(z.T @ z + ridge)
    shapes, roots, misfits = _curved(x), [], []
    for one, other in combinations(range(arms), 2):
        scores, expected = sample.scores[:, one] - sample.scores[:, other], columns[:, one] - columns[:, other]
        off = scores - expected
        told = _by_patient(z * off[:, None], sample.patient)
        covariance = inverse @ (told.T @ told + np.mean(off**2) * ridge) @ inverse
        linear = float(np.mean(np.sum((z[:, 1:] @ covariance[1:, 1:]) * z[:, 1:], axis=1)))
        misfits.append(max(0.0, misfit(shapes, scores, expected, sample.patient) - linear))
        values, vectors = np.linalg.eigh(covariance)
        first = np.eye(1, len(values))[0] * np.sqrt(misfits[-1])
        roots.append(np.column_stack([vectors * np.sqrt(np.maximum(values, 0.0)), first]))
    whole = np.stack(roots, axis=2).transpose(1, 0, 2)
    slope = whole[:, 1:]
    shift = whole[:, :1] - np.einsum("f,kfp->kp", centre, slope)[:, None]
    propensity = fit_propensity(x, sample.arm, sample.patient, declared, arms)
    knots = None if bent is None else bent.knots
    return EffectErrors(arms, in_single_precision(slope), in_single_precision(shift), propensity, tuple(misfits), knots)


def misfit(
    shapes: Float[np.ndarray, "row shape"],
    scores: Float[np.ndarray, " row"],
    expected: Float[np.ndarray, " row"],
    patient: Int[np.ndarray, " row"],
) -> float:
    """Mean squared error of out-of-fold effects, estimated without bias as far as the shapes reach; may be below 0.

    The variance of the true effect along orthonormal shapes is the mean of s_i s_j f(x_i) f(x_j) over pairs of
    different patients, summed over shapes; a patient paired with themselves would add noise. From it goes what the
    predictions explain, 2 s e - e^2: a patient's own score has no part in theirs.

    ``shapes``: of mean 0 and mean square 1, uncorrelated. ``scores``, ``expected``: differences of a pair of arms.
    """
    n = len(scores)
    s, e = scores - scores.mean(), expected - expected.mean()
    each = _by_patient(shapes * s[:, None], patient)
    variance = float((each.sum(axis=0) ** 2).sum() - (each**2).sum()) / (n * (n - 1))
    return variance - float(np.mean(2 * s * e - e**2))


def _curved(x: Float[np.ndarray, "row feature"]) -> Float[np.ndarray, "row shape"]:
    """Features, their squares and cubes, made orthonormal: the strongest, at most a shape for each `ROWS` rows."""
    spread = x.std(axis=0)
    z = np.clip((x - x.mean(axis=0))[:, spread > 0] / spread[spread > 0], -FARTHEST, FARTHEST)
    wide = np.concatenate([z, z**2, z**3], axis=1)
    wide = wide - wide.mean(axis=0)
    wide = wide / np.maximum(wide.std(axis=0), 1e-9)
    left, size, _ = np.linalg.svd(wide, full_matrices=False)
    kept = min(int((size > 1e-6 * size[:1].max(initial=0.0)).sum()), len(x) // ROWS)
    return np.asarray(left[:, :kept] * np.sqrt(len(x)))


def _by_patient(
    told: Float[np.ndarray, "row column"], patient: Int[np.ndarray, " row"]
) -> Float[np.ndarray, "patient column"]:
    _, place = np.unique(patient, return_inverse=True)
    summed = np.zeros((int(place.max()) + 1, told.shape[1]))
    np.add.at(summed, place, told)
    return summed
