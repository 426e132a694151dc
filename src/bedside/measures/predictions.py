"""What every measure asks of its input: outcomes that are classes, probabilities that are probabilities."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from bedside.errors import DataError

SUM_TOLERANCE = 0.02
"""How far the probabilities of one patient may be from summing to 1: files hold rounded numbers."""


def checked_labels(y: Int[np.ndarray, "outcome"], classes: int) -> Int[np.ndarray, "outcome"]:
    """``y`` as class indices 0 to ``classes - 1``.

    Raises
    ------
    DataError: an entry is anything else; the message names the first such row, counted from 0.
    """
    y = np.asarray(y)
    if y.ndim != 1:
        raise DataError(f"outcomes have {y.ndim} dimensions instead of 1", where="y")
    labels = np.zeros(y.shape, dtype=np.int64)
    known = (y >= 0) & (y < classes)
    np.copyto(labels, y, where=known, casting="unsafe")
    wrong = ~known | (labels != y)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"outcome {y[row]} is not a class index between 0 and {classes - 1}",
            where=f"y, row {row}",
            remedy="Leave out patients whose outcome is unknown",
        )
    return labels


_FEW = 8


def checked_probabilities(p: Float[np.ndarray, "*any"], name: str = "p") -> Float[np.ndarray, "*any"]:
    """``p`` in double precision.

    Raises
    ------
    DataError: an entry is nan or outside [0, 1]; the message names its row, counted from 0.
    """
    p = np.asarray(p, dtype=np.float64)
    # Of one patient numpy's calls cost more than the comparisons.
    if p.size <= _FEW and all(0.0 <= one <= 1.0 for one in p.ravel().tolist()):
        return p
    right = (p >= 0.0) & (p <= 1.0)
    if np.count_nonzero(right) < p.size:
        place = np.argwhere(~right)[0]
        raise DataError(
            f"{p[tuple(place)]} is not a probability between 0 and 1",
            where=f"{name}, row {place[0]}",
            remedy="Leave out patients for whom there is no prediction",
        )
    return p


def _same_length(y: Int[np.ndarray, "outcome"], p: Float[np.ndarray, "prediction *any"], name: str) -> None:
    if len(y) != len(p):
        raise DataError(f"{len(y)} outcomes but {len(p)} predictions", where=name)


def checked_binary(
    y: Int[np.ndarray, "outcome"], p: Float[np.ndarray, "prediction"], name: str = "p"
) -> tuple[Int[np.ndarray, "outcome"], Float[np.ndarray, "prediction"]]:
    """Outcomes 0 or 1 and the probability of 1, checked; both in their widest type.

    Raises
    ------
    DataError: lengths differ, an outcome is neither 0 nor 1, or a probability is nan or outside [0, 1].
    """
    p = checked_probabilities(p, name)
    if p.ndim != 1:
        raise DataError(f"probabilities have {p.ndim} dimensions instead of 1", where=name)
    y = checked_labels(y, 2)
    _same_length(y, p, name)
    return y, p


def checked_multiclass(
    y: Int[np.ndarray, "outcome"], P: Float[np.ndarray, "prediction class"], name: str = "P"
) -> tuple[Int[np.ndarray, "outcome"], Float[np.ndarray, "prediction class"]]:
    """Class indices and a probability per class, checked; both in their widest type.

    Raises
    ------
    DataError: lengths differ, an outcome is not a column of ``P``, a probability is nan or outside [0, 1], or
        the probabilities of one patient do not sum to 1 within ``SUM_TOLERANCE``.
    """
    P = checked_probabilities(P, name)
    if P.ndim != 2 or P.shape[1] < 2:
        raise DataError(f"probabilities of shape {P.shape} instead of (patients, 2 or more classes)", where=name)
    y = checked_labels(y, P.shape[1])
    _same_length(y, P, name)
    off = np.abs(P.sum(axis=1) - 1.0) > SUM_TOLERANCE
    if off.any():
        row = int(np.flatnonzero(off)[0])
        raise DataError(f"probabilities sum to {P[row].sum():.4g} instead of 1", where=f"{name}, row {row}")
    return y, P
