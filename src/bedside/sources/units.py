"""Units of measure: UCUM codes, read by ucumvert, converted by pint.

A conversion is affine, ``to = factor * from + offset``; temperatures have an offset. What has no such
conversion is refused: other dimensions, mass against amount of substance (which needs to know the substance),
arbitrary units such as ``[IU]`` (which differ per substance), equivalents (which need the valence), and
logarithmic scales such as ``[pH]``. Source: The Unified Code for Units of Measure, version 2.2, Regenstrief Institute.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

from bedside.errors import DataError

_ANNOTATION = re.compile(r"\{[^{}]*\}")
# Units that UCUM defines per substance only, or that convert only when the valence is known.
_ARBITRARY = re.compile(r"\[(?:IU|iU|[^\]]*'U|CCID_50|TCID_50|EID_50|PFU|FFU|CFU|BAU|AU|IR)\]")
_VALENCE = re.compile(r"(?<![A-Za-z\[])[fnumk]?(eq|osm)(?![A-Za-z])")
_COMMON_SPELLINGS = {
    "mmhg": "mm[Hg]",
    "year": "a",
    "years": "a",
    "yr": "a",
    "y": "a",
    "months": "mo",
    "weeks": "wk",
    "days": "d",
    "hours": "h",
    "bpm": "1/min",
    "beats/min": "1/min",
    "°c": "Cel",
    "degc": "Cel",
    "celsius": "Cel",
    "°f": "[degF]",
    "degf": "[degF]",
    "µm": "um",
    "μm": "um",
    "µmol/l": "umol/L",
    "μmol/l": "umol/L",
    "meq/l": "meq/L",
    "iu/l": "[IU]/L",
    "percent": "%",
    "inch": "[in_i]",
    "in": "[in_i]",
    "lb": "[lb_av]",
    "lbs": "[lb_av]",
    "kg/m^2": "kg/m2",
    "kg/m²": "kg/m2",
    "cells/mm3": "{cells}/mm3",
    "10^9/l": "10*9/L",
    "score": "{score}",
    "count": "{count}",
    "points": "{points}",
}


@lru_cache(maxsize=1)
def _registry() -> Any:
    from ucumvert import PintUcumRegistry  # a second of CPU: only where a unit is named at all

    return PintUcumRegistry()


def _spelling(unit: str) -> str:
    """What UCUM writes for it, as a remedy."""
    code = _COMMON_SPELLINGS.get(unit.strip().lower())
    return f'UCUM writes "{code}"' if code else "Write it as a UCUM code, for example mg/dL, mm[Hg], 10*9/L, a (year)"


@lru_cache(maxsize=1024)
def _quantity(unit: str) -> Any:
    """One of this unit as a pint quantity."""
    if _ANNOTATION.sub("", unit).strip() == "" and unit.strip():
        return _registry().Quantity(1.0, "dimensionless")  # {score}: a count of nothing but itself
    try:
        quantity = _registry().from_ucum(unit)
        quantity.dimensionality  # noqa: B018  (a unit that pint does not know fails here)
    except Exception as error:  # lark, pint and ucumvert each raise their own
        raise DataError(f"'{unit}' is not a unit of measure", remedy=_spelling(unit)) from error
    return quantity


def check_unit(unit: str) -> None:
    """Accept a UCUM unit, or raise.

    Raises
    ------
    DataError: it cannot be read as one.
    """
    _quantity(unit)


def _refusal(unit_from: str, unit_to: str) -> DataError:
    kinds = [str(_quantity(unit).dimensionality) for unit in (unit_from, unit_to)]
    if any("[substance]" in kind for kind in kinds) != all("[substance]" in kind for kind in kinds):
        return DataError(
            f"'{unit_from}' does not convert to '{unit_to}' without the substance's molar mass",
            remedy="Convert the column with the factor of this substance, and declare the unit that it then has",
        )
    return DataError(
        f"'{unit_from}' does not convert to '{unit_to}': one is {kinds[0]}, the other {kinds[1]}",
        remedy="Name the unit in which the values really stand",
    )


def _substances(unit: str) -> list[str]:
    """The parts of a unit that convert only into themselves."""
    plain = _ANNOTATION.sub("", unit)
    return sorted([*(found.lower() for found in _ARBITRARY.findall(plain)), *_VALENCE.findall(plain)])


@lru_cache(maxsize=4096)
def factor_and_offset(unit_from: str, unit_to: str) -> tuple[float, float]:
    """``(factor, offset)`` with ``value in unit_to = factor * value in unit_from + offset``.

    Raises
    ------
    DataError: a unit cannot be read, or the two do not convert into each other.
    """
    origin, target = _quantity(unit_from), _quantity(unit_to)
    if unit_from == unit_to:
        return 1.0, 0.0
    if origin.dimensionality != target.dimensionality:
        raise _refusal(unit_from, unit_to)
    if _substances(unit_from) != _substances(unit_to):
        raise DataError(
            f"'{unit_from}' does not convert to '{unit_to}': such units differ from substance to substance",
            remedy="Convert the column with the factor of this substance, and declare the unit that it then has",
        )
    return _affine(unit_from, unit_to, origin, target)


def _affine(unit_from: str, unit_to: str, origin: Any, target: Any) -> tuple[float, float]:
    def at(value: float) -> float:
        moved = _registry().Quantity(value * origin.magnitude, origin.units).to(target.units)
        return float(moved.magnitude / target.magnitude)

    try:
        zero, one, hundred = at(0.0), at(1.0), at(100.0)
    except Exception as error:
        raise _refusal(unit_from, unit_to) from error
    factor = at(1.0) if zero == 0.0 else (hundred - zero) / 100
    if not (math.isfinite(factor) and math.isclose(zero + factor, one, rel_tol=1e-9, abs_tol=1e-9)):
        raise DataError(
            f"'{unit_from}' does not convert to '{unit_to}' by a factor: one of them is a logarithmic scale",
            remedy="Convert the column, and declare the unit that it then has",
        )
    return _rounded(factor), _rounded(zero)


def _rounded(number: float) -> float:
    """The short decimal that it all but is: 1000.0000000000002 um in a millimetre would move values on a limit."""
    short = float(f"{number:.12g}")
    return short if math.isclose(short, number, rel_tol=1e-14) else number


def convert(value: float, unit_from: str, unit_to: str) -> float:
    """A value in another unit.

    >>> round(convert(37.0, "Cel", "[degF]"), 6)
    98.6

    Raises
    ------
    DataError: a unit cannot be read, or the two do not convert into each other.
    """
    factor, offset = factor_and_offset(unit_from, unit_to)
    return value * factor + offset
