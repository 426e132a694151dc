"""From hazards to the cells of a course and back: formulas over `Operations`, and what the likelihood needs.

Cells are the probabilities that one of several events happens in one of the intervals, and last that none happens
until the last edge; they sum to 1. A log-hazard is the logarithm of an event's cumulative hazard over one interval,
event after event; within an interval every hazard is constant.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from bedside.network import LARGEST_LOG_HAZARD
from bedside.preparation import Array, Operations

SMALLEST_LOG_HAZARD = -30.0
"""Smaller hazards than e^-30 count as that: a logarithm stays finite."""

LEAST_CELL = 1e-12
"""Cells count as at least this where a logarithm is taken."""


def cells(ops: Operations, log_hazards: Array, *, events: int, intervals: int) -> Array:
    """Cells [..., event * interval + 1] of log-hazards [..., event * interval].

    With S the probability that nothing has happened until an edge, what happens within an interval, S(start) - S(end),
    is divided among the events as their hazards are: a softmax over causes.
    """
    low, high = (ops.constant(np.full(1, limit)) for limit in (SMALLEST_LOG_HAZARD, LARGEST_LOG_HAZARD))
    z = ops.minimum(ops.maximum(log_hazards, low), high)
    together = ops.exp(z) @ ops.constant(np.tile(np.eye(intervals), (events, 1)))
    none = ops.constant(np.zeros(1)) - together @ ops.constant(np.triu(np.ones((intervals, intervals + 1)), 1))
    left = ops.exp(none)  # at each edge; 1 at the first
    happens = left @ ops.constant(_falls(intervals))
    if events > 1:
        spread = ops.constant(np.tile(np.eye(intervals), events))
        happens = (happens @ spread) * ops.exp(z - ops.log(together) @ spread)
    cell = np.arange(events * intervals + 1)
    last = np.zeros((intervals + 1, len(cell)))
    last[-1, -1] = 1.0
    return happens @ ops.constant(np.eye(events * intervals, len(cell))) + left @ ops.constant(last)


def _falls(intervals: int) -> Float[np.ndarray, "edge interval"]:
    """A matrix that takes S at each edge to what S falls by in each interval."""
    return np.eye(intervals + 1, intervals) - np.eye(intervals + 1, intervals, -1)


def log_hazards(ops: Operations, cells: Array, *, events: int, intervals: int) -> Array:
    """Log-hazards [..., event * interval] of cells [..., event * interval + 1]: of an average of cells, too."""
    count = events * intervals
    tiny = ops.constant(np.full(1, LEAST_CELL))
    by_interval = np.vstack([np.tile(np.eye(intervals), (events, 1)), np.zeros((1, intervals))])
    later = np.vstack([np.tile(np.tril(np.ones((intervals, intervals + 1))), (events, 1)), np.ones((1, intervals + 1))])
    # What is left is added up from the other end, so that it is exact however small it becomes.
    left = ops.log(ops.maximum(cells @ ops.constant(later), tiny))
    together = ops.log(ops.maximum(left @ ops.constant(_falls(intervals)), tiny))
    if events == 1:
        return together
    spread = ops.constant(np.tile(np.eye(intervals), events))
    each = ops.log(ops.maximum(cells @ ops.constant(np.eye(count + 1, count)), tiny))
    all_of_them = ops.log(ops.maximum(cells @ ops.constant(by_interval), tiny))
    return each + (together - all_of_them) @ spread


def counted(
    edges: Float[np.ndarray, " edge"],
    events: int,
    y: Int[np.ndarray, " row"],
    followed: Float[np.ndarray, " row"],
    entered: Float[np.ndarray, " row"] | None,
) -> Float[np.ndarray, "row column"]:
    """What the likelihood needs of each row: d [event * interval], then the share of each interval under observation.

    An event at an edge belongs to the interval that ends there; what comes after the last edge is not counted.
    """
    start, width = edges[:-1], np.diff(edges)
    share = np.clip((followed[:, None] - start) / width, 0.0, 1.0)
    if entered is not None:
        share = share - np.clip((entered[:, None] - start) / width, 0.0, 1.0)
    happened = np.zeros((len(y), events, len(width)))
    interval = np.searchsorted(edges, followed, side="left") - 1
    rows = np.flatnonzero((y > 0) & (interval < len(width)))
    happened[rows, y[rows] - 1, interval[rows]] = 1.0
    return np.concatenate([happened.reshape(len(y), -1), share], axis=1)


def expected(cells: Float[np.ndarray, "row cell"], *, events: int, intervals: int) -> Float[np.ndarray, "row column"]:
    """What `counted` would be on average for patients with these cells: what a smaller network learns from."""
    happens = cells[:, :-1].reshape(len(cells), events, intervals).sum(axis=1)
    left = cells[:, -1:] + np.concatenate([happens[:, ::-1].cumsum(axis=1)[:, ::-1], np.zeros((len(cells), 1))], axis=1)
    hazard = np.log(np.maximum(left[:, :-1], LEAST_CELL)) - np.log(np.maximum(left[:, 1:], LEAST_CELL))
    share = np.where(hazard > 1e-9, happens / np.maximum(hazard, 1e-9), left[:, :-1])
    return np.concatenate([cells[:, :-1], share], axis=1)


def losses(
    log_hazards: Float[np.ndarray, "row output"], counted: Float[np.ndarray, "row column"]
) -> Float[np.ndarray, " row"]:
    """Negative log-likelihood of each row, as ``bedside.network.piecewise_exponential`` has it, in double precision."""
    outputs = log_hazards.shape[1]
    happened, share = counted[:, :outputs], counted[:, outputs:]
    each = np.tile(share, outputs // share.shape[1]) * np.exp(log_hazards) - happened * log_hazards
    return np.asarray(each.sum(axis=1))
