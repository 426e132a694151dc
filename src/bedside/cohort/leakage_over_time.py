"""Leaks where the question is when something happens: predictors that know the time, or the order of the events."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bedside.cohort.cohort import Cohort
from bedside.cohort.study import Study
from bedside.measures import c_harrell
from bedside.sources import Variable

SEPARATES = 0.995
"""Concordance, or correlation with the time, of a single predictor: the strongest known factors reach .85."""

LEAST = 10
"""Events, and rows with a known value, that are needed before either is believed."""

SAME_PART = 0.1
"""Share of the patients in whom a value is the same multiple of the time: it is a time counted to the same end."""

BEYOND_CHANCE = 5.0
"""How many times as often this must be as when values and times are paired at random."""


def knows_the_time(
    variable: Variable, values: Float[np.ndarray, " patient"], cohort: Cohort, study: Study
) -> str | None:
    """How a number gives the time away; None where it does not. A strong prognostic factor does not."""
    known = ~np.isnan(values)
    if cohort.followed is None or variable.kind == "category" or known.sum() < 2 * LEAST:
        return None
    values, there = values[known], cohort.take(known)
    assert there.followed is not None
    return _follows(values, there.followed) or _ends_with(values, there.followed) or _orders(values, there, study)


def _follows(values: Float[np.ndarray, " patient"], times: Float[np.ndarray, " patient"]) -> str | None:
    if np.ptp(values) == 0 or np.ptp(times) == 0:
        return None
    correlation = float(np.corrcoef(values, times)[0, 1])
    return f"it follows the follow-up time: correlation {correlation:.4f}" if abs(correlation) >= SEPARATES else None


def _ends_with(values: Float[np.ndarray, " patient"], times: Float[np.ndarray, " patient"]) -> str | None:
    """Another time that ends when follow-up does in many patients, such as that to a relapse; in whatever unit."""
    above = values > 0
    if above.sum() < 2 * LEAST:
        return None
    shuffled = np.random.default_rng(0).permutation(times[above])
    share, by_chance = _same_multiple(values[above] / times[above]), _same_multiple(values[above] / shuffled)
    if share * above.sum() < LEAST or share < SAME_PART or share < BEYOND_CHANCE * by_chance:
        return None
    return f"it ends with the follow-up time in {share:.0%} of the patients, and so is known only then"


def _same_multiple(ratio: Float[np.ndarray, " patient"]) -> float:
    _, counts = np.unique(np.round(np.log(ratio), 6), return_counts=True)
    return float(counts.max() / len(ratio))


def _orders(values: Float[np.ndarray, " patient"], cohort: Cohort, study: Study) -> str | None:
    """It puts the patients in the order of their events, in whichever direction."""
    assert cohort.followed is not None
    for code, name in enumerate(study.outcome.classes[1:], start=1):
        if (cohort.outcome == code).sum() < LEAST:
            continue
        event = np.where(cohort.outcome == code, 1, np.where(cohort.outcome > 0, 2, 0))
        value = c_harrell(cohort.followed, event, values, cohort.entered, repeats=0).value
        if max(value, 1 - value) >= SEPARATES:
            return f"alone it tells who has '{name}' first: concordance {max(value, 1 - value):.4f}"
    return None
