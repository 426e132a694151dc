"""UCUM units: conversions against figures from the standards, and everything that must be refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.errors import DataError
from bedside.sources import check_unit, convert, factor_and_offset

# value, from, to, expected: exact by definition of the units (SI brochure; UCUM tables; 1 mmHg = 133.322387415 Pa).
KNOWN = [
    (37.0, "Cel", "[degF]", 98.6),
    (212.0, "[degF]", "Cel", 100.0),
    (310.15, "K", "Cel", 37.0),
    (1.5, "mm", "um", 1500.0),
    (120.0, "mm[Hg]", "kPa", 15.9986864898),
    (100.0, "mg/dL", "g/L", 1.0),
    (5.2, "mmol/L", "umol/L", 5200.0),
    (250.0, "10*9/L", "10*3/uL", 250.0),
    (70.0, "kg", "[lb_av]", 154.3235835294),
    (45.0, "%", "1", 0.45),
    (2.0, "a", "d", 730.5),
    (3.0, "wk", "d", 21.0),
    (60.0, "/min", "Hz", 1.0),
    (7.0, "{score}", "1", 7.0),
    (5.0, "u[IU]/mL", "m[IU]/L", 5.0),
    (2.0, "eq/L", "meq/L", 2000.0),
]


@pytest.mark.parametrize(("value", "unit_from", "unit_to", "expected"), KNOWN)
def test_known_conversions(value: float, unit_from: str, unit_to: str, expected: float) -> None:
    assert convert(value, unit_from, unit_to) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "code", ["um", "mm[Hg]", "mg/dL", "mmol/L", "10*9/L", "Cel", "[degF]", "a", "%", "1/min", "{score}", "kg/m2", "1"]
)
def test_codes_that_clinics_use(code: str) -> None:
    check_unit(code)
    assert factor_and_offset(code, code) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("unit", "spelling"), [("mmHg", "mm[Hg]"), ("years", '"a"'), ("°C", "Cel"), ("bpm", "1/min"), ("nonsense", "UCUM")]
)
def test_a_silly_unit_names_what_ucum_writes(unit: str, spelling: str) -> None:
    with pytest.raises(DataError, match="is not a unit") as caught:
        check_unit(unit)
    assert spelling in caught.value.remedy


@pytest.mark.parametrize(
    ("unit_from", "unit_to", "why"),
    [
        ("mg/dL", "mmol/L", "molar mass"),
        ("mmol/L", "g/L", "molar mass"),
        ("mm", "kg", "one is"),
        ("10*9/L", "[IU]/L", "substance"),
        ("meq/L", "mmol/L", "substance"),
        ("dB", "1", "logarithmic"),
    ],
)
def test_what_needs_more_knowledge_is_refused(unit_from: str, unit_to: str, why: str) -> None:
    with pytest.raises(DataError, match=why) as caught:
        factor_and_offset(unit_from, unit_to)
    assert caught.value.remedy


PAIRS = [("Cel", "[degF]"), ("mm[Hg]", "kPa"), ("mg/dL", "g/L"), ("a", "d"), ("cm", "[in_i]"), ("K", "[degF]")]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PAIRS), st.floats(-1e6, 1e6))
def test_there_and_back(pair: tuple[str, str], value: float) -> None:
    assert convert(convert(value, *pair), *reversed(pair)) == pytest.approx(value, rel=1e-9, abs=1e-7)


def test_short_factors_stay_short() -> None:
    """1000.0000000000002 would push a value that lies on its limit over it."""
    assert factor_and_offset("mm", "um") == (1000.0, 0.0)
    assert factor_and_offset("um", "mm") == (0.001, 0.0)
    assert factor_and_offset("Cel", "[degF]") == (1.8, 32.0)
