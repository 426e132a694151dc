"""Counting pairs of patients without looking at each pair."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


def later_and_lower(
    stage: Int[np.ndarray, "point"],
    value: Float[np.ndarray, "point"],
    weight: Float[np.ndarray, "point"],
    from_stage: Int[np.ndarray, "query"],
    from_value: Float[np.ndarray, "query"],
) -> Float[np.ndarray, "query"]:
    """For each query, the weight of points at a later ``stage`` with a lower ``value``; equal values count one half.

    Points and queries stand in one row by stage. A query at place a and a point at place b > a differ first in some
    binary digit, where a has 0 and b has 1: for each digit, all pairs that meet there are counted at once in sorted
    lists (the counting of a merge sort, n log(n)^2 in all).
    """
    points, queries = len(stage), len(from_stage)
    _, ranks = np.unique(np.concatenate([value, from_value]), return_inverse=True)
    # Points before queries of the same stage: what is not later is not to the right.
    row = np.lexsort((np.arange(points + queries) >= points, np.concatenate([stage, from_stage])))
    place = np.empty(points + queries, dtype=np.int64)
    place[row] = np.arange(points + queries)
    width = points + queries + 1
    found = np.zeros(queries)
    for digit in range((points + queries).bit_length()):
        right = np.flatnonzero(place[:points] >> digit & 1)
        left = np.flatnonzero(~place[points:] >> digit & 1)
        keys = (place[right] >> digit + 1) * width + ranks[right]
        order = np.argsort(keys)
        keys, running = keys[order], np.concatenate([[0.0], np.cumsum(weight[right[order]])])
        block = (place[points + left] >> digit + 1) * width
        own = block + ranks[points + left]
        below, up_to = (running[np.searchsorted(keys, own, side=side)] for side in ("left", "right"))
        found[left] += (below + up_to) / 2 - running[np.searchsorted(keys, block)]
    return found


def later(
    stage: Int[np.ndarray, "point"], weight: Float[np.ndarray, "point"], from_stage: Int[np.ndarray, "query"]
) -> Float[np.ndarray, "query"]:
    """For each query, the weight of all points at a later ``stage``."""
    order = np.argsort(stage)
    running = np.concatenate([[0.0], np.cumsum(weight[order])])
    return np.asarray(running[-1] - running[np.searchsorted(stage[order], from_stage, side="right")])
