"""What measures of time to event ask of their input: times, events, and when each patient came under observation."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.errors import DataError
from bedside.measures.predictions import checked_probabilities

FollowUp = tuple[Float[np.ndarray, "patient"], Int[np.ndarray, "patient"], Float[np.ndarray, "patient"]]
"""Time of the event or of the end of follow-up, what happened then (0: nothing), start of follow-up."""


def _refuse(wrong: Bool[np.ndarray, "patient"], name: str, what: str, remedy: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(what.format(row=row), where=f"{name}, row {row}", remedy=remedy)


def _column(values: object, name: str) -> Float[np.ndarray, "patient"]:
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1:
        raise DataError(f"{column.ndim} dimensions instead of 1", where=name)
    return column


def checked_follow_up(
    time: Float[np.ndarray, "time"], event: Int[np.ndarray, "event"], entry: Float[np.ndarray, "entry"] | None = None
) -> FollowUp:
    """``time``, ``event`` and ``entry`` (0 where it is None), checked, in their widest types.

    Raises
    ------
    DataError: lengths differ; a time is not above 0 and finite; an event is not a whole number of 0 or more; an entry
        is below 0 or not before its time. The message names the first such row, counted from 0.
    """
    time, what = _column(time, "time"), _column(event, "event")
    start = np.zeros(len(time)) if entry is None else _column(entry, "entry")
    for name, column in (("event", what), ("entry", start)):
        if len(column) != len(time):
            raise DataError(f"{len(time)} times but {len(column)} in {name}", where=name)
    wrong = ~(np.isfinite(time) & (time > 0))
    _refuse(wrong, "time", "a time is not a finite number above 0", "Leave out patients without follow-up")
    wrong = ~(np.isfinite(what) & (what >= 0) & (what == np.floor(what)))
    _refuse(wrong, "event", "an event is not 0 (censored) or the number of a cause", "Leave out unknown outcomes")
    wrong = ~((start >= 0) & (start < time))
    _refuse(wrong, "entry", "follow-up starts below 0 or not before it ends", "Leave out patients without follow-up")
    return time, what.astype(np.int64), start


def checked_scores(
    risk: Float[np.ndarray, "prediction"], n: int, name: str = "risk"
) -> Float[np.ndarray, "prediction"]:
    """Finite numbers, one for each of ``n`` patients; higher means sooner.

    Raises
    ------
    DataError: the number differs, or one is not finite; the message names its row, counted from 0.
    """
    risk = _column(risk, name)
    _agree(len(risk), n, name)
    _refuse(~np.isfinite(risk), name, "a prediction is not finite", "Leave out patients without a prediction")
    return risk


def checked_risk(risk: Float[np.ndarray, "prediction"], n: int, name: str = "risk") -> Float[np.ndarray, "prediction"]:
    """Probabilities, one for each of ``n`` patients.

    Raises
    ------
    DataError: the number differs, or one is nan or outside [0, 1]; the message names its row, counted from 0.
    """
    risk = checked_probabilities(_column(risk, name), name)
    _agree(len(risk), n, name)
    return risk


def _agree(predictions: int, n: int, name: str) -> None:
    if predictions != n:
        raise DataError(f"{n} times but {predictions} predictions", where=name)


def checked_horizon(horizon: float) -> float:
    """A time to look at.

    Raises
    ------
    DataError: it is not above 0 and finite.
    """
    if not (np.isfinite(horizon) and horizon > 0):
        raise DataError(f"{horizon} is not a finite time above 0", where="horizon")
    return float(horizon)
