"""Whether acting on predicted risks by a horizon does more good than harm, where not everybody was followed to it."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.errors import DataError
from bedside.measures.follow_up import checked_follow_up, checked_horizon, checked_risk
from bedside.measures.measure import Measure
from bedside.measures.predictions import checked_probabilities
from bedside.measures.resampling import bootstrap
from bedside.measures.standing import standing_by
from bedside.measures.survival_curves import incidence_by
from bedside.measures.utility import DecisionCurve, drawn, threshold_odds


def net_benefit_at(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    risk: Float[np.ndarray, "patient"],
    threshold: float,
    horizon: float,
    entry: Float[np.ndarray, "patient"] | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    repeats: int = 200,
) -> Measure:
    """True positives minus false positives times threshold / (1 - threshold), per patient, at ``horizon``.

    A patient is treated where ``risk`` >= ``threshold``; how many of the treated have the event by the horizon is the
    Aalen-Johansen share among them, 1 minus Kaplan-Meier where nothing competes. Vickers et al., BMC Med Inform Decis
    Mak 2008;8:53. With ``entry`` the share who are treated is weighted as in `auc_t`.

    Interval: see `bootstrap`; its coverage was tested. None where nobody is treated. Undefined where nobody had the
    event by the horizon, or nobody without any was followed to it, also among the treated alone.

    Parameters
    ----------
    time: of the event or the end of follow-up, above 0, in any unit.
    event: 0 where censored, 1 for the event asked about, more for those that compete with it.
    risk: probability of event 1 by the horizon.
    threshold: risk at which one would act, at least 0 and below 1.
    horizon: time up to which the event counts.
    entry: when the patient came under observation (left truncation); None: all at 0.
    level, seed, repeats: as for `bootstrap`; fewer than 2 ``repeats``: no interval.

    Raises
    ------
    DataError: lengths differ, a time is not above 0 and finite, an event is not a whole number of 0 or more, an entry
        is below 0 or not before its time, a risk is nan or outside [0, 1], or ``threshold`` is outside [0, 1).
    """
    odds = threshold_odds(threshold)
    time, event, entry = checked_follow_up(time, event, entry)
    risk, horizon = checked_risk(risk, len(time)), checked_horizon(horizon)

    def value(i: Int[np.ndarray, "patient"]) -> float:
        return _gain(time[i], event[i], risk[i] >= threshold, odds, horizon, entry[i])

    return bootstrap(value, len(time), level=level, seed=seed, repeats=repeats)


def _gain(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    treated: Bool[np.ndarray, "patient"],
    odds: float,
    horizon: float,
    entry: Float[np.ndarray, "patient"],
) -> float:
    """Net benefit of treating these patients."""
    if not incidence_by(time, event, horizon, entry) > 0:
        return math.nan
    if not treated.any():
        return 0.0
    share = float(treated.mean())
    if entry.any():
        share = float(standing_by(time, event, horizon, entry)[treated].sum())
    with_event = incidence_by(time[treated], event[treated], horizon, entry[treated])
    return share * (with_event - odds * (1 - with_event))


def net_benefit_treat_all_at(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    threshold: float,
    horizon: float,
    entry: Float[np.ndarray, "patient"] | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    repeats: int = 200,
) -> Measure:
    """Net benefit at ``horizon`` of treating everybody; all else as for `net_benefit_at`."""
    everybody = np.ones(len(time))
    return net_benefit_at(time, event, everybody, threshold, horizon, entry, level=level, seed=seed, repeats=repeats)


def net_benefit_difference_at(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    risk: Float[np.ndarray, "patient"],
    threshold: float,
    horizon: float,
    other: Literal["treat-all", "treat-none"],
    entry: Float[np.ndarray, "patient"] | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    repeats: int = 200,
) -> Measure:
    """Net benefit at ``horizon`` of the model minus that of treating everybody or nobody, on the same patients.

    Interval and undefined cases as for `net_benefit_at`; resamples are paired.

    Raises
    ------
    DataError: as for `net_benefit_at`; or ``other`` is neither ``"treat-all"`` nor ``"treat-none"``.
    """
    if other not in ("treat-all", "treat-none"):
        raise DataError(f"'{other}' is neither 'treat-all' nor 'treat-none'", where="other")
    odds = threshold_odds(threshold)
    time, event, entry = checked_follow_up(time, event, entry)
    risk, horizon = checked_risk(risk, len(time)), checked_horizon(horizon)
    all_or_none = np.full(len(time), other == "treat-all")

    def value(i: Int[np.ndarray, "patient"]) -> float:
        of_model, of_other = (
            _gain(time[i], event[i], who[i], odds, horizon, entry[i]) for who in (risk >= threshold, all_or_none)
        )
        return of_model - of_other

    return bootstrap(value, len(time), level=level, seed=seed, repeats=repeats)


def decision_curve_at(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    risk: Float[np.ndarray, "patient"],
    thresholds: Float[np.ndarray, "threshold"],
    horizon: float,
    entry: Float[np.ndarray, "patient"] | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    repeats: int = 200,
) -> DecisionCurve:
    """`net_benefit_at` of the model, of treating everybody and of treating nobody at each of ``thresholds``.

    Raises
    ------
    DataError: as for `net_benefit_at`.
    """
    thresholds = checked_probabilities(thresholds, "thresholds")
    model = [
        net_benefit_at(time, event, risk, float(t), horizon, entry, level=level, seed=seed, repeats=repeats)
        for t in thresholds
    ]
    everybody = [net_benefit_treat_all_at(time, event, float(t), horizon, entry, repeats=0) for t in thresholds]
    return drawn(thresholds, model, everybody)
