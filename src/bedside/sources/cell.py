"""One cell in Python: any value as the number that the kernel takes, by the rules that tables follow in SQL."""

from __future__ import annotations

import numpy as np

from bedside.sources.cleaning import MISSING, NOT_UNDERSTOOD, SENTINEL, TextRule
from bedside.sources.genotypes import genotype_code
from bedside.sources.text import as_text, number_in, trimmed


def cell_number(value: object, rule: TextRule) -> float:
    """A number or category code, or one of the marks of `bedside.sources.cleaning`."""
    return _number(value, rule) if rule.codes is None else _category(value, rule)


def _number(value: object, rule: TextRule) -> float:
    if isinstance(value, str):
        text = trimmed(value)
        if text in rule.markers:
            return MISSING
        if text in rule.sentinels:
            return SENTINEL
        number = number_in(text)
        return NOT_UNDERSTOOD if number is None else number
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            return NOT_UNDERSTOOD
        return number if abs(number) < np.inf else NOT_UNDERSTOOD
    return NOT_UNDERSTOOD


def _category(value: object, rule: TextRule) -> float:
    codes = rule.codes or {}
    if isinstance(value, (bool, np.bool_)):
        code = rule.truth[0] if value else rule.truth[1]
        return NOT_UNDERSTOOD if code is None else float(code)
    if not isinstance(value, (str, int, float, np.number)):
        return NOT_UNDERSTOOD
    text = as_text(value)
    if text in rule.markers:
        return MISSING
    if text in rule.sentinels:
        return SENTINEL
    code = codes.get(text)
    if code is not None:
        return float(code)
    return NOT_UNDERSTOOD if rule.gene is None else genotype_code(text, rule)
