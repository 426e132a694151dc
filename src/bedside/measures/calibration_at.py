"""Whether predicted risks by a horizon are the risks that come true, where not everybody was followed to it."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.measures.calibration import CERTAINTY
from bedside.measures.follow_up import checked_follow_up, checked_horizon, checked_risk
from bedside.measures.measure import Measure
from bedside.measures.resampling import bootstrap
from bedside.measures.standing import standing_by
from bedside.measures.survival_curves import incidence_by


def observed_over_expected_at(
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
    """Share with the event by ``horizon`` over the mean predicted risk; ideal 1, above it risks were predicted too low.

    The share is that of `aalen_johansen`, of 1 minus `kaplan_meier` where nothing competes. Van Geloven et al., BMJ
    2022;377:e069249; McLernon et al., Ann Intern Med 2023;176:105-114. With ``entry`` the mean of the risks is
    weighted as in `auc_t`.

    Interval: see `bootstrap`; its coverage was tested. Undefined where nobody had the event by the horizon, nobody
    without any was followed to it, or every risk is 0.

    Parameters
    ----------
    time: of the event or the end of follow-up, above 0, in any unit.
    event: 0 where censored, 1 for the event asked about, more for those that compete with it.
    risk: probability of event 1 by the horizon.
    horizon: time up to which the event counts.
    entry: when the patient came under observation (left truncation); None: all at 0.
    level, seed, repeats: as for `bootstrap`; fewer than 2 ``repeats``: no interval.

    Raises
    ------
    DataError: lengths differ, a time is not above 0 and finite, an event is not a whole number of 0 or more, an entry
        is below 0 or not before its time, or a risk is nan or outside [0, 1].
    """
    time, event, entry = checked_follow_up(time, event, entry)
    risk, horizon = checked_risk(risk, len(time)), checked_horizon(horizon)

    def value(i: Int[np.ndarray, "patient"]) -> float:
        observed = incidence_by(time[i], event[i], horizon, entry[i])
        expected = float(np.sum(_shares(time[i], event[i], horizon, entry[i]) * risk[i]))
        return observed / expected if observed > 0 and expected > 0 else math.nan

    return bootstrap(value, len(time), level=level, seed=seed, repeats=repeats)


def _shares(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    horizon: float,
    entry: Float[np.ndarray, "patient"],
) -> Float[np.ndarray, "patient"]:
    """What share of the population each patient is: equal ones, unless some were seen only because they lived long."""
    if entry.any():
        return standing_by(time, event, horizon, entry)
    return np.full(len(time), 1 / max(1, len(time)))


def calibration_slope_at(
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
    """Slope of the observed on the predicted risk by ``horizon``, both on the scale of log(-log(1 - risk)); ideal 1.

    Binomial regression of whether the event was there by the horizon on log(-log(1 - risk)) with that link, intercept
    estimated with it, weighted against censoring (Scheike, Zhang and Gerds, Biometrika 2008;95:205-220). Below 1:
    predictions too extreme, as after overfitting. Pseudo-values in place of the weights (van Geloven et al., BMJ
    2022;377:e069249) spread by a tenth more in simulations and failed where many had the event. Risks
    beyond 1e-8 and 1 - 1e-8 are moved there. Small samples give true risks a slope above 1 on average: in simulations
    by 0.09 with 20 events, by 0.03 with 45, by 0.00 with 185.

    Interval: see `bootstrap`; its coverage was tested. Undefined as for `observed_over_expected_at`, where all risks
    are equal, and where they separate those with the event from the others: then no finite slope is the most likely
    one.

    Parameters
    ----------
    time, event, risk, horizon, entry, level, seed, repeats: as for `observed_over_expected_at`.

    Raises
    ------
    DataError: as for `observed_over_expected_at`.
    """
    time, event, entry = checked_follow_up(time, event, entry)
    risk, horizon = checked_risk(risk, len(time)), checked_horizon(horizon)
    x = np.log(-np.log1p(-np.clip(risk, CERTAINTY, 1 - CERTAINTY)))

    def value(i: Int[np.ndarray, "patient"]) -> float:
        weight = standing_by(time[i], event[i], horizon, entry[i])
        if not np.isfinite(weight).all():
            return math.nan
        known = weight > 0
        happened = (event[i] == 1) & (time[i] <= horizon)
        return _slope(happened[known], x[i][known], len(i) * weight[known])

    return bootstrap(value, len(time), level=level, seed=seed, repeats=repeats)


def _separated(happened: Bool[np.ndarray, "patient"], x: Float[np.ndarray, "patient"]) -> bool:
    """Whether no patient with the event has a lower risk than one without, or none a higher one."""
    if happened.all() or not happened.any():
        return True
    had, free = x[happened], x[~happened]
    return bool(had.min() >= free.max() or had.max() <= free.min())


def _slope(
    happened: Bool[np.ndarray, "patient"], x: Float[np.ndarray, "patient"], weight: Float[np.ndarray, "patient"]
) -> float:
    """Maximum of the weighted likelihood by Fisher scoring with halved steps; nan where there is none."""
    if _separated(happened, x):
        return math.nan
    scale = float(x.std())
    X = np.column_stack([np.ones(len(x)), (x - x.mean()) / scale])
    beta, reached = np.array([float(x.mean()), scale]), -math.inf
    step = np.zeros(2)
    for _ in range(200):
        rate = np.exp(np.clip(X @ (beta + step), -40.0, 6.0))
        likelihood = float(weight @ np.where(happened, np.log(-np.expm1(-rate)), -rate))
        if likelihood < reached - 1e-12 * abs(reached):
            step = step / 2
            continue
        beta, reached = beta + step, likelihood
        # By the chain rule, with 1 - mu = exp(-rate): what each patient pulls, and the expected curvature.
        odds = rate / np.maximum(np.expm1(rate), 1e-300)
        pull = weight * np.where(happened, odds, -rate)
        information = (X * (weight * rate * odds)[:, None]).T @ X
        if not np.linalg.cond(information) < 1e13:
            return math.nan
        step = np.linalg.solve(information, X.T @ pull)
        if np.max(np.abs(step)) < 1e-9:
            return float(beta[1] / scale)
    return math.nan
