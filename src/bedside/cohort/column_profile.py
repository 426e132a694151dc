"""What a column of a table looks like: numbers or texts, codes for not known, few values or many."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bedside.cohort.leakage import identifier_name
from bedside.sources import number_in

FEW_VALUES = 6
"""A column of whole numbers with at most this many different values is drafted as categories."""

MOST_CATEGORIES = 20
"""A text column with more different values is left out: free text, a name, an identifier."""

MARKERS = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?", ".", "-", "unknown", "Unknown", "missing")
"""Texts that usually mean not known; "None" only where the other values are numbers, as it may be an answer."""

_MAY_BE_ANSWERS = {"None", "unknown", "Unknown", "-", "."}

SENTINELS = ("-9", "-99", "-999", "-1", "99", "999", "9999")
"""Whole numbers that usually mean not known where they stand far outside all other values."""

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")


@dataclass(frozen=True)
class ColumnProfile:
    """What a column of the table looks like.

    Attributes
    ----------
    counts: its texts, markers and sentinel codes left out, with their numbers of rows.
    complete: whether all its texts were counted.
    markers, sentinels: texts that look like "not known", whole numbers that do.
    numbers: the different numbers; None where a text is none.
    """

    name: str
    counts: Mapping[str, int]
    complete: bool
    markers: tuple[str, ...]
    sentinels: tuple[str, ...]
    numbers: np.ndarray | None

    @property
    def rows(self) -> int:
        """Rows in which it is known."""
        return sum(self.counts.values())

    @property
    def categorical(self) -> bool:
        """Whether it is drafted as categories: a few texts, or a few whole numbers."""
        if not 2 <= len(self.counts) <= MOST_CATEGORIES or not self.complete:
            return False
        return self.numbers is None or (len(self.counts) <= FEW_VALUES and self.whole)

    @property
    def whole(self) -> bool:
        """Whether it holds whole numbers only."""
        return self.numbers is not None and bool((self.numbers == np.round(self.numbers)).all())

    @property
    def unique(self) -> bool:
        """Whether nearly every row has a value of its own."""
        return self.rows >= 20 and (not self.complete or len(self.counts) >= 0.95 * self.rows)


def profile(name: str, texts: Mapping[str, int]) -> ColumnProfile:
    """Look at the texts of a column, as `bedside.sources.tally` counts them."""
    filled = {text: count for text, count in texts.items() if text}
    plain = {text: number_in(text) for text in filled}
    numeric = [text for text, number in plain.items() if number is not None]
    words = [text for text, number in plain.items() if number is None]
    # Numbers with a few marker words among them are numbers.
    numbers = bool(numeric) and all(word in MARKERS for word in words)
    markers = [word for word in words if word in MARKERS and (numbers or word not in _MAY_BE_ANSWERS)]
    kept = {text: count for text, count in filled.items() if text not in markers}
    values = np.array([float(plain[text] or 0.0) for text in kept]) if numbers else None
    sentinels = _sentinels(values, kept) if values is not None else ()
    if values is not None and sentinels:
        kept = {text: count for text, count in kept.items() if text not in sentinels}
        values = np.array([float(plain[text] or 0.0) for text in kept])
    return ColumnProfile(name, kept, len(texts) < LIMIT, tuple(markers), sentinels, values)


LIMIT = 100_000
"""Different texts of a column that are looked at; a column with more is never a category."""


def _sentinels(values: np.ndarray, texts: Mapping[str, int]) -> tuple[str, ...]:
    """Usual codes that lie further from all other values than those spread."""
    found = []
    for code in SENTINELS:
        others = np.array([value for text, value in zip(texts, values.tolist(), strict=True) if text not in SENTINELS])
        if code in texts and len(others) >= 2:
            number, low, high = float(code), float(others.min()), float(others.max())
            negative = number < 0 <= low
            if negative or number > high + 2 * (high - low):
                found.append(code)
    return tuple(found)


def holds_dates(column: ColumnProfile) -> bool:
    """Whether its texts are ISO dates."""
    return bool(column.counts) and all(_ISO.fullmatch(text) for text in list(column.counts)[:50])


def unfit(column: ColumnProfile) -> str | None:
    """Why a column cannot be a predictor; None where it can."""
    if not column.counts:
        return "it is empty"
    if len(column.counts) == 1:
        return "it has one value only"
    if holds_dates(column):
        return "it holds dates"
    if column.unique and identifier_name(column.name) and (column.whole or column.numbers is None):
        return "it looks like an identifier"
    if column.unique and column.numbers is not None and column.whole and _dense(column.numbers):
        return "it numbers the rows"
    if column.numbers is None and not column.categorical:
        return f"it holds more than {MOST_CATEGORIES} different texts"
    return None


def _dense(numbers: np.ndarray) -> bool:
    return float(np.ptp(numbers)) + 1 <= 2 * len(numbers)
