"""The interval around a dose: conformal, on the square root, from the errors for patients that no model had seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from bedside.measures.interval import mean
from bedside.preparation import NUMPY, Array, Operations, in_single_precision
from bedside.training.folds import stratified_folds

FOLDS = 5

PENALTIES = (3.0, 30.0, 300.0)
"""Weights of |w|^2 / 2 beside the summed loss of a spread that depends on the patient."""

CALM = 0.02
"""A patient's spread is kept between these quantiles, 0.02 and 0.98, of the development patients' spreads."""


@dataclass(frozen=True)
class Spread:
    """How far off the root is for such a patient: exp of a linear model, kept within what patients had."""

    weights: Float[np.ndarray, " feature"]
    bias: float
    low: float
    high: float

    def of(self, ops: Operations, x: Array) -> Array:
        """Spread [patient, 1]."""
        log = x @ ops.constant(self.weights[:, None]) + ops.constant(np.full(1, self.bias))
        low, high = ops.constant(np.full(1, self.low)), ops.constant(np.full(1, self.high))
        return ops.exp(ops.minimum(ops.maximum(log, low), high))


@dataclass(frozen=True)
class DoseInterval:
    """The `Finish` of a dose: columns dose, low, high.

    Attributes
    ----------
    below, above: how far the ends lie from the root, both above 0; in units of the spread where there is one.
    lowest, highest: beyond which no dose is answered; an interval may reach further, as far as 0.
    spread: None where all patients have the same.
    facts: what was fitted, ready for JSON; ``coverage`` is that of intervals whose margins came from other patients.
    """

    below: float
    above: float
    lowest: float
    highest: float
    spread: Spread | None
    facts: Mapping[str, object]
    width: int = field(default=3, init=False)

    @property
    def parameters(self) -> int:
        """Two margins, and what a spread has."""
        return 2 if self.spread is None else 3 + len(self.spread.weights)

    def columns(self, ops: Operations, root: Array, x: Array) -> Array:
        """Dose, low, high [patient, 3] of roots [patient, 1] and features."""
        ends = self.lowest, self.highest
        lowest, highest = (ops.constant(in_single_precision(np.sqrt(np.full(1, one)))) for one in ends)
        middle = ops.minimum(ops.maximum(root, lowest), highest)
        margins = ops.constant(np.array([[0.0, -self.below, self.above]]))
        told = middle + (margins if self.spread is None else self.spread.of(ops, x) * margins)
        told = ops.maximum(told, ops.constant(np.zeros(1)))
        return told * told


def fit_interval(
    x: Float[np.ndarray, "row feature"],
    off: Float[np.ndarray, " row"],
    patient: Int[np.ndarray, " row"],
    alpha: float,
    *,
    lowest: float,
    highest: float,
) -> DoseInterval:
    """An interval that misses the therapeutic dose of a share `alpha` of patients, half of them on either side.

    The ends are quantiles of the errors `off` (root of the therapeutic dose minus the predicted root) of patients on
    whom neither model nor calibration was fitted (cross-conformal prediction: Vovk, Ann Math Artif Intell
    2015;74:9-28; its guarantee is 1 - 2 alpha, its usual coverage about 1 - alpha; the evidence measures it). Where a
    spread that depends on the patient gives measurably better intervals among these, errors are counted in units of
    it (locally weighted: Lei et al., J Am Stat Assoc 2018;113:1094-1111).
    """
    fold = stratified_folds(np.zeros(len(off), dtype=np.int64), patient, FOLDS, np.random.default_rng(0))
    spread, size = _chosen_spread(x, off, patient, fold, alpha)
    least = 1.0 if spread is None else float(np.exp(spread.low))
    reach = float(np.sqrt(highest)) / least  # as far as 0, and beyond the highest, where the margin is infinite
    below, above = (min(margin, reach) for margin in margins(off / size, patient, alpha))
    below, above = (float(one) for one in in_single_precision(np.array([below, above])))
    low, high = _crossed(size, off, patient, fold, alpha)
    facts = {
        "alpha": alpha,
        "spread": "of the patient" if spread is not None else "the same for all",
        "below": below,
        "above": above,
        "coverage": float(np.mean((off >= low) & (off <= high))),
    }
    return DoseInterval(below, above, lowest, highest, spread, {"interval": facts})


def margins(off: Float[np.ndarray, " row"], patient: Int[np.ndarray, " row"], alpha: float) -> tuple[float, float]:
    """How far below and above a prediction the ends lie: each is passed by new patients with probability alpha / 2.

    The ceil((n + 1)(1 - alpha / 2))-th smallest error of n patients, on either side; rows of one patient share its
    weight. Infinite where n is too small for that; never below 0.
    """
    _, own, rows = np.unique(patient, return_inverse=True, return_counts=True)
    weight = 1.0 / rows[own]
    wanted = (len(rows) + 1) * (1 - alpha / 2) - 1e-9
    return _quantile(-off, weight, wanted), _quantile(off, weight, wanted)


def _quantile(values: Float[np.ndarray, " row"], weight: Float[np.ndarray, " row"], wanted: float) -> float:
    """The least value at which so much weight has come together."""
    order = np.argsort(values, kind="stable")
    position = int(np.searchsorted(np.cumsum(weight[order]) + 1e-9, wanted))
    return np.inf if position == len(values) else max(0.0, float(values[order[position]]))


def _chosen_spread(
    x: Float[np.ndarray, "row feature"],
    off: Float[np.ndarray, " row"],
    patient: Int[np.ndarray, " row"],
    fold: Int[np.ndarray, " row"],
    alpha: float,
) -> tuple[Spread | None, Float[np.ndarray, " row"]]:
    """A spread where it is measurably better, and each row's, from the other folds' rows; else None, and ones."""
    if any(np.isinf(margins(off[fold != k], patient[fold != k], alpha)).any() for k in range(FOLDS)):
        return None, np.ones(len(off))  # too few: intervals without an end cannot be compared
    same, found = _scores(np.ones(len(off)), off, patient, fold, alpha), []
    for penalty in PENALTIES:
        size = np.empty(len(off))
        for k in range(FOLDS):
            out = fold == k
            size[out] = _size(fit_spread(x[~out], off[~out], penalty), x[out])
        found.append((float(_scores(size, off, patient, fold, alpha).mean()), penalty, size))
    _, penalty, size = min(found, key=lambda one: one[0])
    away = _scores(size, off, patient, fold, alpha) - same
    gain = mean(np.bincount(patient, weights=away)[np.unique(patient)])
    if gain.high is None or gain.high >= 0.0:
        return None, np.ones(len(off))
    return fit_spread(x, off, penalty), size


def _scores(
    size: Float[np.ndarray, " row"],
    off: Float[np.ndarray, " row"],
    patient: Int[np.ndarray, " row"],
    fold: Int[np.ndarray, " row"],
    alpha: float,
) -> Float[np.ndarray, " row"]:
    """Score of each row's interval: its width, and 2 / alpha times any miss.

    Proper, smaller is better (Gneiting and Raftery, J Am Stat Assoc 2007;102:359-378).
    """
    low, high = _crossed(size, off, patient, fold, alpha)
    missed = np.maximum(low - off, 0.0) + np.maximum(off - high, 0.0)
    return np.asarray(high - low + 2 / alpha * missed)


def _crossed(
    size: Float[np.ndarray, " row"],
    off: Float[np.ndarray, " row"],
    patient: Int[np.ndarray, " row"],
    fold: Int[np.ndarray, " row"],
    alpha: float,
) -> tuple[Float[np.ndarray, " row"], Float[np.ndarray, " row"]]:
    """Between which errors each row's interval reaches, with margins from the other folds."""
    low, high = np.empty(len(off)), np.empty(len(off))
    for k in np.unique(fold):
        out = fold == k
        below, above = margins(off[~out] / size[~out], patient[~out], alpha)
        low[out], high[out] = -below * size[out], above * size[out]
    return low, high


def fit_spread(x: Float[np.ndarray, "row feature"], off: Float[np.ndarray, " row"], penalty: float) -> Spread:
    """The scale of Laplace errors as exp of a linear model: the likeliest, lightly drawn to the same for all.

    Minimises the sum of log s + |off| / s, s = exp(x w + b), and `penalty` * |w|^2 / 2: convex in w and b.
    """
    from scipy.optimize import minimize

    far = np.maximum(np.abs(off), 1e-12)

    def loss(parameters: Float[np.ndarray, " parameter"]) -> tuple[float, Float[np.ndarray, " parameter"]]:
        weights, bias = parameters[:-1], parameters[-1]
        log = x @ weights + bias
        over = far * np.exp(-np.clip(log, -50.0, 50.0))
        gradient = np.concatenate([x.T @ (1 - over) + penalty * weights, [np.sum(1 - over)]])
        return float(np.sum(log + over) + penalty / 2 * weights @ weights), gradient

    begun = np.concatenate([np.zeros(x.shape[1]), [np.log(far.mean())]])
    found = minimize(loss, begun, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    fitted = in_single_precision(found)
    log = x @ fitted[:-1] + fitted[-1]
    low, high = in_single_precision(np.quantile(log, [CALM, 1 - CALM]))
    return Spread(fitted[:-1], float(fitted[-1]), float(low), float(high))


def _size(spread: Spread, x: Float[np.ndarray, "row feature"]) -> Float[np.ndarray, " row"]:
    return np.asarray(spread.of(NUMPY, x))[:, 0]
