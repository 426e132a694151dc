"""The declared cleaning, as one numpy kernel for tables and for the bedside.

Text becomes numbers before it (in SQL for tables, in Python at the bedside). What could not become one arrives
as a mark that no value can be mistaken for, because ``inf`` is no number here (see `bedside.sources.text`):

- ``nan``: empty or a missing marker,
- ``inf``: not a number, or not a declared category,
- ``-inf``: a sentinel text of the column; of a gene, a genotype that is known and none of its categories.

Order: marker → sentinel → not understood → unit conversion → plausible range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, UInt8

from bedside.sources.reading import Problem
from bedside.sources.schema import Schema, Variable
from bedside.sources.text import as_text, number_in, trimmed
from bedside.sources.units import factor_and_offset

MISSING, NOT_UNDERSTOOD, SENTINEL = np.nan, np.inf, -np.inf
# Plain integers: looking up a member of an enumeration costs as much as a small array operation.
_MISSING, _SENTINEL, _IMPLAUSIBLE = int(Problem.MISSING), int(Problem.SENTINEL), int(Problem.IMPLAUSIBLE)

# The graph takes float32: a larger number would arrive there as infinity.
_LARGEST = float(np.finfo(np.float32).max)

# 109.4 [degF] are 43 Cel, and 43.00000000000001 in floating point: such a value does not lie outside its range.
_ROUNDING = 1e-12

Recode = Mapping[str, Mapping[str, str]]
"""Variable → another hospital's text → our category; a variable named here is translated by its list alone."""


@dataclass(frozen=True)
class Limits:
    """What the kernel needs, one number per variable; `markers` and `sentinels` are padded with nan.

    `not_understood` and `sentinel` are the `Problem` that either mark stands for.
    """

    factor: Float[np.ndarray, " variable"]
    offset: Float[np.ndarray, " variable"]
    low: Float[np.ndarray, " variable"]
    high: Float[np.ndarray, " variable"]
    not_understood: UInt8[np.ndarray, " variable"]
    sentinel: UInt8[np.ndarray, " variable"]
    markers: Float[np.ndarray, "marker variable"]
    sentinels: Float[np.ndarray, "sentinel variable"]


@dataclass(frozen=True)
class TextRule:
    """How one variable's texts become numbers, before the kernel.

    Attributes
    ----------
    markers: canonical texts that mean "not known"; for a number those only that are no number themselves.
    sentinels: the same for the column's sentinel codes.
    codes: canonical text → category code; None for a number.
    truth: codes of a true and of a false value of a column that holds booleans; None where no category fits.
    gene: the texts are genotypes of this one, and may be written in other ways than `codes` has them.
    """

    markers: frozenset[str]
    sentinels: frozenset[str]
    codes: Mapping[str, int] | None
    truth: tuple[int | None, int | None] = (None, None)
    gene: str | None = None


def clean(
    raw: Float[np.ndarray, "patient variable"], limits: Limits
) -> tuple[Float[np.ndarray, "patient variable"], UInt8[np.ndarray, "patient variable"]]:
    """Values in the declared units, ``nan`` where not known, and the `Problem` of each cell."""
    problems = np.zeros(raw.shape, np.uint8)
    for codes in limits.sentinels:
        problems[raw == codes] = _SENTINEL
    for codes in limits.markers:
        problems[raw == codes] = _MISSING
    if np.count_nonzero(np.isfinite(raw)) < raw.size:
        problems = np.where(raw == SENTINEL, limits.sentinel, problems)
        problems[np.isnan(raw)] = _MISSING
        problems = np.where(raw == NOT_UNDERSTOOD, limits.not_understood, problems)
    with np.errstate(over="ignore", invalid="ignore"):
        values = raw * limits.factor + limits.offset
        outside = (values < limits.low) | (values > limits.high)
    if np.count_nonzero(outside):
        problems[outside & (problems == 0)] = _IMPLAUSIBLE
    if np.count_nonzero(problems):
        values[problems != 0] = np.nan
    return values, problems


@dataclass(frozen=True)
class Rules:
    """A schema made ready for reading.

    Attributes
    ----------
    texts: a rule per variable.
    table, declared: limits for values in the table's units, and for values in the declared ones.
    positions: variable → its position; `numeric`: the same for numbers only. genes: whether a variable is a genotype.
    """

    texts: tuple[TextRule, ...]
    table: Limits
    declared: Limits
    positions: Mapping[str, int]
    numeric: Mapping[str, int]
    genes: bool


def _numbers(texts: Sequence[str]) -> list[float]:
    found = (number_in(trimmed(text)) for text in texts)
    return [number for number in found if number is not None]


def _words(texts: Sequence[str]) -> frozenset[str]:
    cut = [trimmed(text) for text in texts]
    return frozenset(text for text in cut if number_in(text) is None)


def _padded(columns: Sequence[Sequence[float]]) -> Float[np.ndarray, "code variable"]:
    height = max((len(column) for column in columns), default=0)
    padded = np.full((height, len(columns)), np.nan)
    for place, column in enumerate(columns):
        padded[: len(column), place] = column
    return padded


def _first(codes: Mapping[str, int], texts: Sequence[str]) -> int | None:
    return next((codes[text] for text in texts if text in codes), None)


def _text_rule(variable: Variable, missing: Sequence[str], recoded: Mapping[str, str] | None) -> TextRule:
    if variable.kind == "number":
        return TextRule(_words(missing) | {""}, _words(variable.missing), None)
    declared = {as_text(text): code for code, text in enumerate(variable.categories or ())}
    codes = declared
    if recoded is not None:
        codes = {as_text(theirs): declared[as_text(ours)] for theirs, ours in recoded.items()}
    markers, sentinels = ({as_text(text) for text in texts} for texts in (missing, variable.missing))
    if variable.gene is not None:  # whatever stands for "not called"; the sentinels' mark means something else here
        markers, sentinels = markers | sentinels, set()
    return TextRule(
        frozenset(markers | {""}),
        frozenset(sentinels),
        codes,
        (_first(codes, ("true", "True", "TRUE", "1")), _first(codes, ("false", "False", "FALSE", "0"))),
        gene=None if recoded is not None else variable.gene,
    )


def _range(variable: Variable) -> tuple[float, float]:
    if variable.kind == "category":
        return -np.inf, np.inf
    low, high = variable.range or (-_LARGEST, _LARGEST)
    slack = _ROUNDING * max(abs(low), abs(high))
    return max(low - slack, -_LARGEST), min(high + slack, _LARGEST)


def _limits(schema: Schema, *, in_data: bool) -> Limits:
    """Limits for values in the table's units, or (bare values at the bedside) in the declared ones."""
    numbers = [variable.kind == "number" for variable in schema.variables]
    converted = [in_data and bool(v.unit_in_data) and v.unit_in_data != v.unit for v in schema.variables]
    scales = [
        factor_and_offset(v.unit_in_data or "1", v.unit or "1") if moved else (1.0, 0.0)
        for v, moved in zip(schema.variables, converted, strict=True)
    ]
    # A sentinel is a number in the table's unit; a value in another unit may rightly have that number.
    coded = [in_data or not v.unit_in_data or v.unit_in_data == v.unit for v in schema.variables]
    ranges = [_range(variable) for variable in schema.variables]
    wrong = [_not_understood(variable, in_data=in_data) for variable in schema.variables]
    sentinel = [Problem.SENTINEL if variable.gene is None else Problem.OTHER_GENOTYPE for variable in schema.variables]
    markers = _numbers(schema.missing)
    return Limits(
        factor=np.array([factor for factor, _ in scales], dtype=np.float64),
        offset=np.array([offset for _, offset in scales], dtype=np.float64),
        low=np.array([low for low, _ in ranges], dtype=np.float64),
        high=np.array([high for _, high in ranges], dtype=np.float64),
        not_understood=np.array(wrong, dtype=np.uint8),
        sentinel=np.array(sentinel, dtype=np.uint8),
        markers=_padded([markers if number else [] for number in numbers]),
        sentinels=_padded(
            [
                _numbers(v.missing) if number and stands else []
                for v, number, stands in zip(schema.variables, numbers, coded, strict=True)
            ]
        ),
    )


def _not_understood(variable: Variable, *, in_data: bool) -> Problem:
    if variable.kind == "number":
        return Problem.NOT_A_NUMBER
    # A laboratory's list of alleles outgrows ours: such a row of a table is not callable; a person is told at once.
    return Problem.NOT_CALLABLE if variable.gene is not None and in_data else Problem.UNKNOWN_CATEGORY


def rules(schema: Schema, recode: Recode | None = None) -> Rules:
    """The schema's rules; without `recode` they are kept for the next call.

    Raises
    ------
    DataError: a unit cannot be read or does not convert.
    """
    return _rules(schema) if not recode else _make_rules(schema, recode)


@lru_cache(maxsize=64)
def _rules(schema: Schema) -> Rules:
    return _make_rules(schema, {})


def _make_rules(schema: Schema, recode: Recode) -> Rules:
    return Rules(
        texts=tuple(_text_rule(v, schema.missing, recode.get(v.name)) for v in schema.variables),
        table=_limits(schema, in_data=True),
        declared=_limits(schema, in_data=False),
        positions={name: position for position, name in enumerate(schema.names)},
        numeric={v.name: position for position, v in enumerate(schema.variables) if v.kind == "number"},
        genes=any(v.gene is not None for v in schema.variables),
    )
