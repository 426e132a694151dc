"""Accuracy of predicted risks by a horizon, where not everybody was followed to it."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from bedside.errors import DataError
from bedside.measures.follow_up import checked_follow_up, checked_horizon, checked_risk, checked_scores
from bedside.measures.measure import Measure
from bedside.measures.predicted_curves import checked_curves, read_curves
from bedside.measures.resampling import bootstrap
from bedside.measures.standing import standing_at, standing_by


def auc_t(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    risk: Float[np.ndarray, "patient"],
    horizon: float,
    entry: Float[np.ndarray, "patient"] | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    repeats: int = 200,
) -> Measure:
    """Time-dependent AUC: that a patient with the event by ``horizon`` had a higher risk than one without it then.

    Cumulative cases and dynamic controls, weighted against censoring. Controls are those free of any event at the
    horizon and those with a competing event by then: Blanche, Dartigues and Jacqmin-Gadda, Stat Med
    2013;32:5381-5397, their second definition. Equal risks count one half. A patient censored at the horizon itself
    is known to be free there.

    Interval: see `bootstrap`; its coverage was tested. Undefined where nobody had the event by the horizon, or nobody
    without any was followed to it.

    Parameters
    ----------
    time: of the event or the end of follow-up, above 0, in any unit.
    event: 0 where censored, 1 for the event asked about, more for those that compete with it.
    risk: of the event by the horizon, or any score that rises with it.
    horizon: time up to which the event counts.
    entry: when the patient came under observation (left truncation), weighted against as well; None: all at 0.
    level, seed, repeats: as for `bootstrap`; fewer than 2 ``repeats``: no interval.

    Raises
    ------
    DataError: lengths differ, a time is not above 0 and finite, an event is not a whole number of 0 or more, an entry
        is below 0 or not before its time, or a risk is not finite.
    """
    time, event, entry = checked_follow_up(time, event, entry)
    risk, horizon = checked_scores(risk, len(time)), checked_horizon(horizon)

    def value(i: Int[np.ndarray, "patient"]) -> float:
        return _auc(time[i], event[i], risk[i], horizon, entry[i])

    return bootstrap(value, len(time), level=level, seed=seed, repeats=repeats)


def _auc(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    risk: Float[np.ndarray, "patient"],
    horizon: float,
    entry: Float[np.ndarray, "patient"],
) -> float:
    weight = standing_by(time, event, horizon, entry)
    case = (event == 1) & (time <= horizon)
    _, rank = np.unique(risk, return_inverse=True)
    cases, controls = (np.bincount(rank, weights=weight * who) for who in (case, ~case))
    below = np.cumsum(controls) - controls / 2
    pairs = cases.sum() * controls.sum()
    return float(cases @ below / pairs) if pairs > 0 else math.nan


def brier_at(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    risk: Float[np.ndarray, "patient"],
    horizon: float,
    entry: Float[np.ndarray, "patient"] | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    repeats: int = 200,
) -> Measure:
    """Brier score at ``horizon``: mean squared distance of the risk from whether the event was there by then.

    Weighted against censoring: Graf et al., Stat Med 1999;18:2529-2545; with competing events, who had one is without
    the event: Gerds and Schumacher, Biom J 2006;48:1029-1040, Schoop et al., Biom J 2011;53:88-112. What to compare
    it with: everybody's risk set to the marginal one, ``aalen_johansen(time, event).at(horizon)``.

    Interval, undefined cases and parameters as for `auc_t`.

    Raises
    ------
    DataError: as for `auc_t`; or a risk is outside [0, 1].
    """
    time, event, entry = checked_follow_up(time, event, entry)
    risk, at = checked_risk(risk, len(time)), np.array([checked_horizon(horizon)])

    def value(i: Int[np.ndarray, "patient"]) -> float:
        happened = (event[i] == 1) & (time[i] <= at)
        return float(_briers(time[i], event[i], risk[i, None], at, entry[i])[0]) if happened.any() else math.nan

    return bootstrap(value, len(time), level=level, seed=seed, repeats=repeats)


def _briers(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    risk: Float[np.ndarray, "patient moment"],
    at: Float[np.ndarray, "moment"],
    entry: Float[np.ndarray, "patient"],
) -> Float[np.ndarray, "moment"]:
    happened = (event == 1)[:, None] & (time[:, None] <= at)
    return np.asarray(np.sum(standing_at(time, event, at, entry) * (happened - risk) ** 2, axis=0))


def ibs(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    curves: Float[np.ndarray, "patient point"],
    grid: Float[np.ndarray, "point"],
    window: tuple[float, float],
    entry: Float[np.ndarray, "patient"] | None = None,
    *,
    steps: bool = False,
    level: float = 0.95,
    seed: int = 0,
    repeats: int = 200,
) -> Measure:
    """Integrated Brier score: the mean of the Brier score over all times of ``window``, by the trapezoidal rule.

    Graf et al., Stat Med 1999;18:2529-2545. The score is taken at both ends of the window and at each time of ``grid``
    in between: a grid coarser than the events makes a coarser mean, so compare models on one grid only.

    Interval: see `bootstrap`; its coverage was tested. Undefined where nobody had the event by the end of the window,
    or nobody without any was followed to it.

    Parameters
    ----------
    time, event, entry, level, seed, repeats: as for `auc_t`.
    curves, grid, steps: predicted cumulative incidence of event 1 by each time of the grid, as for `risk_by`.
    window: from when to when.

    Raises
    ------
    DataError: as for `auc_t` and `risk_by`; or the window does not ascend or reaches beyond the grid.
    """
    time, event, entry = checked_follow_up(time, event, entry)
    curves, grid = checked_curves(curves, grid, len(time))
    low, high = window
    if not 0 <= low < high <= grid[-1]:
        raise DataError(f"{low} to {high} is no part of 0 to {grid[-1]}, where the curves end", where="window")
    at = np.concatenate([[low], grid[(grid > low) & (grid < high)], [high]])
    risk = read_curves(curves, grid, at, steps)

    def value(i: Int[np.ndarray, "patient"]) -> float:
        if not ((event[i] == 1) & (time[i] <= high)).any():
            return math.nan
        return float(np.trapezoid(_briers(time[i], event[i], risk[i], at, entry[i]), at) / (high - low))

    return bootstrap(value, len(time), level=level, seed=seed, repeats=repeats)
