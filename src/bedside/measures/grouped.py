"""How far the observed curves of groups of similar patients lie from those that they were given."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from bedside.measures.survival_curves import aalen_johansen


def angle(share: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """``asin(sqrt(share))``: the scale on which a share scatters alike whatever it is.

    Anscombe, Biometrika 1948;35:246-254. What lies outside [0, 1] by the dust of computing is moved there.
    """
    return np.asarray(np.arcsin(np.sqrt(np.clip(share, 0.0, 1.0))))


def group_distances(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    entry: Float[np.ndarray, "patient"] | None,
    curves: Float[np.ndarray, "patient point"],
    grid: Float[np.ndarray, "point"],
    risk: Float[np.ndarray, "patient"],
    size: int,
) -> Float[np.ndarray, "group point"]:
    """Distance of each group's observed curve from the mean of the predicted ones, on the scale of `angle`.

    Patients in the order of their ``risk`` are cut into groups of ``size``, or a few more. Observed is the group's
    cumulative incidence of event 1 (Aalen and Johansen, Scand J Stat 1978;5:141-150); nan at times that nobody in the
    group was followed to.

    Parameters
    ----------
    time, event, entry: as for `aalen_johansen`.
    curves: predicted cumulative incidence of event 1 by each time of ``grid``.
    risk: what makes patients similar. size: at most the number of patients.

    Raises
    ------
    DataError: as for `aalen_johansen`.
    """
    found = []
    for rows in np.array_split(np.argsort(risk, kind="stable"), len(risk) // size):
        steps = aalen_johansen(time[rows], event[rows], entry=None if entry is None else entry[rows])
        found.append(np.abs(angle(steps.at(grid)) - angle(curves[rows].mean(axis=0))))
    return np.stack(found)
