"""Patients who were treated, with what each arm would have brought them known: for tests of what is said of effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Trial:
    """Covariates, arms, outcomes; the true mean outcome under each arm and the true propensities."""

    X: np.ndarray
    arm: np.ndarray
    y: np.ndarray
    expected: np.ndarray
    propensity: np.ndarray

    @property
    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What `dr_scores` takes."""
        return self.y, self.arm, self.expected, self.propensity


def trial(seed: int, n: int = 500, *, arms: int = 2, observed: bool = False, effect: float = 1.0) -> Trial:
    """``n`` patients with 3 covariates; arm a brings ``effect`` * (0.2 + x0) * a more. Higher is better.

    ``observed``: who gets which arm goes with x1, which also drives the outcome; otherwise lots are drawn.
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    logits = np.outer(X[:, 1], np.arange(arms) / (arms - 1)) if observed else np.zeros((n, arms))
    propensity = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    arm = (rng.uniform(size=(n, 1)) > propensity.cumsum(axis=1)).sum(axis=1).clip(max=arms - 1)
    expected = (1 + X[:, 1] + 0.5 * X[:, 2])[:, None] + effect * np.outer(0.2 + X[:, 0], np.arange(arms))
    y = expected[np.arange(n), arm] + rng.normal(size=n)
    return Trial(X, arm, y, expected, propensity)
