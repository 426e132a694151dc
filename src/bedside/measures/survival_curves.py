"""How many have had the event by each time, from patients who were not all followed to the end."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from bedside.errors import DataError
from bedside.measures.follow_up import checked_follow_up
from bedside.measures.interval import normal_quantile


@dataclass(frozen=True)
class Steps:
    """A curve that jumps at each time of an event and is level in between (continuous from the right).

    Attributes
    ----------
    time: times at which an event of any cause happened, ascending, in the unit of the data.
    value: of the curve from that time on, up to the next.
    low, high: pointwise band; nan where there is none: before the first event of the kind, and once nobody is left.
    at_risk: patients under observation just before that time.
    events: how many of the kind that the curve counts happened then.
    start: value before the first time.
    until: last time that the data tell of; inf where the curve cannot change any more, as everybody had an event.
    """

    time: Float[np.ndarray, "step"]
    value: Float[np.ndarray, "step"]
    low: Float[np.ndarray, "step"]
    high: Float[np.ndarray, "step"]
    at_risk: Int[np.ndarray, "step"]
    events: Int[np.ndarray, "step"]
    start: float
    until: float

    def at(self, t: Float[np.ndarray, "*time"] | float) -> Float[np.ndarray, "*time"]:
        """Value of the curve at each of ``t``; nan beyond ``until``."""
        t = np.asarray(t, dtype=np.float64)
        values = np.concatenate([[self.start], self.value])
        return np.asarray(np.where(t <= self.until, values[np.searchsorted(self.time, t, side="right")], math.nan))

    def limits_at(
        self, t: Float[np.ndarray, "*time"] | float
    ) -> tuple[Float[np.ndarray, "*time"], Float[np.ndarray, "*time"]]:
        """Limits of the band at each of ``t``; nan where there is none, and beyond ``until``."""
        t = np.asarray(t, dtype=np.float64)
        place, known = np.searchsorted(self.time, t, side="right"), t <= self.until
        low, high = (np.concatenate([[math.nan], limit])[place] for limit in (self.low, self.high))
        return np.where(known, low, math.nan), np.where(known, high, math.nan)


def number_at_risk(
    time: Float[np.ndarray, "patient"],
    at: Float[np.ndarray, "moment"],
    entry: Float[np.ndarray, "patient"] | None = None,
) -> Int[np.ndarray, "moment"]:
    """Patients under observation just before each of ``at``; at 0, those whose follow-up starts there.

    A patient counts from just after ``entry`` up to and including ``time``.

    Raises
    ------
    DataError: as for `kaplan_meier`; or a moment is nan or below 0.
    """
    time, _, entry = checked_follow_up(time, np.zeros(len(time), dtype=np.int64), entry)
    at = np.asarray(at, dtype=np.float64)
    if not np.all(at >= 0):
        row = int(np.flatnonzero(~(at >= 0))[0])
        raise DataError(f"{at[row]} is not a time of 0 or more", where=f"at, row {row}")
    entered = np.where(at == 0, np.sum(entry == 0), _below(entry, at))
    return np.asarray(entered - _below(time, at), dtype=np.int64)


def _below(values: Float[np.ndarray, "patient"], at: Float[np.ndarray, "moment"]) -> Int[np.ndarray, "moment"]:
    return np.searchsorted(np.sort(values), at, side="left")


def life_table(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    entry: Float[np.ndarray, "patient"],
    cause: int = 1,
) -> tuple[Float[np.ndarray, "step"], Int[np.ndarray, "step"], Int[np.ndarray, "step"], Int[np.ndarray, "step"]]:
    """Times of events of any cause, the patients at risk, events of any cause and of ``cause`` at each."""
    times, step = np.unique(time[event > 0], return_inverse=True)
    # Who came under observation at t or later is not yet at risk at t; whose time was before t is no longer.
    at_risk = _below(entry, times) - _below(time, times)
    events = np.bincount(step, minlength=len(times))
    of_cause = np.bincount(step[event[event > 0] == cause], minlength=len(times))
    return times, at_risk.astype(np.int64), events.astype(np.int64), of_cause.astype(np.int64)


def survival(at_risk: Int[np.ndarray, "step"], events: Int[np.ndarray, "step"]) -> Float[np.ndarray, "step+1"]:
    """Share without any event: before the first step (1), and from each step on."""
    return np.concatenate([[1.0], np.cumprod(1.0 - events / at_risk)])


def _band(
    free: Float[np.ndarray, "step"], variance: Float[np.ndarray, "step"], level: float
) -> tuple[Float[np.ndarray, "step"], Float[np.ndarray, "step"]]:
    """Limits of a share ``free`` of an event, normal on the scale of log(-log); nan at 0, at 1 and without variance."""
    z = normal_quantile(level)
    inside = (free > 0) & (free < 1) & (variance > 0)
    log = np.log(free, out=np.full(len(free), math.nan), where=inside)
    half = np.minimum(z * np.sqrt(np.where(inside, variance, 0.0)) / np.abs(free * log), 100.0)  # exp stays finite
    return np.exp(log * np.exp(half)), np.exp(log * np.exp(-half))


def _until(time: Float[np.ndarray, "patient"], left: float) -> float:
    """Last time the curve is known at; an empty table knows none."""
    if len(time) == 0:
        return -math.inf
    return math.inf if left <= 1e-12 else float(time.max())


def kaplan_meier(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    entry: Float[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Steps:
    """Share of patients without any event by each time (Kaplan and Meier, J Am Stat Assoc 1958;53:457-481).

    Who is censored at the time of an event was still at risk of it. Band: Greenwood's variance on the scale of
    log(-log) (Kalbfleisch and Prentice, The Statistical Analysis of Failure Time Data, Wiley 1980). With ``entry``, a
    patient is at risk only after it (left truncation); while few have entered, the curve is unsteady, and a 0 reached
    then is final.

    Parameters
    ----------
    time: of the event or the end of follow-up, above 0, in any unit.
    event: 0 where censored, otherwise the number of the cause; all causes count alike here.
    entry: when the patient came under observation, before ``time``; None: all at 0.
    level: coverage of the band at each time by itself.

    Raises
    ------
    DataError: lengths differ, a time is not above 0 and finite, an event is not a whole number of 0 or more, or an
        entry is below 0 or not before its time.
    """
    time, event, entry = checked_follow_up(time, event, entry)
    times, at_risk, events, _ = life_table(time, event, entry)
    free = survival(at_risk, events)
    left = at_risk - events
    terms = np.divide(events, at_risk * left, out=np.full(len(times), math.nan), where=left > 0)
    low, high = _band(free[1:], free[1:] ** 2 * np.cumsum(terms), level)
    return Steps(times, free[1:], low, high, at_risk, events, 1.0, _until(time, float(free[-1])))


def median_follow_up(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    entry: Float[np.ndarray, "patient"] | None = None,
) -> float:
    """Time by which half of the patients would have been lost to follow-up, had nobody had an event.

    The median of `kaplan_meier` with the ends of follow-up taken for events, and events for ends (reverse Kaplan-Meier:
    Schemper and Smith, Control Clin Trials 1996;17:343-346); nan where it is not reached.

    Parameters
    ----------
    time, event, entry: as for `kaplan_meier`.

    Raises
    ------
    DataError: as for `kaplan_meier`.
    """
    time, event, entry = checked_follow_up(time, event, entry)
    left = kaplan_meier(time, (event == 0).astype(np.int64), entry)
    reached = np.flatnonzero(left.value <= 0.5)
    return float(left.time[reached[0]]) if len(reached) else math.nan


def aalen_johansen(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    cause: int = 1,
    entry: Float[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Steps:
    """Share of patients who had the event of ``cause`` by each time, other causes competing with it.

    Aalen and Johansen, Scand J Stat 1978;5:141-150; with one cause it is 1 minus `kaplan_meier`, band included.
    Variance by the delta method (Dinse and Larson, Biometrika 1986;73:379-386, equation 6), band on the scale of
    log(-log(1 - share)).

    Parameters
    ----------
    time, event, entry, level: as for `kaplan_meier`.
    cause: the number of the event that is counted, 1 or more.

    Raises
    ------
    DataError: as for `kaplan_meier`; or ``cause`` is below 1.
    """
    if cause < 1:
        raise DataError(f"{cause} is not the number of a cause, 1 or more", where="cause")
    time, event, entry = checked_follow_up(time, event, entry)
    times, at_risk, events, of_cause = life_table(time, event, entry, cause)
    free = survival(at_risk, events)
    value = np.cumsum(free[:-1] * of_cause / at_risk)
    low, high = _band(1.0 - value, _delta_variance(at_risk, events, of_cause, free[:-1], value), level)
    return Steps(times, value, 1.0 - high, 1.0 - low, at_risk, of_cause, 0.0, _until(time, float(free[-1])))


def incidence_by(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    horizon: float,
    entry: Float[np.ndarray, "patient"],
) -> float:
    """Share with event 1 by ``horizon`` (Aalen-Johansen); nan where nobody free of any event was followed to it.

    And where the curve of those without came to 0 early, among the few who had entered, while others still had an event
    after it: such a 0 is no share.
    """
    times, at_risk, events, of_cause = life_table(time, event, entry)
    free = survival(at_risk, events)
    if not horizon <= _until(time, float(free[-1])) or (free[:-1] <= 1e-12).any():
        return math.nan
    return float(np.sum((free[:-1] * of_cause / at_risk)[times <= horizon]))


def _delta_variance(
    at_risk: Int[np.ndarray, "step"],
    events: Int[np.ndarray, "step"],
    of_cause: Int[np.ndarray, "step"],
    before: Float[np.ndarray, "step"],
    value: Float[np.ndarray, "step"],
) -> Float[np.ndarray, "step"]:
    """Dinse and Larson's sums over all earlier steps, multiplied out so that each is a running sum."""
    left = at_risk - events
    # Where nobody is left the curve no longer changes: the term is multiplied by 0 at that step and every later one.
    a = np.divide(events, at_risk * left, out=np.zeros(len(value)), where=left > 0)
    b = before**2 * of_cause * (at_risk - of_cause) / at_risk.astype(np.float64) ** 3
    c = before * of_cause / at_risk.astype(np.float64) ** 2
    squares = value**2 * np.cumsum(a) - 2 * value * np.cumsum(value * a) + np.cumsum(value**2 * a)
    return np.asarray(squares + np.cumsum(b) - 2 * (value * np.cumsum(c) - np.cumsum(value * c)))
