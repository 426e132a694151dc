"""Fitted preparation: from values in declared units to features of about the same size, none of them unknown.

A number is scaled, its unknown values become the median of the fitting patients, and values far outside what they had
are drawn in. A category becomes one indicator per declared category. Where fitting patients had unknown values, a
flag says so for the next patient. Indicators and flags are centred on their share among the fitting patients, so that
0 stands for "nothing known" everywhere, and a feature that does not vary among the fitting patients is exactly 0 for
all of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.cohort import Scale
from bedside.errors import StudyError
from bedside.preparation.operations import NUMPY, Array, Operations
from bedside.sources import Schema, Variable

SKEWED = 1.0
"""Skewness above which a variable without negative values is put on a log scale."""

BEYOND = 1.0
"""A number may lie this many times the fitting patients' range outside of it; beyond that it counts as that far out."""

STEEPEST = 1e30
"""No factor is larger: values that differ only in their last bits would make it infinite."""


@dataclass(frozen=True)
class Preparation:
    """Fitted numbers of every feature, all exact in single precision so that graph and reference hold the same ones.

    Attributes
    ----------
    variables: how many there are.
    names: of the features; ``smoker = never`` for an indicator, ``chol unknown`` for a flag.
    feature_of: the position of the variable that each feature belongs to.
    scales: the scale of each number, by variable.
    number, flag: which features are numbers, and which flags; the others are indicators of a category.
    fill: what an unknown number is replaced with (the median of the fitting patients), in the variable's unit.
    log, unit: which numbers become log(1 + x / unit).
    centre, factor, low, high: a number becomes (x - centre) * factor, kept between low and high.
    code: the category's code of an indicator; nan, which equals nothing, for other features.
    share: what is subtracted from an indicator or flag: its mean among the fitting patients.
    novel: features whose departure from 0 means a category or value that no fitting patient had.
    """

    variables: int
    names: tuple[str, ...]
    feature_of: Int[np.ndarray, " feature"]
    scales: Mapping[str, Scale]
    number: Bool[np.ndarray, " feature"]
    flag: Bool[np.ndarray, " feature"]
    fill: Float[np.ndarray, " feature"]
    log: Bool[np.ndarray, " feature"]
    unit: Float[np.ndarray, " feature"]
    centre: Float[np.ndarray, " feature"]
    factor: Float[np.ndarray, " feature"]
    low: Float[np.ndarray, " feature"]
    high: Float[np.ndarray, " feature"]
    code: Float[np.ndarray, " feature"]
    share: Float[np.ndarray, " feature"]
    novel: Bool[np.ndarray, " feature"]

    @classmethod
    def fit(
        cls, schema: Schema, values: Float[np.ndarray, "patient variable"], scales: Mapping[str, Scale] | None = None
    ) -> Preparation:
        """Fit on patients; a variable that is not in ``scales`` gets its scale by `chosen_scale`.

        Raises
        ------
        StudyError: ``scale = "log"`` is asked for a variable with negative values.
        """
        values = as_served(values)
        asked = scales or {}
        rows: list[_Feature] = []
        for position, variable in enumerate(schema.variables):
            column = values[:, position]
            unknown = np.isnan(column)
            known = column[~unknown]
            if variable.kind == "category":
                rows += _indicators(variable, position, known)
            else:
                rows.append(_number(variable, position, known, asked.get(variable.name)))
            if 0 < unknown.sum() < len(column):
                name = f"{variable.name} unknown"
                rows.append(_Feature(name, position, "flag", share=float(unknown.mean())))
        return _stacked(rows, len(schema.variables))

    def transform(self, values: Float[np.ndarray, "patient variable"]) -> Float[np.ndarray, "patient feature"]:
        """Features in double precision: the reference that the graph is tested against."""
        with np.errstate(over="ignore"):  # what overflows is drawn in afterwards
            return np.asarray(features(NUMPY, self, as_served(values)))


def in_single_precision(x: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """Rounded to single precision, held in double: graph and reference then work with the same numbers.

    What is finite stays finite: a number beyond the largest of single precision becomes that one.
    """
    limit = float(np.finfo(np.float32).max)
    return np.asarray(np.where(np.isfinite(x), np.clip(x, -limit, limit), x).astype(np.float32).astype(np.float64))


def as_served(values: Float[np.ndarray, "patient variable"]) -> Float[np.ndarray, "patient variable"]:
    """Values as the graph will see them: rounded to single precision, all finite but what is unknown."""
    limit = float(np.finfo(np.float32).max)
    return in_single_precision(np.clip(values, -limit, limit))


def features(ops: Operations, fitted: Preparation, values: Array) -> Array:
    """The formula of the preparation: ``values`` [patient, variable] with nan for unknown → [patient, feature]."""
    in_order = np.array_equal(fitted.feature_of, np.arange(fitted.variables))
    x = values if in_order else ops.columns(values, fitted.feature_of)
    unknown = ops.isnan(x)
    filled = ops.where(unknown, ops.constant(fitted.fill), x)
    scaled = (_logged(ops, fitted, filled) - ops.constant(fitted.centre)) * ops.constant(fitted.factor)
    number = ops.minimum(ops.maximum(scaled, ops.constant(fitted.low)), ops.constant(fitted.high))
    if fitted.number.all():
        return number
    known = ops.number(x == ops.constant(fitted.code)) - ops.constant(fitted.share)
    # Of an unknown category every indicator is 0, its mean, so that nothing is claimed about it.
    indicator = ops.where(unknown, ops.constant(np.where(fitted.flag, 1 - fitted.share, 0.0)), known)
    return ops.where(ops.constant(fitted.number), number, indicator)


def _logged(ops: Operations, fitted: Preparation, filled: Array) -> Array:
    if not fitted.log.any():
        return filled
    over_unit = ops.maximum(filled, ops.constant(np.zeros(1))) * ops.constant(in_single_precision(1 / fitted.unit))
    logged = ops.log(over_unit + ops.constant(np.ones(1)))
    return logged if fitted.log.all() else ops.where(ops.constant(fitted.log), logged, filled)


def skewness(x: Float[np.ndarray, " value"]) -> float:
    """Third central moment over the standard deviation cubed; 0 for values that do not vary."""
    deviation = x - x.mean()
    spread = float(np.sqrt(np.mean(deviation**2)))
    return float(np.mean((deviation / spread) ** 3)) if spread > 1e-9 * max(1.0, float(np.abs(x).max())) else 0.0


def chosen_scale(known: Float[np.ndarray, " value"]) -> Scale:
    """``"log"`` for a variable without negative values whose skewness is above `SKEWED`, and smaller after it."""
    if len(known) < 3 or known.min() < 0 or not (known > 0).any():
        return "standard"
    before = skewness(known)
    if before <= SKEWED:
        return "standard"
    return "log" if abs(skewness(np.log1p(known / _log_unit(known)))) < before else "standard"


@dataclass(frozen=True)
class _Feature:
    """One row of a `Preparation` before the rows are stacked; defaults change nothing."""

    name: str
    variable: int
    kind: Literal["number", "indicator", "flag"]
    scale: Scale | None = None
    fill: float = 0.0
    unit: float = 1.0
    centre: float = 0.0
    factor: float = 1.0
    low: float = -1.0
    high: float = 1.0
    code: float = math.nan
    share: float = 0.0
    novel: bool = False


def _indicators(variable: Variable, position: int, known: Float[np.ndarray, " value"]) -> list[_Feature]:
    made = []
    for code, category in enumerate(variable.categories or ()):
        share = float(np.mean(known == code)) if len(known) else 0.0
        name = f"{variable.name} = {category}"
        novel = bool(len(known)) and share == 0.0
        made.append(_Feature(name, position, "indicator", code=float(code), share=share, novel=novel))
    return made


def _number(variable: Variable, position: int, known: Float[np.ndarray, " value"], asked: Scale | None) -> _Feature:
    scale = asked or chosen_scale(known)
    if not len(known):
        return _Feature(variable.name, position, "number", "none", fill=0.0, low=0.0, high=0.0)
    if scale == "log" and known.min() < 0:
        raise StudyError(
            f"a log scale takes no negative value, and the least one is {known.min():g}",
            where=f"predictors.{variable.name}.scale",
            remedy="Choose another scale, or remove the line and let it be chosen",
        )
    fill = float(np.float32(np.median(known)))
    if known.min() == known.max():
        size = abs(fill) or 1.0
        factor = min(1 / size, STEEPEST)
        return _Feature(variable.name, position, "number", "none", fill, centre=fill, factor=factor, novel=True)
    unit = float(np.float32(_log_unit(known))) if scale == "log" else 1.0
    x = np.log1p(known / unit) if scale == "log" else known
    centre, factor = _centre_and_factor(x, scale)
    reach = BEYOND * float(np.ptp(x))
    low, high = (float(x.min()) - reach - centre) * factor, (float(x.max()) + reach - centre) * factor
    return _Feature(variable.name, position, "number", scale, fill, unit, centre, factor, low, high)


def _log_unit(known: Float[np.ndarray, " value"]) -> float:
    """A small value of the variable: above it log(1 + x / unit) is nearly a logarithm, and 0 is still allowed."""
    positive = known[known > 0]
    return max(float(np.quantile(positive, 0.05)), 1 / STEEPEST) if len(positive) else 1.0


def _centre_and_factor(x: Float[np.ndarray, " value"], scale: Scale) -> tuple[float, float]:
    if scale == "none":
        return 0.0, 1.0
    if scale == "minmax":
        return float(np.float32(x.min())), float(np.float32(min(1 / np.ptp(x), STEEPEST)))
    return float(np.float32(x.mean())), float(np.float32(min(1 / x.std(), STEEPEST)))


def _stacked(rows: list[_Feature], variables: int) -> Preparation:
    def column(field: str) -> Float[np.ndarray, " feature"]:
        return in_single_precision(np.array([getattr(row, field) for row in rows], dtype=np.float64))

    def kind(*names: str) -> Bool[np.ndarray, " feature"]:
        return np.array([row.kind in names for row in rows], dtype=bool)

    return Preparation(
        variables=variables,
        names=tuple(row.name for row in rows),
        feature_of=np.array([row.variable for row in rows], dtype=np.int64),
        scales={row.name: row.scale for row in rows if row.scale is not None},
        number=kind("number"),
        flag=kind("flag"),
        fill=column("fill"),
        log=np.array([row.scale == "log" for row in rows], dtype=bool),
        unit=column("unit"),
        centre=column("centre"),
        factor=column("factor"),
        low=column("low"),
        high=column("high"),
        code=column("code"),
        share=column("share"),
        novel=np.array([row.novel for row in rows], dtype=bool),
    )
