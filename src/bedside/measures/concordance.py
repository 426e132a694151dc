"""How well predictions put patients in the order in which they have the event."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from bedside.errors import DataError
from bedside.measures.follow_up import checked_follow_up, checked_scores
from bedside.measures.interval import normal_quantile
from bedside.measures.measure import Measure
from bedside.measures.pairs import later, later_and_lower
from bedside.measures.predicted_curves import checked_curves, read_curves
from bedside.measures.resampling import bootstrap, percentiles
from bedside.measures.standing import free_at


def c_harrell(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    risk: Float[np.ndarray, "patient"],
    entry: Float[np.ndarray, "patient"] | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    repeats: int = 200,
) -> Measure:
    """Harrell's C: among pairs whose order is known, the share in which who had the event earlier had the higher risk.

    Harrell et al., JAMA 1982;247:2543-2546. A pair counts where one patient had the event while the other was under
    observation without it. Censored at the very time of the event counts as later; two events at one time make no
    pair. Equal risks count one half. Who had a competing event never has this one and is later than all (Wolbers et
    al., Epidemiology 2009;20:555-561). The value depends on how patients were censored; `c_ipcw` does not.

    Interval: see `bootstrap`; its coverage was tested. Undefined where no pair counts.

    Parameters
    ----------
    time: of the event or the end of follow-up, above 0, in any unit.
    event: 0 where censored, 1 for the event asked about, more for those that compete with it.
    risk: any score that is higher where the event is expected sooner.
    entry: when the patient came under observation; who was not yet makes no pair with an event. None: all at 0.
    level, seed, repeats: as for `bootstrap`; fewer than 2 ``repeats``: no interval.

    Raises
    ------
    DataError: lengths differ, a time is not above 0 and finite, an event is not a whole number of 0 or more, an entry
        is below 0 or not before its time, or a risk is not finite.
    """
    time, event, entry = checked_follow_up(time, event, entry)
    risk = checked_scores(risk, len(time))

    def value(i: Int[np.ndarray, "patient"]) -> float:
        return _harrell(time[i], event[i], risk[i], entry[i])

    return bootstrap(value, len(time), level=level, seed=seed, repeats=repeats)


def _harrell(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    risk: Float[np.ndarray, "patient"],
    entry: Float[np.ndarray, "patient"],
) -> float:
    times, place = np.unique(time, return_inverse=True)
    stage = np.where(event > 1, 2 * len(times), 2 * place + (event == 0))
    case, one = event == 1, np.ones(len(time))
    right = later_and_lower(stage, risk, one, stage[case], risk[case]).sum()
    pairs = later(stage, one, stage[case]).sum()
    if entry.any():
        entered = np.searchsorted(times, entry, side="right")  # not before the case's time: no pair
        right -= later_and_lower(entered, risk, one, place[case], risk[case]).sum()
        pairs -= later(entered, one, place[case]).sum()
    return float(right / pairs) if pairs > 0 else math.nan


def c_ipcw(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    risk: Float[np.ndarray, "patient"],
    tau: float,
    reference: tuple[Float[np.ndarray, "reference"], Int[np.ndarray, "reference"]] | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    repeats: int = 200,
) -> Measure:
    """Uno's C: the concordance of events before ``tau``, whatever the censoring was.

    Uno et al., Stat Med 2011;30:1105-1117; with competing events Wolbers et al., Biostatistics 2014;15:526-539. Each
    case weighs 1 / G(t-)^2 and, against a patient with an earlier competing event at s, 1 / (G(t-) G(s-)); G is the
    Kaplan-Meier estimate that censoring is later, events before censorings at equal times (scikit-survival takes
    G(t) in place of G(t-), which differs where events and censorings share a time). Pairs and ties as in `c_harrell`.
    There is no late entry here: its weights grow without limit at times at which few had entered; see `c_harrell`.

    Interval: see `bootstrap`; its coverage was tested. With a ``reference`` its G is held fixed. Undefined where no
    pair counts, and where a case before ``tau`` comes later than the reference was followed.

    Parameters
    ----------
    time, event, risk, level, seed, repeats: as for `c_harrell`.
    tau: only events before it count; where few are followed that long, choose it earlier. inf: all.
    reference: times and events of the patients from whom G is estimated; default: the same patients.

    Raises
    ------
    DataError: as for `c_harrell`; or ``tau`` is not above 0.
    """
    time, event, _ = checked_follow_up(time, event)
    risk = checked_scores(risk, len(time))
    if not tau > 0:
        raise DataError(f"{tau} is not a time above 0", where="tau")
    fixed = None if reference is None else checked_follow_up(*reference)[:2]

    def value(i: Int[np.ndarray, "patient"]) -> float:
        followed = _followed_to(time[i], *(fixed or (time[i], event[i])))
        return _uno(time[i], event[i], risk[i], followed, tau)

    return bootstrap(value, len(time), level=level, seed=seed, repeats=repeats)


def _followed_to(
    at: Float[np.ndarray, "moment"], time: Float[np.ndarray, "reference"], event: Int[np.ndarray, "reference"]
) -> Float[np.ndarray, "moment"]:
    """G(at-): probability of being followed up to each moment; nan where it is 0 or unknown."""
    times, step = np.unique(time, return_inverse=True)
    ends = np.bincount(step, minlength=len(times))
    events = np.bincount(step[event > 0], minlength=len(times))
    left = len(time) - np.cumsum(ends) + ends - events  # at risk of being censored: events come first
    factor = 1.0 - np.divide(ends - events, left, out=np.zeros(len(times)), where=left > 0)
    curve = np.concatenate([[1.0], np.cumprod(factor)])
    known = np.concatenate([np.where(curve > 1e-12, curve, math.nan)[:-1], [math.nan]])
    return known[np.searchsorted(times, at, side="left")]


def _uno(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    risk: Float[np.ndarray, "patient"],
    followed: Float[np.ndarray, "patient"],
    tau: float,
) -> float:
    _, place = np.unique(time, return_inverse=True)
    case = (event == 1) & (time < tau)
    stage, one = 2 * place + (event == 0), np.ones(len(time))
    each = 1.0 / followed[case]
    right = each**2 @ later_and_lower(stage, risk, one, stage[case], risk[case])
    pairs = each**2 @ later(stage, one, stage[case])
    if (competing := event > 1).any():
        past = (-place[competing], 1.0 / followed[competing])
        at = -place[case] - 1
        right += each @ later_and_lower(past[0], risk[competing], past[1], at, risk[case])
        pairs += each @ later(*past, at)
    return float(right / pairs) if pairs > 0 else math.nan


def c_antolini(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    curves: Float[np.ndarray, "patient point"],
    grid: Float[np.ndarray, "point"],
    entry: Float[np.ndarray, "patient"] | None = None,
    *,
    steps: bool = False,
    level: float = 0.95,
    seed: int = 0,
    repeats: int = 200,
) -> Measure:
    """Antolini's C: as `c_harrell`, with the two risks read from the curves at the time of the event.

    Antolini, Boracchi and Biganzoli, Stat Med 2005;24:3927-3944. It needs no single number for a patient, so curves
    that cross can be right. Events after the end of the grid make no pairs. Where no curves cross it is `c_harrell`.

    Interval: see `bootstrap`; its coverage was tested. Undefined where no pair counts.

    Parameters
    ----------
    time, event, entry, level, seed, repeats: as for `c_harrell`.
    curves, grid, steps: predicted cumulative incidence of event 1 by each time of the grid, as for `risk_by`.

    Raises
    ------
    DataError: as for `c_harrell` and `risk_by`.
    """
    time, event, entry = checked_follow_up(time, event, entry)
    curves, grid = checked_curves(curves, grid, len(time))
    normal_quantile(level)
    rng, n = np.random.default_rng(seed), len(time)
    # How often each patient is in the data (once), and in each resample: all are counted in one pass over the pairs.
    times_in = np.ones((n, 1))
    if repeats >= 2:
        drawn = [np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(repeats if n else 0)]
        times_in = np.column_stack([times_in, *drawn])
    right, pairs = np.zeros(times_in.shape[1]), np.zeros(times_in.shape[1])
    cases = np.flatnonzero((event == 1) & (time <= grid[-1]))
    block = max(1, 1_000_000 // max(1, n))  # about 8 MB per array
    for case in (cases[start : start + block] for start in range(0, len(cases), block)):
        at = time[case]
        later = (free_at(time, event, at) | (event > 1)[:, None]) & (entry[:, None] < at)
        risk = read_curves(curves, grid, at, steps)
        own = risk[case, np.arange(len(case))]
        won = np.where(later, (risk < own) + 0.5 * (risk == own), 0.0)
        right += np.sum(times_in[case] * (won.T @ times_in), axis=0)
        pairs += np.sum(times_in[case] * (later.T.astype(np.float64) @ times_in), axis=0)
    values = np.divide(right, pairs, out=np.full(len(pairs), math.nan), where=pairs > 0)
    if repeats < 2 or not math.isfinite(values[0]):
        return Measure(float(values[0]), level=level)
    return percentiles(float(values[0]), values[1:], level)
