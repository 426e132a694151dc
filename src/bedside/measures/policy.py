"""What a rule that says who gets which arm is worth, and what it adds to one arm for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from bedside.errors import DataError
from bedside.measures.interval import undefined
from bedside.measures.measure import Measure
from bedside.measures.treated import checked_arm, checked_column, checked_table, checked_weight, mean_of, with_influence

Better = Literal["higher", "lower"]
"""Which outcomes are the better ones."""

FEWEST = 10
"""Fewest patients for whom a rule and an arm differ, for an interval of the gain: with 4, and one outcome in 20, a
nominal 95 % covered 90 % in a simulation."""


def policy_value(
    scores: Float[np.ndarray, "patient arm"],
    chosen: Int[np.ndarray, "patient"],
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Measure:
    """Mean outcome had all patients had the arm that a rule has ``chosen`` for them.

    Mean of each patient's `dr_scores` under that arm (Dudik, Langford and Li, ICML 2011; Athey and Wager, Econometrica
    2021;89:133-161), with the t interval of that mean. The rule must not have learned from these patients. Where it
    says nothing, ``chosen`` is the arm that is then given. No interval for one patient, or where all are equal.
    Undefined for none.

    Poor overlap makes the interval too narrow: where two patients in five had a propensity below 0.05 and the outcome
    model was half wrong, a nominal 95 % covered 91 % in a simulation, and 85 % for a gain; see `poor_overlap`.

    Parameters
    ----------
    scores: of `dr_scores`, in the unit of the outcome.
    chosen: number of the arm that the rule names for each patient.
    groups: a number per row, equal for rows of one patient; None: each row is a patient of its own.
    level: coverage of the interval.

    Raises
    ------
    DataError: a score is not finite, an arm is no column, or lengths differ.
    """
    return mean_of(_under(checked_table(scores, "scores"), chosen), groups, level)


def _under(
    scores: Float[np.ndarray, "patient arm"], chosen: Int[np.ndarray, "patient"]
) -> Float[np.ndarray, "patient"]:
    """Each patient's score under the arm chosen."""
    n, arms = scores.shape
    return np.asarray(scores[np.arange(n), checked_arm(chosen, arms, n, "chosen")])


def policy_gain(
    scores: Float[np.ndarray, "patient arm"],
    chosen: Int[np.ndarray, "patient"],
    arm: int,
    better: Better = "higher",
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Measure:
    """How much better the mean outcome is under the rule than had all had ``arm``; below 0 it is worse.

    Mean of the differences of `dr_scores` within each patient, turned round where lower outcomes are better, with the
    t interval of that mean (see `policy_value`). No interval where the gain is not 0 for fewer than `FEWEST` patients
    (with ``groups``: in fewer groups), as it is where the rule names the same arm. Undefined for no patients.

    One more column of ``scores`` may hold what the patients would have under another rule, or the outcomes that they
    had: the gain over it is that over the other rule, or over current practice.

    Parameters
    ----------
    scores, chosen, groups, level: as for `policy_value`.
    arm: number of the arm for all.
    better: which outcomes are better.

    Raises
    ------
    DataError: as for `policy_value`; or ``better`` is neither ``"higher"`` nor ``"lower"``.
    """
    return _gain(checked_table(scores, "scores"), chosen, arm, better, groups, level)


def _gain(
    scores: Float[np.ndarray, "patient arm"],
    chosen: Int[np.ndarray, "patient"],
    arm: int,
    better: str,
    groups: Int[np.ndarray, "patient"] | None,
    level: float,
) -> Measure:
    checked_arm(np.array([arm]), scores.shape[1])
    if better not in ("higher", "lower"):
        raise DataError(f"'{better}' is neither 'higher' nor 'lower'", where="better")
    gain = (_under(scores, chosen) - scores[:, arm]) * (1 if better == "higher" else -1)
    found = mean_of(gain, groups, level)
    differ = gain != 0
    apart = differ.sum() if groups is None else len(np.unique(np.asarray(groups)[differ]))
    return found if apart >= FEWEST else Measure(found.value, level=level)


def policy_gain_over_best(
    scores: Float[np.ndarray, "patient arm"],
    chosen: Int[np.ndarray, "patient"],
    better: Better = "higher",
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Measure:
    """How much better the mean outcome is under the rule than under the best single arm for all.

    Which arm is the best is not known, and the one that looks best on these patients is not it for sure. So the value
    is the smallest of the gains over each arm (`policy_gain`), which on average lies at or below the true one. Its
    lower limit is the smallest of their lower limits: the one of the arm that is truly best is among them, so it is
    above the truth no oftener than that one by itself (intersection-union: Berger, Technometrics 1982;24:295-300). Its
    upper limit is the smallest of their upper limits, each taken further out for the number of arms (Bonferroni;
    Chernozhukov, Lee and Rosen, Econometrica 2013;81:667-737). So the interval is somewhat wide where arms are alike.

    No interval where the rule differs from one of the arms for fewer than `FEWEST` patients: it is that arm for all,
    nearly, and cannot be shown to be better. Undefined for no patients.

    Parameters
    ----------
    scores, chosen, groups, level: as for `policy_value`. better: as for `policy_gain`.

    Raises
    ------
    DataError: as for `policy_gain`.
    """
    scores = checked_table(scores, "scores")
    arms = scores.shape[1]

    def gains(at: float) -> list[Measure]:
        return [_gain(scores, chosen, arm, better, groups, at) for arm in range(arms)]

    usual, wider = gains(level), gains(1 - (1 - level) / arms)
    if len(scores) == 0:
        return undefined(level)
    value = min(one.value for one in usual)
    low, high = _least([one.low for one in usual]), _least([one.high for one in wider])
    return Measure(value, low, high, level) if low is not None and high is not None else Measure(value, level=level)


def _least(limits: Sequence[float | None]) -> float | None:
    """The smallest; None where one is not there."""
    known = [limit for limit in limits if limit is not None]
    return min(known) if len(known) == len(limits) else None


def current_practice(
    y: Float[np.ndarray, "patient"],
    weight: Float[np.ndarray, "patient"] | None = None,
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Measure:
    """Mean outcome of these patients under the arms that they had; with ``weight`` of those whose outcome is known.

    The weighted mean (Hajek's ratio; see `restricted_mean_outcome`), with the t interval of its influence function;
    the weights are taken as given, which makes it somewhat wide. No interval for one patient, or where nothing varies.
    Undefined where no weight is above 0.

    Parameters
    ----------
    y: outcome, in any unit; may be nan where ``weight`` is 0.
    weight: inverse of the probability that the outcome is known, 0 where it is not; None: every outcome is known.
    groups, level: as for `policy_value`.

    Raises
    ------
    DataError: lengths differ, an outcome with a weight is not finite, or a weight is below 0.
    """
    y = np.asarray(y, dtype=np.float64)
    weight = checked_weight(weight, len(y))
    y = checked_column(np.where(weight > 0, y, 0.0), "y")
    whole = float(weight.sum())
    if not whole > 0:
        return undefined(level)
    value = float(weight @ y) / whole
    if np.ptp(y[weight > 0]) <= 1e-12 * max(1.0, abs(value)):
        return Measure(value, level=level)
    return with_influence(value, weight * (y - value) * (len(y) / whole), groups, level)
