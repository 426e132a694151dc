"""A game that is additive on the logit scale: fitted to a model's answers, and solved exactly.

Most models of a probability are nearly such a game. What it explains exactly need not be sampled: only the rest has a
Monte-Carlo error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

LEAST = 1e-6
"""Probabilities count as at least this far from 0 and 1."""
RIDGE = 0.02
LEAST_WEIGHT = 1e-4
QUANTILES = 4
"""Nodes of Gauss and Legendre; more change nothing in the sixth decimal."""
REACH = 3.0
"""The integrand beyond it is below 1e-3 of what it is at 0."""


def logit(probability: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """``log(p / (1 - p))``, bounded."""
    bounded = np.clip(probability, LEAST, 1 - LEAST)
    return np.asarray(np.log(bounded / (1 - bounded)))


def expit(logits: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """``1 / (1 + exp(-x))``."""
    return np.asarray(1 / (1 + np.exp(-logits)))


@dataclass(frozen=True)
class LogisticGame:
    """One game for each prototype: ``v(S) = expit(start + sum of steps over S)``."""

    start: Float[np.ndarray, " prototype"]
    steps: Float[np.ndarray, "prototype player"]

    @classmethod
    def fitted(
        cls,
        inside: Bool[np.ndarray, "prototype coalition player"],
        answers: Float[np.ndarray, "prototype coalition"],
        usual: Float[np.ndarray, "prototype player"],
    ) -> LogisticGame:
        """The games nearest to what a model answered to coalitions, the first of which is the empty one.

        Least squares on the logit scale, each answer weighted by ``p (1 - p)``: a logit far from 0 moves the
        probability little. Where the answers say little of a player, its step is drawn to its `usual` one.
        """
        # A player who never moved an answer has no column, and so a step of exactly 0.
        design, logits = (inside & (usual != 0)[:, None, :]).astype(np.float64), logit(answers)
        start = logits[:, 0]
        weighted = design * (answers * (1 - answers) + LEAST_WEIGHT)[:, :, None]
        normal = weighted.transpose(0, 2, 1) @ design + RIDGE * np.eye(inside.shape[2])
        moments = np.einsum("bcp,bc->bp", weighted, logits - start[:, None]) + RIDGE * usual
        return cls(start, np.linalg.solve(normal, moments[:, :, None])[:, :, 0])

    def walked(self, order: Int[np.ndarray, "prototype player"]) -> Float[np.ndarray, "prototype step"]:
        """Values along an order of the players, from the empty coalition to that of all."""
        taken = np.take_along_axis(self.steps, order, axis=1).cumsum(axis=1)
        return expit(self.start[:, None] + np.concatenate([np.zeros((len(taken), 1)), taken], axis=1))

    def take(self, batch: np.ndarray) -> LogisticGame:
        """The games of some prototypes."""
        return LogisticGame(self.start[batch], self.steps[batch])

    def shapley(self) -> Float[np.ndarray, "prototype player"]:
        """Shapley values of each game, to about 1e-5.

        The value of player j is the integral over q from 0 to 1 of ``E v(S + j) - E v(S)``, where every other player
        is in S with probability q (Owen, Management Science 1972;18:P64-79). With Z the sum of the steps of those who
        are in, ``expit(y) = 1/2 + integral over t > 0 of sin(t y) / sinh(pi t)`` (Gradshteyn and Ryzhik 3.981.1) turns
        ``E expit(start + Z)`` into an integral over Z's characteristic function, which is a product over players (so
        Gil-Pelaez, Biometrika 1951;38:481-482). The trapezoidal rule converges exponentially in its width.
        """
        if not self.steps.any():
            return np.zeros_like(self.steps)
        up, down = np.maximum(self.steps, 0).sum(axis=1), np.minimum(self.steps, 0).sum(axis=1)
        furthest = max(np.abs(self.start + up).max(), np.abs(self.start + down).max())
        width = 2 * np.pi / (furthest + 14.0)  # the rule repeats itself at that distance, where nothing is left
        t = width * np.arange(1, int(np.ceil(REACH / width)) + 1)
        # Single precision is exact enough, and takes half the time.
        turn = np.exp((1j * t[None, :, None] * self.steps[:, None, :]).astype(np.complex64)) - np.complex64(1)
        lead = np.exp(1j * t * self.start[:, None]) * (width / np.sinh(np.pi * t))
        nodes, weights = np.polynomial.legendre.leggauss(QUANTILES)
        values = self.steps * (width / np.pi / 2)  # the first point, with half its weight
        for q, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            each = np.complex64(1) + np.float32(q) * turn  # QUANTILES is even: q is never 1/2, and none of them is 0
            together = (lead * each.prod(axis=2)).astype(np.complex64)
            values = values + weight * (together[:, None, :] @ (turn / each))[:, 0].imag
        missing = expit(self.start + self.steps.sum(axis=1)) - expit(self.start) - values.sum(axis=1)
        share = np.abs(values) / np.maximum(np.abs(values).sum(axis=1, keepdims=True), np.finfo(float).tiny)
        return np.asarray(values + missing[:, None] * share)
