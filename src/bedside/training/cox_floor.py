"""The floor ``cox``: proportional hazards, written as a linear model whose bias is the baseline of each interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from bedside.network import Members, linear_members, logits
from bedside.preparation import NUMPY, in_single_precision
from bedside.training.course import Hazards
from bedside.training.cox import fit_cox, log_baseline
from bedside.training.floor import STRENGTHS
from bedside.training.folds import stratified_folds
from bedside.training.hazards import losses

if TYPE_CHECKING:
    from bedside.training.sample import Sample

FOLDS = 5


class Cox:
    """Cox regression of each event, the others counting as the end of follow-up (cause-specific hazards)."""

    def strength(self, x: Float[np.ndarray, "row feature"], sample: Sample, rng: np.random.Generator) -> float:
        """The inverse penalty with the greatest piecewise exponential likelihood, out of fold; one for all events."""
        fold = stratified_folds(sample.y, sample.patient, FOLDS, rng)
        target = sample.head.target(sample)
        total = np.zeros(len(STRENGTHS))
        for k in range(FOLDS):
            out = fold == k
            rest, begun = sample.take(~out), None
            for i, strength in enumerate(STRENGTHS):
                floor, begun = _fitted(x[~out], rest, strength, begun)
                total[i] += losses(logits(NUMPY, floor, x[out])[0], target[out]).sum()
        return STRENGTHS[int(np.argmin(total))]

    def fit(self, x: Float[np.ndarray, "row feature"], sample: Sample, strength: float) -> Members:
        """The linear model."""
        return _fitted(x, sample, strength, None)[0]


COX = Cox()


def _fitted(
    x: Float[np.ndarray, "row feature"],
    sample: Sample,
    strength: float,
    begun: Float[np.ndarray, "event feature"] | None,
) -> tuple[Members, Float[np.ndarray, "event feature"]]:
    head = sample.head
    assert isinstance(head, Hazards)
    assert sample.followed is not None
    events, intervals, width = head.events, head.intervals, np.diff(head.edges)
    target = head.target(sample)
    share = target[:, events * intervals :]
    ratios = np.zeros((events, x.shape[1]))
    bias = np.zeros((events, intervals))
    for event in range(events):
        start = None if begun is None else begun[event]
        ratios[event] = fit_cox(x, sample.y == event + 1, sample.followed, sample.entered, strength, start)
        happened = target[:, event * intervals : (event + 1) * intervals]
        bias[event] = log_baseline(x @ ratios[event], happened, share, width)
    weights = np.repeat(ratios, intervals, axis=0).T
    return linear_members(in_single_precision(weights), in_single_precision(bias.ravel())), ratios
