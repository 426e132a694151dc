"""Units in which a value may be given on the page, worked out when it is made: a browser has no table of units."""

from __future__ import annotations

from bedside.errors import DataError
from bedside.sources import Schema, Variable
from bedside.sources.units import factor_and_offset

COMMON = (
    "mm", "cm", "m", "[in_i]", "g", "kg", "[lb_av]", "Cel", "[degF]", "mm[Hg]", "kPa",
    "mg/dL", "g/dL", "g/L", "mg/L", "ug/L", "ng/mL", "ug/dL", "mmol/L", "umol/L", "nmol/L", "pmol/L",
    "10*9/L", "10*3/uL", "10*12/L", "10*6/uL", "/uL", "meq/L", "min", "h", "d", "wk", "mo", "a",
)  # fmt: skip
"""What laboratories and wards write, in UCUM."""


def units_of(schema: Schema) -> dict[str, list[dict[str, str | float]]]:
    """Variable → its units, the declared one first: ``declared = factor * value + offset``."""
    return {v.name: _units(v) for v in schema.variables if v.unit is not None}


def _units(variable: Variable) -> list[dict[str, str | float]]:
    declared = variable.unit or "1"
    found: list[dict[str, str | float]] = [{"unit": declared, "factor": 1.0, "offset": 0.0}]
    for unit in dict.fromkeys((variable.unit_in_data, *_like(declared))):
        if unit is None or unit == declared:
            continue
        try:
            factor, offset = factor_and_offset(unit, declared)
        except DataError:
            continue
        found.append({"unit": unit, "factor": factor, "offset": offset})
    return found


def _like(declared: str) -> tuple[str, ...]:
    return COMMON if declared in COMMON else ()
