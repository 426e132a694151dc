"""Intervals that several measures share: of a mean, of a proportion, and on the logit scale."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from jaxtyping import Float

from bedside.errors import DataError, MissingExtra
from bedside.measures.measure import Measure


def undefined(level: float = 0.95) -> Measure:
    """The measure of data on which it has no value."""
    return Measure(math.nan, level=level)


def normal_quantile(level: float) -> float:
    """The z with ``level`` of a standard normal distribution between -z and z.

    Raises
    ------
    DataError: ``level`` is not between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise DataError(f"a level of {level} is not between 0 and 1", where="level")
    return NormalDist().inv_cdf(0.5 + level / 2)


def student_quantile(level: float, degrees: int) -> float:
    """The same for Student's t distribution with ``degrees`` degrees of freedom.

    Raises
    ------
    MissingExtra: scipy is not installed.
    """
    normal_quantile(level)
    try:
        from scipy.special import stdtrit
    except ImportError:
        raise MissingExtra("scipy", "validate") from None
    return float(stdtrit(degrees, 0.5 + level / 2))


def mean(
    values: Float[np.ndarray, "unit"], level: float = 0.95, *, lowest: float = -math.inf, highest: float = math.inf
) -> Measure:
    """Mean of independent ``values`` with Student's t interval, cut to [``lowest``, ``highest``].

    No interval where there are fewer than two values or all are equal: their spread says nothing there.
    No values: undefined.
    """
    n = len(values)
    if n == 0:
        return undefined(level)
    centre = float(np.mean(values))
    # A spread at the level of rounding is no spread: the t interval would claim certainty.
    if n == 1 or np.ptp(values) <= 1e-12 * max(1.0, float(np.max(np.abs(values)))):
        return Measure(centre, level=level)
    half = student_quantile(level, n - 1) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Measure(centre, max(lowest, centre - half), min(highest, centre + half), level)


def wilson_limits(share: float, n: float, level: float) -> tuple[float, float]:
    """Limits of Wilson's score interval for an observed ``share`` of ``n`` (which need not be whole).

    Source: Wilson, J Am Stat Assoc 1927;22:209-212.
    """
    z = normal_quantile(level)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(max(0.0, share * (1 - share)) / n + z * z / (4 * n * n))
    # min and max with the share itself: at 0 and 1 the limit equals it, up to rounding.
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def wilson(successes: int, n: int, level: float = 0.95) -> Measure:
    """``successes`` out of ``n`` as a proportion with Wilson's score interval; undefined for ``n`` = 0.

    Source: Wilson, J Am Stat Assoc 1927;22:209-212; recommended by Brown, Cai and DasGupta, Stat Sci
    2001;16:101-133.

    Raises
    ------
    DataError: the counts are not 0 <= ``successes`` <= ``n``.
    """
    if not 0 <= successes <= n:
        raise DataError(f"{successes} of {n} is not a proportion", where="successes")
    if n == 0:
        return undefined(level)
    share = successes / n
    return Measure(share, *wilson_limits(share, float(n), level), level)


def logit_interval(value: float, error: float, level: float) -> Measure:
    """A ``value`` in (0, 1) with standard ``error``; normal interval on the logit scale, by the delta method.

    The interval stays inside (0, 1) and contains the value. No interval where the error is 0 or the value
    is 0 or 1: the logit scale says nothing there.
    """
    if not (0.0 < value < 1.0) or not error > 1e-12:
        return Measure(value, level=level)
    centre = math.log(value / (1 - value))
    half = normal_quantile(level) * error / (value * (1 - value))

    def inverse(z: float) -> float:
        return 1 / (1 + math.exp(-z)) if z > 0 else math.exp(max(z, -700.0)) / (1 + math.exp(max(z, -700.0)))

    return Measure(value, inverse(centre - half), inverse(centre + half), level)
