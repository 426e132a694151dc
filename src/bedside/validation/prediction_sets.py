"""How often conformal sets of classes hold the true one."""

from __future__ import annotations

import math

import numpy as np

from bedside import measures as m
from bedside.validation.diagnosis import Predictions
from bedside.validation.evidence import ConformalFacts, Estimate


def coverage_of_sets(given: Predictions, alpha: float) -> ConformalFacts | None:
    """Coverage and size of the sets of the answered patients; None where there are no sets."""
    given = given.answered
    if given.sets is None:
        return None
    sizes = given.sets.sum(axis=1)
    by_class = m.conformal_coverage_by_class(given.outcome, given.sets)
    return ConformalFacts(
        alpha=alpha,
        coverage=Estimate.of(m.conformal_coverage(given.outcome, given.sets)),
        by_class={name: Estimate.of(one) for name, one in zip(given.classes, by_class, strict=True)},
        sizes={str(size): int(np.sum(sizes == size)) for size in range(len(given.classes) + 1)},
        mean_size=float(sizes.mean()) if len(sizes) and math.isfinite(sizes.mean()) else None,
    )
