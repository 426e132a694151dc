"""Whether predicted curves are right over all of time at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.errors import DataError, MissingExtra
from bedside.measures.follow_up import checked_follow_up
from bedside.measures.predicted_curves import checked_curves, read_own


@dataclass(frozen=True)
class DCalibration:
    """Result of `d_calibration`.

    Attributes
    ----------
    p: probability of bins as uneven as these or more, were the curves right; nan where undefined.
    statistic: chi-squared, with one degree of freedom fewer than there are bins.
    survival: lower and upper edge of each bin of predicted survival at the event, the highest first.
    patients: how many fell into each; those censored count in parts. The same number is expected in each.
    """

    p: float
    statistic: float
    survival: tuple[tuple[float, float], ...]
    patients: Float[np.ndarray, "bin"]


def d_calibration(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    curves: Float[np.ndarray, "patient point"],
    grid: Float[np.ndarray, "point"],
    entry: Float[np.ndarray, "patient"] | None = None,
    *,
    steps: bool = False,
    bins: int = 10,
) -> DCalibration:
    """Whether the survival predicted for each patient's time of event is spread evenly over [0, 1], as it is if right.

    Haider et al., J Mach Learn Res 2020;21(85):1-63. A patient censored where survival is c is spread evenly over [0,
    c]. Where the curves end first, so does follow-up. With ``entry``, survival is that beyond it. The test is too
    kind where many are censored: their evenness is assumed, not seen (of right curves it then refuses fewer than it
    should).

    Undefined with competing events: survival of one cause is not spread evenly then. Undefined for no event.

    Parameters
    ----------
    time: of the event or the end of follow-up, above 0, in any unit.
    event: 0 where censored, 1 for the event.
    curves, grid, steps: predicted cumulative incidence by each time of the grid, as for `risk_by`.
    entry: when the patient came under observation (left truncation); None: all at 0.
    bins: how many, of equal width.

    Raises
    ------
    DataError: as for `risk_by`; lengths differ, a time is not above 0 and finite, an event is not a whole number of 0
        or more, an entry is below 0 or not before its time; or there are fewer than 2 bins.
    MissingExtra: scipy is not installed.
    """
    time, event, entry = checked_follow_up(time, event, entry)
    curves, grid = checked_curves(curves, grid, len(time))
    if bins < 2:
        raise DataError(f"{bins} bins, at least 2 are needed", where="bins")
    edges = np.round(np.linspace(1.0, 0.0, bins + 1), 12)
    survival = tuple(zip(edges[1:].tolist(), edges[:-1].tolist(), strict=True))
    entered = entry < grid[-1]
    had = (event == 1) & (time <= grid[-1])
    if (event > 1).any() or not had.any():
        return DCalibration(math.nan, math.nan, survival, np.full(bins, math.nan))
    left = 1.0 - read_own(curves, grid, np.minimum(time, grid[-1]), steps)
    at_entry = 1.0 - read_own(curves, grid, np.minimum(entry, grid[-1]), steps)
    left = np.divide(left, at_entry, out=np.zeros(len(time)), where=at_entry > 0)
    patients = _spread(left[entered], had[entered], edges)
    statistic = float(np.sum((patients - patients.sum() / bins) ** 2) / (patients.sum() / bins))
    return DCalibration(_beyond(statistic, bins - 1), statistic, survival, patients)


def _spread(
    left: Float[np.ndarray, "patient"], had: Bool[np.ndarray, "patient"], edges: Float[np.ndarray, "edge"]
) -> Float[np.ndarray, "bin"]:
    """Patients in each bin; those without the event in parts, by how much of [0, left] lies in it."""
    upper, lower = edges[:-1], edges[1:]
    whole = (left[had, None] >= lower) & ((left[had, None] < upper) | (upper == 1.0))
    censored = left[~had, None]
    part = np.clip(np.minimum(upper, censored) - lower, 0.0, None)
    parts = np.divide(part, censored, out=np.zeros_like(part), where=censored > 0)
    parts[:, -1] += censored[:, 0] == 0
    return np.asarray(whole.sum(axis=0) + parts.sum(axis=0), dtype=np.float64)


def _beyond(statistic: float, degrees: int) -> float:
    try:
        from scipy.special import chdtrc
    except ImportError:
        raise MissingExtra("scipy", "validate") from None
    return float(chdtrc(degrees, statistic))
