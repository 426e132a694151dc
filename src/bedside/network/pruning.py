"""Take whole units out of a network: the arrays become smaller, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from bedside.network.members import Members


def pruned(members: Members, share: float) -> Members:
    """The members without `share` of the units of each hidden layer, rounded down; one unit at least stays.

    Each member loses its own: those that weigh least. Without a hidden layer nothing changes. What is left should be
    trained on. Structured pruning after Li, Kadav, Durdanovic, Samet and Graf, ICLR 2017, who take the norm of the
    incoming weights alone.
    """
    if members.last is None:
        return members
    weights = [*(weight for weight, _ in members.hidden), members.last]
    biases = [bias for _, bias in members.hidden]
    for at, bias in enumerate(biases):
        kept = _weightiest(weights[at], bias, weights[at + 1], share)
        weights[at] = np.take_along_axis(weights[at], kept[:, None, :], axis=2)
        biases[at] = np.take_along_axis(bias, kept[:, None, :], axis=2)
        weights[at + 1] = np.take_along_axis(weights[at + 1], kept[:, :, None], axis=1)
    return replace(members, hidden=tuple(zip(weights[:-1], biases, strict=True)), last=weights[-1])


def _weightiest(
    incoming: Float[np.ndarray, "member input unit"],
    bias: Float[np.ndarray, "member 1 unit"],
    outgoing: Float[np.ndarray, "member unit output"],
    share: float,
) -> Int[np.ndarray, "member kept"]:
    """Positions of the units that stay, in their old order.

    A unit weighs the norm of what comes in times the norm of what goes out. A rectifier lets one be scaled up and the
    other down without a change of the output; the product does not change then either.
    """
    weighs = np.sqrt((incoming**2).sum(axis=1) + bias[:, 0] ** 2) * np.sqrt((outgoing**2).sum(axis=2))
    units = weighs.shape[1]
    left = max(1, units - int(units * share))
    return np.sort(np.argsort(-weighs, axis=1, kind="stable")[:, :left], axis=1)
