"""What measures of treatment ask of their input: arms that are numbered, scores that are numbers, groups."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from bedside.errors import DataError
from bedside.measures.interval import mean, undefined
from bedside.measures.measure import Measure


def checked_column(values: object, name: str, n: int | None = None) -> Float[np.ndarray, "patient"]:
    """Finite numbers, one for each of ``n`` patients.

    Raises
    ------
    DataError: not one dimension, another number of them, or one is not finite; the message names its row.
    """
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1:
        raise DataError(f"{column.ndim} dimensions instead of 1", where=name)
    if n is not None and len(column) != n:
        raise DataError(f"{n} patients but {len(column)} entries", where=name)
    return _finite(column, name)


def checked_table(values: object, name: str, n: int | None = None, arms: int | None = None) -> Float[np.ndarray, "n a"]:
    """Finite numbers, a row for each of ``n`` patients and a column for each of ``arms`` (at least 2).

    Raises
    ------
    DataError: another shape, or an entry is not finite; the message names its row.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2 or len(table) != (len(table) if n is None else n):
        raise DataError(f"{table.shape} instead of (patients, 2 or more arms)", where=name)
    if arms is not None and table.shape[1] != arms:
        raise DataError(f"{table.shape[1]} arms instead of {arms}", where=name)
    return _finite(table, name)


def _finite(values: Float[np.ndarray, "*any"], name: str) -> Float[np.ndarray, "*any"]:
    wrong = ~np.isfinite(values)
    if wrong.any():
        row = int(np.argwhere(wrong)[0][0])
        raise DataError("an entry is not a finite number", where=f"{name}, row {row}", remedy="Leave out such patients")
    return values


def checked_arm(
    arm: Int[np.ndarray, "patient"], arms: int, n: int | None = None, name: str = "arm"
) -> Int[np.ndarray, "patient"]:
    """Numbers of arms, 0 to ``arms - 1``, one for each of ``n`` patients.

    Raises
    ------
    DataError: another number of them, or one is anything else; the message names its row.
    """
    column = checked_column(arm, name, n)
    wrong = ~((column >= 0) & (column < arms) & (column == np.floor(column)))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(f"{column[row]:g} is not an arm between 0 and {arms - 1}", where=f"{name}, row {row}")
    return column.astype(np.int64)


def checked_propensity(
    propensity: Float[np.ndarray, "patient arm"], n: int | None = None, arms: int | None = None
) -> Float[np.ndarray, "patient arm"]:
    """Probabilities of each arm, above 0 and at most 1.

    Raises
    ------
    DataError: another shape, or an entry is nan, 0 or outside (0, 1]; the message names its row.
    """
    table = checked_table(propensity, "propensity", n, arms)
    wrong = ~((table > 0) & (table <= 1))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(
            f"{table[row, column]:g} is not a probability above 0",
            where=f"propensity, row {row}",
            remedy="Leave out patients who could not have had every arm: nothing can be said about them",
        )
    return table


def checked_weight(weight: Float[np.ndarray, "patient"] | None, n: int) -> Float[np.ndarray, "patient"]:
    """Weights of 0 or more, one for each of ``n`` patients; 1 where there are none.

    Raises
    ------
    DataError: another number of them, or one is below 0 or not finite; the message names its row.
    """
    if weight is None:
        return np.ones(n)
    column = checked_column(weight, "weight", n)
    if (column < 0).any():
        row = int(np.flatnonzero(column < 0)[0])
        raise DataError(f"{column[row]:g} is not a weight of 0 or more", where=f"weight, row {row}")
    return column


def checked_groups(groups: object, n: int) -> Int[np.ndarray, "row"] | None:
    """Whose each of ``n`` rows is; None where each is its own.

    Raises
    ------
    DataError: another number of them.
    """
    if groups is None:
        return None
    whose = np.asarray(groups)
    if whose.shape != (n,):
        raise DataError(f"{n} rows but groups of shape {whose.shape}", where="groups")
    return whose


def mean_of(values: Float[np.ndarray, "row"], groups: Int[np.ndarray, "row"] | None, level: float) -> Measure:
    """Mean of ``values`` with Student's t interval; rows of one of the ``groups`` hang together."""
    if len(values) == 0:
        return undefined(level)
    value = float(values.mean())
    if np.ptp(values) <= 1e-12 * max(1.0, abs(value)):
        return Measure(value, level=level)
    return with_influence(value, values - value, groups, level)


def with_influence(
    value: float, influence: Float[np.ndarray, "row"], groups: Int[np.ndarray, "row"] | None, level: float
) -> Measure:
    """``value`` with the t interval that its ``influence`` function gives.

    ``influence`` has the mean 0; its variance over the number of rows is that of the value. With ``groups`` it is
    summed within each first (Liang and Zeger, Biometrika 1986;73:13-22), and there are as many degrees of freedom as
    groups, less one. No interval for one patient or group, or where nothing varies.
    """
    groups = checked_groups(groups, len(influence))
    if groups is not None:
        _, place = np.unique(groups, return_inverse=True)
        influence = np.bincount(place, weights=influence) * ((place.max() + 1) / len(influence))
    spread = mean(influence, level)
    if not np.isfinite(value) or spread.low is None or spread.high is None:
        return Measure(value, level=level)
    half = (spread.high - spread.low) / 2
    return Measure(value, value - half, value + half, level)
