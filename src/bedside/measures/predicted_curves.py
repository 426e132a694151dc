"""Predicted curves of risk over time, one for each patient, and what is read from them."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from bedside.errors import DataError
from bedside.measures.predictions import checked_probabilities

FALL = 1e-6
"""How far a predicted risk may fall from one time to the next: single precision, no more."""


def checked_curves(
    curves: Float[np.ndarray, "prediction point"], grid: Float[np.ndarray, "place"], n: int | None = None
) -> tuple[Float[np.ndarray, "prediction point"], Float[np.ndarray, "place"]]:
    """Risks by each time of ``grid``, for ``n`` patients where given, checked, in double precision.

    Raises
    ------
    DataError: shapes do not agree, a risk is nan or outside [0, 1] or falls with time, or ``grid`` does not ascend
        from 0 or later.
    """
    curves, grid = checked_probabilities(curves, "curves"), np.asarray(grid, dtype=np.float64)
    if curves.ndim != 2 or grid.ndim != 1 or curves.shape[1] != len(grid) or len(grid) == 0:
        raise DataError(f"curves of shape {curves.shape} on a grid of shape {grid.shape}", where="curves")
    if n is not None and len(curves) != n:
        raise DataError(f"{n} times but {len(curves)} predictions", where="curves")
    steps = np.diff(grid, prepend=-1.0 if grid[0] == 0 else 0.0)
    if not np.all(steps > 0) or not np.isfinite(grid[-1]):
        raise DataError("the grid does not ascend from 0 or later", where="grid")
    falls = np.diff(curves, axis=1) < -FALL
    if falls.any():
        raise DataError(
            "the risk falls with time",
            where=f"curves, row {int(np.flatnonzero(falls.any(axis=1))[0])}",
            remedy="Give cumulative incidence: 1 minus survival",
        )
    return curves, grid


def risk_by(
    curves: Float[np.ndarray, "patient point"],
    grid: Float[np.ndarray, "point"],
    at: Float[np.ndarray, "time"],
    steps: bool = False,
) -> Float[np.ndarray, "patient time"]:
    """Each patient's risk by each time in ``at``.

    Parameters
    ----------
    curves: cumulative incidence of the event by each time of ``grid``; where nothing competes, 1 minus survival.
    grid: ascending times, 0 or later. At 0 the risk is 0 unless the grid starts there.
    at: times from 0 to the end of the grid.
    steps: level between the grid's times, continuous from the right; default: straight lines in between.

    Raises
    ------
    DataError: shapes do not agree; a risk is nan, outside [0, 1] or falls with time; the grid does not ascend; or a
        time is outside it: nothing is extrapolated.
    """
    curves, grid = checked_curves(curves, grid)
    at = np.asarray(at, dtype=np.float64)
    outside = ~((at >= 0) & (at <= grid[-1]))
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise DataError(f"{at[row]} is not between 0 and {grid[-1]}, where the curves end", where=f"at, row {row}")
    return read_curves(curves, grid, at, steps)


def read_curves(
    curves: Float[np.ndarray, "patient point"],
    grid: Float[np.ndarray, "point"],
    at: Float[np.ndarray, "time"],
    steps: bool,
) -> Float[np.ndarray, "patient time"]:
    """`risk_by` without its checks."""
    curves, before, after, share = _between(curves, grid, at, steps)
    return np.asarray(curves[:, before] * (1 - share) + curves[:, after] * share)


def read_own(
    curves: Float[np.ndarray, "patient point"],
    grid: Float[np.ndarray, "point"],
    at: Float[np.ndarray, "patient"],
    steps: bool,
) -> Float[np.ndarray, "patient"]:
    """The same at one time for each patient."""
    curves, before, after, share = _between(curves, grid, at, steps)
    own = np.arange(len(curves))
    return np.asarray(curves[own, before] * (1 - share) + curves[own, after] * share)


def _between(
    curves: Float[np.ndarray, "patient point"],
    grid: Float[np.ndarray, "point"],
    at: Float[np.ndarray, "time"],
    steps: bool,
) -> tuple[
    Float[np.ndarray, "patient place"], Int[np.ndarray, "time"], Int[np.ndarray, "time"], Float[np.ndarray, "time"]
]:
    """Curves from time 0 on; the places before and after each time, and how far it is from one to the other."""
    if grid[0] > 0:
        grid = np.concatenate([[0.0], grid])
        curves = np.concatenate([np.zeros((len(curves), 1)), curves], axis=1)
    before = np.searchsorted(grid, at, side="right") - 1
    after = np.minimum(before + 1, len(grid) - 1)
    gap = grid[after] - grid[before]
    share = np.divide(at - grid[before], gap, out=np.zeros(len(at)), where=(gap > 0) & (not steps))
    return curves, before, after, share


def restricted_mean(
    curves: Float[np.ndarray, "patient point"], grid: Float[np.ndarray, "point"], tau: float, steps: bool = False
) -> Float[np.ndarray, "patient"]:
    """Mean time free of the event within ``tau``: the area above each curve of risk (under that of survival) up to it.

    Where other events compete it is ``tau`` minus the mean time lost to this one. Royston and Parmar, BMC Med Res
    Methodol 2013;13:152; Andersen, Stat Med 2013;32:5278-5285.

    Parameters
    ----------
    curves, grid, steps: cumulative incidence by each time of the grid, as for `risk_by`.
    tau: up to when; the grid must reach it.

    Raises
    ------
    DataError: as for `risk_by`.
    """
    curves, grid = checked_curves(curves, grid)
    risk_by(curves[:0], grid, np.array([tau]))  # refuses a time outside the grid
    at = np.unique(np.concatenate([[0.0], grid[grid < tau], [tau]]))
    risk = read_curves(curves, grid, at, steps)
    area = risk[:, :-1] @ np.diff(at) if steps else np.trapezoid(risk, at, axis=1)
    return np.asarray(tau - area)


def median_of(
    curves: Float[np.ndarray, "patient point"], grid: Float[np.ndarray, "point"], steps: bool = False
) -> Float[np.ndarray, "patient"]:
    """Time at which each curve of risk first reaches one half; nan where it does not within the grid.

    Parameters
    ----------
    curves, grid, steps: cumulative incidence by each time of the grid, as for `risk_by`.

    Raises
    ------
    DataError: as for `risk_by`.
    """
    curves, grid = checked_curves(curves, grid)
    if grid[0] > 0:
        grid, curves = np.append(0.0, grid), np.column_stack([np.zeros(len(curves)), curves])
    reached = curves >= 0.5 - 1e-12
    first, own = np.argmax(reached, axis=1), np.arange(len(curves))
    before = np.maximum(first - 1, 0)
    rise = curves[own, first] - curves[own, before]
    share = np.divide(0.5 - curves[own, before], rise, out=np.ones(len(curves)), where=(rise > 0) & (not steps))
    time = grid[before] + np.clip(share, 0.0, 1.0) * (grid[first] - grid[before])
    return np.where(reached.any(axis=1), time, math.nan)
