"""Values as people read them."""

from __future__ import annotations

import math

from bedside.sources.schema import Variable


def format_value(variable: Variable, value: float | None) -> str:
    """A value of the matrix as text: with its unit, or as its category.

    >>> format_value(Variable(name="age", kind="number", label="Age", unit="a"), 61.0)
    '61 a'
    """
    if value is None or math.isnan(value):
        return "not known"
    if variable.kind == "category":
        return (variable.categories or ())[int(value)]
    number = f"{value:.6g}"
    if not variable.unit or variable.unit == "1" or variable.unit.startswith("{"):
        return number
    return f"{number} {variable.unit}"
