"""What happens at one threshold of risk: who is found, who is missed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.errors import DataError
from bedside.measures.interval import wilson
from bedside.measures.measure import Measure
from bedside.measures.predictions import checked_binary


def _flagged(
    y: Int[np.ndarray, "patient"], p: Float[np.ndarray, "patient"], threshold: float
) -> tuple[Bool[np.ndarray, "patient"], Bool[np.ndarray, "patient"]]:
    """Who has the outcome, and who is called positive."""
    y, p = checked_binary(y, p)
    if not 0.0 <= threshold <= 1.0:
        raise DataError(f"a threshold of {threshold} is not between 0 and 1", where="threshold")
    return y == 1, p >= threshold


def _share(part: Bool[np.ndarray, "patient"], whole: Bool[np.ndarray, "patient"], level: float) -> Measure:
    return wilson(int(np.sum(part & whole)), int(np.sum(whole)), level)


def sensitivity(
    y: Int[np.ndarray, "patient"], p: Float[np.ndarray, "patient"], threshold: float, level: float = 0.95
) -> Measure:
    """Share of patients with the outcome whose ``p`` is at or above ``threshold``; undefined where none has it.

    Interval: Wilson (see `wilson`).

    Raises
    ------
    DataError: lengths differ, an outcome is neither 0 nor 1, or a probability or the threshold is nan or
        outside [0, 1].
    """
    event, positive = _flagged(y, p, threshold)
    return _share(positive, event, level)


def specificity(
    y: Int[np.ndarray, "patient"], p: Float[np.ndarray, "patient"], threshold: float, level: float = 0.95
) -> Measure:
    """Share of patients without the outcome whose ``p`` is below ``threshold``; undefined where all have it.

    Interval: Wilson. Raises DataError as `sensitivity` does.
    """
    event, positive = _flagged(y, p, threshold)
    return _share(~positive, ~event, level)


def ppv(
    y: Int[np.ndarray, "patient"], p: Float[np.ndarray, "patient"], threshold: float, level: float = 0.95
) -> Measure:
    """Positive predictive value: share with the outcome among those at or above ``threshold``; undefined for none.

    Interval: Wilson. Raises DataError as `sensitivity` does.
    """
    event, positive = _flagged(y, p, threshold)
    return _share(event, positive, level)


def npv(
    y: Int[np.ndarray, "patient"], p: Float[np.ndarray, "patient"], threshold: float, level: float = 0.95
) -> Measure:
    """Negative predictive value: share without the outcome among those below ``threshold``; undefined for none.

    Interval: Wilson. Raises DataError as `sensitivity` does.
    """
    event, positive = _flagged(y, p, threshold)
    return _share(~event, ~positive, level)
