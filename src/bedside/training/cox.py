"""The floor of a prognosis: Cox regression of each event, with an L2 penalty and a baseline that is a step function."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.network import LARGEST_LOG_HAZARD

FEWEST = 5
"""Events that a baseline hazard rests on at least."""

STEPS = 30
"""Of Newton's method, at most; it needs about six."""


class _Risks(NamedTuple):
    """Who was at risk at each event, sorted once; see `_derivatives`.

    Attributes
    ----------
    row: of each event. fraction: Efron's share of the tied events that have left before it.
    leaving, entering: order of the rows by descending time of leaving and of entering; None: all enter at 0.
    gone, come: at each event, how many rows of each order are still there, and how many were not there yet.
    tie: number of the moment of each event.
    """

    row: Int[np.ndarray, " event"]
    fraction: Float[np.ndarray, " event"]
    tie: Int[np.ndarray, " event"]
    leaving: Int[np.ndarray, " row"]
    gone: Int[np.ndarray, " event"]
    entering: Int[np.ndarray, " row"] | None
    come: Int[np.ndarray, " event"] | None


def fit_cox(
    x: Float[np.ndarray, "row feature"],
    happened: Bool[np.ndarray, " row"],
    followed: Float[np.ndarray, " row"],
    entered: Float[np.ndarray, " row"] | None,
    strength: float,
    begun: Float[np.ndarray, " feature"] | None = None,
) -> Float[np.ndarray, " feature"]:
    """Log hazard ratios: the minimum of |b|^2 / 2 - strength * log partial likelihood, by Newton's method.

    Cox, J R Stat Soc B 1972;34:187-220; ties after Efron, J Am Stat Assoc 1977;72:557-565; the penalty after Verweij
    and van Houwelingen, Stat Med 1994;13:2427-2436. Who is not yet under observation at an event is not at risk. For
    cause-specific hazards of competing events ``happened`` is that event's alone.
    """
    b = np.zeros(x.shape[1]) if begun is None else begun
    if not happened.any():
        return np.zeros(x.shape[1])
    risks = _risks(happened, followed, entered)
    loss, gradient, curvature = _derivatives(risks, x, b, strength)
    for _ in range(STEPS):
        step = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        if not len(b) or step @ gradient < 1e-13 * max(1.0, abs(loss)):
            break
        size = 1.0
        while (new := _derivatives(risks, x, b - size * step, strength))[0] > loss and size > 1e-6:
            size /= 2
        b, (loss, gradient, curvature) = b - size * step, new
    return b


def _risks(
    happened: Bool[np.ndarray, " row"], followed: Float[np.ndarray, " row"], entered: Float[np.ndarray, " row"] | None
) -> _Risks:
    row = np.flatnonzero(happened)
    row = row[np.argsort(followed[row], kind="stable")]
    times, tie, size = np.unique(followed[row], return_inverse=True, return_counts=True)
    first = np.concatenate([[0], np.cumsum(size)[:-1]]).astype(np.int64)
    fraction = (np.arange(len(row)) - first[tie]) / size[tie]
    leaving = np.argsort(-followed, kind="stable")
    gone = np.searchsorted(-followed[leaving], -times, side="right")[tie]
    if entered is None:
        return _Risks(row, fraction, tie, leaving, gone, None, None)
    entering = np.argsort(-entered, kind="stable")
    come = np.searchsorted(-entered[entering], -times, side="right")[tie]  # entered at the event's time: not yet
    return _Risks(row, fraction, tie, leaving, gone, entering, come)


def _at_risk(risks: _Risks, each: Float[np.ndarray, "row *any"]) -> Float[np.ndarray, "event *any"]:
    """Sum over those at risk at each event; of those that have it at the same time, Efron's part."""
    there = _running(each[risks.leaving])[risks.gone]
    if risks.entering is not None and risks.come is not None:
        there = there - _running(each[risks.entering])[risks.come]
    tied = np.zeros((risks.tie[-1] + 1, *each.shape[1:]))
    np.add.at(tied, risks.tie, each[risks.row])
    return np.asarray(there - (risks.fraction * tied[risks.tie].T).T)


def _running(each: Float[np.ndarray, "row *any"]) -> Float[np.ndarray, "row+1 *any"]:
    return np.concatenate([np.zeros((1, *each.shape[1:])), np.cumsum(each, axis=0)])


def _derivatives(
    risks: _Risks, x: Float[np.ndarray, "row feature"], b: Float[np.ndarray, " feature"], strength: float
) -> tuple[float, Float[np.ndarray, " feature"], Float[np.ndarray, "feature feature"]]:
    score = x @ b
    top = float(score.max(initial=0.0))
    weight = np.exp(score - top)
    total = _at_risk(risks, weight)
    mean = _at_risk(risks, weight[:, None] * x) / total[:, None]
    loss = float(b @ b / 2 - strength * np.sum(score[risks.row] - top - np.log(total)))
    gradient = b - strength * (x[risks.row] - mean).sum(axis=0)
    squares = x.T @ (x * (weight * _turned(risks, 1 / total, len(x)))[:, None])
    return loss, gradient, np.eye(len(b)) + strength * (squares - mean.T @ mean)


def _turned(risks: _Risks, each: Float[np.ndarray, " event"], rows: int) -> Float[np.ndarray, " row"]:
    """`_at_risk` turned round: for each row the sum over the events at which it was at risk."""
    there = np.empty(rows)
    there[risks.leaving] = _from_behind(risks.gone, each, rows)
    if risks.entering is not None and risks.come is not None:
        there[risks.entering] -= _from_behind(risks.come, each, rows)
    there[risks.row] -= np.bincount(risks.tie, weights=each * risks.fraction)[risks.tie]
    return there


def _from_behind(
    count: Int[np.ndarray, " event"], each: Float[np.ndarray, " event"], rows: int
) -> Float[np.ndarray, " row"]:
    """For each place of an order the sum over the events that the first ``count`` places are at risk of."""
    return np.asarray(np.bincount(count, weights=each, minlength=rows + 1)[::-1].cumsum()[::-1][1:])


def log_baseline(
    score: Float[np.ndarray, " row"],
    happened: Float[np.ndarray, "row interval"],
    share: Float[np.ndarray, "row interval"],
    width: Float[np.ndarray, " interval"],
    fewest: int = FEWEST,
) -> Float[np.ndarray, " interval"]:
    """Log-hazards over each interval of somebody with score 0, the most likely ones given the scores.

    Events over expected exposure, sum d / sum share * e^score (Breslow, Biometrics 1974;30:89-99). Neighbouring
    intervals share one hazard per time until they have seen ``fewest`` events: one without any event does not claim
    that there never will be one.
    """
    exposure = share.T @ np.exp(np.minimum(score, 50.0)) * width
    events = happened.sum(axis=0)
    rate = np.empty(len(width))
    for group in _groups(events, fewest):
        rate[group] = max(events[group].sum(), 0.5) / max(exposure[group].sum(), 1e-30)
    return np.asarray(np.minimum(np.log(rate * width), LARGEST_LOG_HAZARD))


def _groups(events: Float[np.ndarray, " interval"], fewest: int) -> list[Int[np.ndarray, " own"]]:
    """Neighbouring intervals with so many events together; the last group takes what is left over."""
    groups: list[list[int]] = [[]]
    for position in range(len(events)):
        groups[-1].append(position)
        if events[groups[-1]].sum() >= fewest and events[position + 1 :].sum() >= fewest:
            groups.append([])
    return [np.array(group) for group in groups]
