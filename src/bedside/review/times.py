"""Times of a course in words: what is exact is said exactly, what is computed is said with "about".

A declared time is said in years only where it is a whole number of them: 12 months, 365 days (as most studies declare
it) or 365.25 days. Anything else stays in its unit. A computed time is rounded for the eye, in days below 60 of them,
in months below 2 years, in years from there; a month then has 30.4375 days and a year 365.25.
"""

from __future__ import annotations

from collections.abc import Sequence

from bedside.review.words import Translate

YEARS: dict[str, tuple[float, ...]] = {"d": (365.0, 365.25), "mo": (12.0,), "a": (1.0,)}
DAYS = {"d": 1.0, "wk": 7.0, "mo": 30.4375, "a": 365.25}
MOST_TICKS = 8
_STEPS = [digit * 10.0**power for power in range(-3, 7) for digit in (1, 2, 5)]


def years(time: float, unit: str) -> int | None:
    """How many whole years a declared time is; None where it is not."""
    return next((round(time / year) for year in YEARS.get(unit, ()) if time > 0 and time % year == 0), None)


def duration(time: float, unit: str, t: Translate) -> str:
    """A declared time: ``5 years`` for 1825 days, ``90 days``."""
    whole = years(time, unit)
    if whole is not None:
        return t("{count} year | {count} years", count=whole)
    return _counted(f"{time:g}", unit, t)


def span(time: float, unit: str, t: Translate) -> str:
    """How long a course is: the last edge of a grid is a declared time only where it is a whole number of years."""
    short = time * DAYS[unit] < 60
    return duration(time, unit, t) if short or years(time, unit) is not None else about(time, unit, t)


def ticks(end: float, horizons: Sequence[float], unit: str, t: Translate) -> tuple[list[tuple[float, str]], str]:
    """Marks of a time axis with their numbers, and what these are in: years where a horizon is a whole number of them.

    The marks are 1, 2 or 5 times a power of ten apart, and at most `MOST_TICKS`.
    """
    lengths = [year for year in YEARS.get(unit, ()) if any(horizon % year == 0 for horizon in horizons)]
    length = lengths[0] if lengths and end >= 2 * lengths[0] else 1.0
    step = next(step for step in _STEPS if end / (step * length) < MOST_TICKS)
    numbers = [step * place for place in range(int(end / (step * length) + 1e-9) + 1)]
    units = {"d": t("in days"), "wk": t("in weeks"), "mo": t("in months"), "a": t("in years")}
    return [(number * length, f"{number:g}") for number in numbers], units["a" if length > 1 else unit]


def about(time: float, unit: str, t: Translate) -> str:
    """A computed time, rounded: ``about 3.4 years``."""
    days = time * DAYS[unit]
    if days < 60:
        return t("about {time}", time=_counted(f"{days:.0f}", "d", t))
    if days < 2 * DAYS["a"]:
        return t("about {time}", time=_counted(f"{days / DAYS['mo']:.0f}", "mo", t))
    return t("about {time}", time=_counted(f"{days / DAYS['a']:.1f}", "a", t))


def _counted(number: str, unit: str, t: Translate) -> str:
    count = 1 if number == "1" else 2
    forms = {
        "d": t("{number} day | {number} days", number=number, count=count),
        "wk": t("{number} week | {number} weeks", number=number, count=count),
        "mo": t("{number} month | {number} months", number=number, count=count),
        "a": t("{number} year | {number} years", number=number, count=count),
    }
    return forms[unit]
