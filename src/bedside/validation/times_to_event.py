"""How long one patient was followed, as a file of outcomes says it in the release's unit of time."""

from __future__ import annotations

from typing import NamedTuple

from bedside.cohort.follow_up import LIFETIME
from bedside.errors import DataError
from bedside.release import Course
from bedside.sources import convert, number_in


class Spell(NamedTuple):
    """From `entry` until `time`, in the release's unit."""

    time: float
    entry: float


def read_spell(course: Course, time: str | None, entry: str | None, where: str, *, seen: bool) -> Spell | None:
    """The two times of a row; None where one is not known, or nobody looked after the question was asked.

    Parameters
    ----------
    seen: whether an event was seen.

    Raises
    ------
    DataError: a time is no number, negative or beyond any lifetime, an event is at time 0, or the patient came when
        the follow-up was over.
    """
    if time is None or entry is None:
        return None
    until, since = _number(course, course.time, time, where), _number(course, course.entry or "", entry, where)
    if seen and until == 0.0:
        raise DataError(
            "an event at time 0 cannot be foreseen",
            where=where,
            remedy=f"Leave the row out, or write a part of 1 {course.unit} if it came after the question",
        )
    if until == 0.0:
        return None
    if since >= until:
        raise DataError(
            f"{course.entry} is {since:g}, when the follow-up of {until:g} {course.unit} was over",
            where=where,
            remedy=f"Both count from time 0, in {course.unit}",
        )
    return Spell(until, since)


def _number(course: Course, column: str, text: str, where: str) -> float:
    number = number_in(text)
    if number is None or number < 0:
        raise DataError(
            f"{column} {text!r} is no time",
            where=where,
            remedy=f"Write a number of 0 or more with a decimal point, in {course.unit}",
        )
    if number > LIFETIME * convert(1.0, "a", course.unit):
        raise DataError(
            f"{column} {text!r} is beyond {LIFETIME:g} years", where=where, remedy=f"Write it in {course.unit}"
        )
    return number
