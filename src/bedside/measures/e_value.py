"""How strong something unmeasured would have to be, to explain an effect away."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from bedside.errors import DataError
from bedside.measures.interval import undefined
from bedside.measures.measure import Measure
from bedside.measures.treated import checked_arm, checked_table, mean_of, with_influence

FARTHEST = 300.0
"""Standard deviations beyond which a difference is no ratio any more: its square is no number."""


@dataclass(frozen=True)
class EValue:
    """The risk ratio that something unmeasured must have with both the arm and the outcome, to explain an effect away.

    Attributes
    ----------
    point: for the effect itself; 1 where there is none to explain. nan where it is undefined.
    limit: for the limit of its interval that is nearer to no effect; 1 where the interval holds it, nan without one.
    """

    point: float
    limit: float


def e_value(ratio: Measure) -> EValue:
    """E-value of a risk ratio and of its interval: R + sqrt(R (R - 1)), with 1 / R where R is below 1.

    VanderWeele and Ding, Ann Intern Med 2017;167:268-274. A weaker confounder cannot explain the effect, beyond what
    was measured; one that strong could. It says nothing of whether there is one. For observational records only:
    lots leave nothing unmeasured behind.

    Parameters
    ----------
    ratio: a risk ratio: of `risk_ratio`, or of `ratio_from_difference` for other outcomes.

    Raises
    ------
    DataError: the ratio or a limit is 0 or below.
    """
    for number in (ratio.value, ratio.low, ratio.high):
        if number is not None and number <= 0:
            raise DataError(f"{number:g} is not a ratio above 0", where="ratio")
    if not ratio.defined:
        return EValue(math.nan, math.nan)
    if ratio.low is None or ratio.high is None:
        return EValue(_strength(ratio.value), math.nan)
    nearer = ratio.low if ratio.value > 1 else ratio.high
    crosses = ratio.low <= 1 <= ratio.high
    return EValue(_strength(ratio.value), 1.0 if crosses else _strength(nearer))


def _strength(ratio: float) -> float:
    above = max(ratio, 1 / ratio)
    return above + math.sqrt(above * (above - 1))


def risk_ratio(
    scores: Float[np.ndarray, "patient arm"],
    arm: int,
    other: int,
    *,
    groups: Int[np.ndarray, "patient"] | None = None,
    level: float = 0.95,
) -> Measure:
    """Risk had all had ``arm``, over that had all had ``other``: for outcomes that are 0 or 1.

    Ratio of two means of `dr_scores`; Student's t interval on the scale of its logarithm, by the delta method. No
    interval for one patient, where nothing varies, and where the interval of either mean reaches 0: there the logarithm
    says nothing. Undefined for no patients, and where either mean is not above 0, as may happen with few events.

    Parameters
    ----------
    scores, arm, other, groups, level: as for `average_effect`.

    Raises
    ------
    DataError: as for `average_effect`.
    """
    scores = checked_table(scores, "scores")
    checked_arm(np.array([arm, other]), scores.shape[1])
    one, two = scores[:, arm], scores[:, other]
    if len(scores) == 0 or one.mean() <= 0 or two.mean() <= 0:
        return undefined(level)
    value = float(one.mean() / two.mean())
    lowest = [mean_of(column, groups, level).low for column in (one, two)]
    if any(low is None or low <= 0 for low in lowest):
        return Measure(value, level=level)
    found = with_influence(math.log(value), one / one.mean() - two / two.mean(), groups, level)
    if found.low is None or found.high is None:
        return Measure(value, level=level)
    return Measure(value, math.exp(found.low), math.exp(found.high), level)


def ratio_from_difference(difference: Measure, spread: float) -> Measure:
    """What a difference of means would be as a risk ratio, roughly: exp(0.91 difference / spread).

    VanderWeele and Ding, Ann Intern Med 2017;167:268-274, after Chinn, Stat Med 2000;19:3127-3131. It takes a normal
    outcome, cut at a level that half of the patients reach, and a spread that is known: an approximation, good enough
    for an E-value and for nothing else. Undefined where the ratio is beyond what a number can be.

    Parameters
    ----------
    difference: of `average_effect`, in the unit of the outcome.
    spread: standard deviation of the outcome, in the same unit.

    Raises
    ------
    DataError: ``spread`` is not above 0 and finite.
    """
    if not (math.isfinite(spread) and spread > 0):
        raise DataError(f"{spread} is not a standard deviation above 0", where="spread")
    numbers = (difference.value, difference.low, difference.high)
    if any(one is not None and abs(one / spread) > FARTHEST for one in numbers):
        return undefined(difference.level)
    value, low, high = (None if one is None else math.exp(0.91 * one / spread) for one in numbers)
    return Measure(math.nan if value is None else value, low, high, difference.level)
