"""Quantities as a physician reads them: never more digits than mean something."""

from __future__ import annotations

import math

from bedside.review.figures import unit_text
from bedside.review.words import Translate

MINUS = "\N{MINUS SIGN}"


def digit(reach: float) -> float:
    """The last digit worth telling of a number that is known to ±`reach`: a power of ten, at most a tenth of it."""
    return 10.0 ** math.floor(math.log10(reach / 10)) if reach > 0 else 0.0


def number(value: float, step: float, *, signed: bool = False) -> str:
    """A number in whole steps; with a step of 0 in six digits, as more are never measured."""
    text = f"{abs(value):.6g}" if step <= 0 else f"{round(abs(value) / step) * step:.{_places(step)}f}"
    nothing = float(text) == 0
    if signed and not nothing:
        return f"+{text}" if value > 0 else f"{MINUS}{text}"
    return text if value >= 0 or nothing else f"{MINUS}{text}"


def _places(step: float) -> int:
    return max(0, -math.floor(math.log10(step) + 1e-9))


def dose_step(dose: float) -> float:
    """In what steps a dose is told: 1 or 5 times a power of ten, at most a twentieth of the dose.

    So rounding moves it by at most one part in forty, which no dose is known to.
    """
    if dose <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(dose / 20) + 1e-9)
    return 5 * power if 5 * power <= dose / 20 * (1 + 1e-9) else power


def down(value: float, step: float) -> float:
    """The step at or below a value."""
    return value if step <= 0 else math.floor(value / step + 1e-6) * step


def up(value: float, step: float) -> float:
    """The step at or above a value."""
    return value if step <= 0 else math.ceil(value / step - 1e-6) * step


def rate_text(unit: str | None, t: Translate) -> str:
    """A unit of a dose in words: ``mg/wk`` as ``mg a week``; any other as on a chart."""
    amount, bar, time = (unit or "").rpartition("/")
    each = {"d": t("{amount} a day", amount=amount), "wk": t("{amount} a week", amount=amount)}
    return each[time] if bar and time in each else unit_text(unit, t)


def dose_words(dose: float, unit: str | None, t: Translate) -> str:
    """A dose in its steps, with its unit."""
    return f"{number(dose, dose_step(dose))} {rate_text(unit, t)}".rstrip()
