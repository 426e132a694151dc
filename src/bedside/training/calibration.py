"""Recalibration: a slope and a shift per class, fitted on predictions for patients that the model was not fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from bedside.preparation import Array, Operations, in_single_precision

LEAST = 1e-7
"""Probabilities count as at least this: no few hundred patients support longer odds."""

PENALTY = 1.0
"""Weight of (slope - 1)^2 / 2 + |bias|^2 / 2 beside the summed log-loss: about as much as a few patients say."""

LEAST_SLOPE = 0.05
"""The slope stays above 0: calibration may never turn the order of patients round."""


@dataclass(frozen=True)
class Calibration:
    """A probability f becomes softmax(slope * log f + bias).

    With two classes that is logistic recalibration, logit f → intercept + slope * logit f with intercept = bias[1] -
    bias[0] (Cox, Biometrika 1958;45:562-565); with more it is the form that van Hoorde et al. (Stat Med
    2014;33:2585-2596) call multinomial recalibration, with one slope for all classes.
    """

    slope: float
    bias: Float[np.ndarray, " class"]

    @property
    def parameters(self) -> int:
        """How many fitted numbers there are."""
        return 1 + len(self.bias)


def calibrated(ops: Operations, calibration: Calibration, probability: Array) -> Array:
    """Calibrated probabilities [patient, class]."""
    log_f = ops.log(ops.maximum(probability, ops.constant(np.full(1, LEAST))))
    slope, bias = ops.constant(np.full(1, calibration.slope)), ops.constant(calibration.bias)
    return ops.softmax(log_f * slope + bias)


def fit_calibration(y: Int[np.ndarray, " patient"], probability: Float[np.ndarray, "patient class"]) -> Calibration:
    """The slope and biases with the least log-loss, lightly drawn toward 1 and 0."""
    from scipy.optimize import minimize

    classes = probability.shape[1]
    log_f = np.log(np.maximum(probability, LEAST))
    outcome = np.eye(classes)[y]

    def loss(parameters: Float[np.ndarray, " parameter"]) -> tuple[float, Float[np.ndarray, " parameter"]]:
        slope, bias = parameters[0], parameters[1:]
        logits = slope * log_f + bias
        total = np.logaddexp.reduce(logits, axis=1)
        off = np.exp(logits - total[:, None]) - outcome
        away = parameters - identity
        gradient = np.concatenate([[np.sum(off * log_f)], off.sum(axis=0)]) + PENALTY * away
        return float(np.sum(total) - np.sum(outcome * logits) + PENALTY / 2 * away @ away), gradient

    identity = np.concatenate([[1.0], np.zeros(classes)])
    bounds = [(LEAST_SLOPE, None)] + [(None, None)] * classes
    found = minimize(loss, identity, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500})
    fitted = in_single_precision(found.x)
    return Calibration(slope=float(fitted[0]), bias=fitted[1:])


def calibration_facts(calibration: Calibration) -> dict[str, object]:
    """Slope, and intercept or biases, ready for JSON."""
    if len(calibration.bias) == 2:
        return {"slope": calibration.slope, "intercept": float(calibration.bias[1] - calibration.bias[0])}
    return {"slope": calibration.slope, "bias": [float(b) for b in calibration.bias]}
