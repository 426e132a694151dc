"""What would have happened under each arm, patient by patient: right if either of two models is."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from bedside.errors import DataError
from bedside.measures.follow_up import checked_follow_up, checked_horizon
from bedside.measures.measure import Measure
from bedside.measures.standing import standing_by
from bedside.measures.treated import checked_arm, checked_propensity, checked_table, checked_weight, mean_of


def dr_scores(
    y: Float[np.ndarray, "patient"],
    arm: Int[np.ndarray, "patient"],
    expected: Float[np.ndarray, "patient arm"],
    propensity: Float[np.ndarray, "patient arm"],
    weight: Float[np.ndarray, "patient"] | None = None,
) -> Float[np.ndarray, "patient arm"]:
    """Doubly robust score of each patient under each arm: their mean estimates the mean outcome, had all had that arm.

    Expected outcome, and for the arm that the patient had, the residual over its propensity (Robins, Rotnitzky and
    Zhao, J Am Stat Assoc 1994;89:846-866). The mean is right where ``expected`` or ``propensity`` is; differences
    between columns are pseudo-outcomes for a model of the effect (Kennedy, Electron J Stat 2023;17:3008-3049). Both
    must come from models that did not see the patient (cross-fitting: Chernozhukov et al., Econom J 2018;21:C1-C68).

    Parameters
    ----------
    y: outcome, in any unit; 0 and 1 where it is binary. May be nan where ``weight`` is 0.
    arm: number of the arm that the patient had: a column of ``expected``.
    expected: mean outcome that a model expects of the patient under each arm, in the unit of ``y``.
    propensity: probability that such a patient gets each arm, above 0; as declared, where a trial drew lots.
    weight: inverse of the probability that the outcome is known, 0 where it is not, as `restricted_mean_outcome` gives
        it; None: every outcome is known.

    Raises
    ------
    DataError: shapes differ, an arm is no column, a number is not finite, a propensity is 0 or outside (0, 1], a weight
        is below 0. The message names the first such row, counted from 0.
    """
    expected = checked_table(expected, "expected")
    n, arms = expected.shape
    propensity, arm = checked_propensity(propensity, n, arms), checked_arm(arm, arms, n)
    weight = checked_weight(weight, n)
    y = np.asarray(y, dtype=np.float64)
    if y.shape != (n,):
        raise DataError(f"outcomes of shape {y.shape} for {n} patients", where="y")
    lacking = (weight > 0) & ~np.isfinite(y)
    if lacking.any():
        row = int(np.flatnonzero(lacking)[0])
        raise DataError("an outcome is not a finite number", where=f"y, row {row}", remedy="Give it a weight of 0")
    rows = np.arange(n)
    scores = expected.copy()
    residual = np.where(weight > 0, y, expected[rows, arm]) - expected[rows, arm]
    scores[rows, arm] += weight * residual / propensity[rows, arm]
    return scores


def restricted_mean_outcome(
    time: Float[np.ndarray, "patient"],
    event: Int[np.ndarray, "patient"],
    until: float,
    arm: Int[np.ndarray, "patient"] | None = None,
) -> tuple[Float[np.ndarray, "patient"], Float[np.ndarray, "patient"]]:
    """Time free of any event up to ``until``, and the weight against censoring: two columns for `dr_scores`.

    The outcome is min(time, until); it is known of those who had an event or were followed to ``until``. They have the
    weight 1 / G(min(time, until)-), the others 0, with G the Kaplan-Meier estimate of still being followed, in each
    arm by itself (Robins and Rotnitzky, AIDS Epidemiology 1992:297-331); at equal times events come before ends of
    follow-up. The weighted mean in an arm is the area under its Kaplan-Meier curve. That takes for granted that within
    an arm, who is lost knows nothing of who has the event.

    Parameters
    ----------
    time: of the event or the end of follow-up, above 0, in any unit.
    event: 0 where censored, otherwise the number of an event; all count alike.
    until: where the time is cut, in the same unit.
    arm: the number of each patient's arm; None: all are one.

    Raises
    ------
    DataError: as for `kaplan_meier`; or nobody of an arm was followed to ``until`` (G is 0 before it), while some were
        lost without an event: the message says how far it could be.
    """
    time, event, entry = checked_follow_up(time, event)
    until = checked_horizon(until)
    arm = np.zeros(len(time), dtype=np.int64) if arm is None else np.asarray(arm)
    if arm.shape != time.shape:
        raise DataError(f"{len(time)} times but arms of shape {arm.shape}", where="arm")
    weight = np.zeros(len(time))
    for one in np.unique(arm):
        rows = arm == one
        stands = standing_by(time[rows], event[rows], until, entry[rows])
        if not np.isfinite(stands).all():
            raise DataError(
                f"nobody in arm {one} was followed to {until:g}: the last time is {time[rows].max():g}",
                where="until",
                remedy="Choose an earlier time",
            )
        weight[rows] = rows.sum() * stands
    return np.minimum(time, until), weight


def average_effect(
    scores: Float[np.ndarray, "patient arm"],
    arm: int,
    other: int,
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Measure:
    """Mean outcome had all had ``arm``, minus that had all had ``other``.

    Mean of the differences of `dr_scores` (Robins, Rotnitzky and Zhao, J Am Stat Assoc 1994;89:846-866), with the t
    interval of that mean: the scores are the influence function. Weights against censoring are taken as given, which
    makes it somewhat wide. No interval for one patient, or where all differences are equal. Undefined for none.

    Parameters
    ----------
    scores: of `dr_scores`.
    arm, other: numbers of columns.
    groups: a number per row, equal for rows of one patient; None: each row is a patient of its own.
    level: coverage of the interval.

    Raises
    ------
    DataError: a score is not finite, an arm is no column, or groups are of another number.
    """
    scores = checked_table(scores, "scores")
    for one, name in ((arm, "arm"), (other, "other")):
        checked_arm(np.array([one]), scores.shape[1], name=name)
    return mean_of(scores[:, arm] - scores[:, other], groups, level)
