"""From a patient's values to what a model from elsewhere takes: the preparation that the study declares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.cohort import AdoptionPlan, Column, Prepared, Study
from bedside.errors import StudyError
from bedside.preparation import Array, Operations, in_single_precision
from bedside.sources import Schema, Variable, factor_and_offset

LOGS = {"log": 1.0, "log10": float(1 / np.log(10)), "log1p": 1.0}
"""What the natural logarithm is multiplied by."""


@dataclass(frozen=True)
class Inputs:
    """One row of numbers for each input of the model, all exact in single precision; the defaults change nothing.

    Attributes
    ----------
    variable: position of the variable that each input comes from.
    fill: what stands for an unknown value, in the variable's unit or as a category's position; nan: stays unknown.
    category: position of the category of an indicator; nan for other inputs.
    codes: [category, input] number for each category's position; nan where the position stands for itself.
    factor, offset: unit conversion. log, plus, times: which inputs become times * log(x + plus).
    subtract, over: then (x - subtract) * over.
    complete: whether no unknown value is left, or the model takes it: else such patients get no estimate.
    """

    variable: Int[np.ndarray, " input"]
    fill: Float[np.ndarray, " input"]
    category: Float[np.ndarray, " input"]
    codes: Float[np.ndarray, "category input"]
    factor: Float[np.ndarray, " input"]
    offset: Float[np.ndarray, " input"]
    log: Bool[np.ndarray, " input"]
    plus: Float[np.ndarray, " input"]
    times: Float[np.ndarray, " input"]
    subtract: Float[np.ndarray, " input"]
    over: Float[np.ndarray, " input"]
    complete: bool


def prepared(ops: Operations, inputs: Inputs, values: Array) -> Array:
    """``values`` [patient, variable], nan for unknown → [patient, input]; steps that change nothing are left out."""
    x = ops.columns(values, inputs.variable)
    if not np.isnan(inputs.fill).all():
        x = ops.where(ops.isnan(x), ops.constant(inputs.fill), x)
    number = _coded(ops, inputs, x)
    if (inputs.factor != 1).any():
        number = number * ops.constant(inputs.factor)
    if (inputs.offset != 0).any():
        number = number + ops.constant(inputs.offset)
    if inputs.log.any():
        logged = ops.log(number + ops.constant(inputs.plus)) * ops.constant(inputs.times)
        number = logged if inputs.log.all() else ops.where(ops.constant(inputs.log), logged, number)
    if (inputs.subtract != 0).any():
        number = number - ops.constant(inputs.subtract)
    if (inputs.over != 1).any():
        number = number * ops.constant(inputs.over)
    indicator = ~np.isnan(inputs.category)
    if not indicator.any():
        return number
    held = ops.number(x == ops.constant(inputs.category))
    return held if indicator.all() else ops.where(ops.constant(indicator), held, number)


def _coded(ops: Operations, inputs: Inputs, x: Array) -> Array:
    number = x
    for position, codes in enumerate(inputs.codes):
        has_code = ~np.isnan(codes)
        if has_code.any():
            here = x == ops.constant(np.where(has_code, float(position), np.nan))
            number = ops.where(here, ops.constant(np.where(has_code, codes, 0.0)), number)
    return number


def plan_of(study: Study) -> AdoptionPlan:
    """What the study says about the model; where it says nothing, its predictors in their order.

    Raises
    ------
    StudyError: there are categories, and nothing says how the model takes them.
    """
    if study.adoption is not None:
        return study.adoption
    for variable in study.schema.variables:
        if variable.kind == "category":
            raise StudyError(
                f"nothing says how the model takes the categories of '{variable.name}'",
                where=f"{study.path}, adoption.inputs.{variable.name}",
                remedy="Add [adoption.inputs] with codes = { ... } or one_hot = true for it",
            )
    return AdoptionPlan(columns=tuple(Column(predictor=name) for name in study.schema.names))


def fit_inputs(
    study: Study, plan: AdoptionPlan, values: Float[np.ndarray, "row variable"], *, takes_nan: bool
) -> Inputs:
    """The declared preparation; a median, where one is asked for, is that of the development patients.

    Where patients with an unknown predictor get no estimate, the graph fills with the median all the same: a graph has
    to answer something, and no answer shows it.

    Raises
    ------
    StudyError: some predictors have a fill and others none, so that the fill would never be used.
    """
    unknown = plan.unknown or ("model" if takes_nan else "abstain")
    used = dict.fromkeys(column.predictor for column in plan.columns)
    filled = [name for name in used if _of(plan, name).fill is not None]
    if unknown == "abstain" and filled and len(filled) < len(used):
        without = next(name for name in used if name not in filled)
        raise StudyError(
            f"'{filled[0]}' has a fill and '{without}' has none: with any predictor unknown there is no estimate",
            where=f"{study.path}, adoption.inputs",
            remedy='Give each predictor a fill, or none, or write unknown = "median" in [adoption]',
        )
    rows = [_input(study.schema, plan, column, values, unknown) for column in plan.columns]
    most = max((len(study.schema[name].categories or ()) for name in used), default=0)
    return Inputs(
        variable=np.array([study.schema.names.index(column.predictor) for column in plan.columns], dtype=np.int64),
        codes=_codes(study.schema, plan, most),
        complete=unknown != "abstain" or len(filled) == len(used),
        log=np.array([row["log"] for row in rows], dtype=bool),
        **{name: in_single_precision(np.array([row[name] for row in rows])) for name in rows[0] if name != "log"},
    )


def _of(plan: AdoptionPlan, name: str) -> Prepared:
    return plan.prepared.get(name, Prepared())


def _input(
    schema: Schema, plan: AdoptionPlan, column: Column, values: Float[np.ndarray, "row variable"], unknown: str
) -> dict[str, float]:
    variable, said = schema[column.predictor], _of(plan, column.predictor)
    known = values[:, schema.names.index(variable.name)]
    factor, offset = 1.0, 0.0
    if said.unit is not None and variable.unit is not None:
        factor, offset = factor_and_offset(variable.unit, said.unit)
    return {
        "fill": _fill(variable, said, known[~np.isnan(known)], unknown),
        "category": np.nan if column.category is None else (variable.categories or ()).index(column.category),
        "factor": factor,
        "offset": offset,
        "log": said.transform != "none",
        "plus": 1.0 if said.transform == "log1p" else 0.0,
        "times": LOGS.get(said.transform, 1.0),
        "subtract": said.subtract,
        "over": 1.0 / said.divide,
    }


def _fill(variable: Variable, said: Prepared, known: Float[np.ndarray, " known"], unknown: str) -> float:
    if isinstance(said.fill, str):
        return float((variable.categories or ()).index(said.fill))
    if said.fill is not None:
        return said.fill
    if unknown == "model":
        return float("nan")
    if not len(known):
        return 0.0
    if variable.kind == "category":
        return float(np.argmax(np.bincount(known.astype(np.int64))))
    return float(np.median(known))


def _codes(schema: Schema, plan: AdoptionPlan, most: int) -> Float[np.ndarray, "category input"]:
    """For each category's position the number that the model takes; nan where none is declared."""
    table = np.full((most, len(plan.columns)), np.nan)
    for place, column in enumerate(plan.columns):
        codes = _of(plan, column.predictor).codes
        if codes is not None and column.category is None:
            for position, text in enumerate(schema[column.predictor].categories or ()):
                table[position, place] = codes[text]
    return in_single_precision(table)
