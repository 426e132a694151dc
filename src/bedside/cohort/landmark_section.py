"""``landmarks`` and ``visit`` of ``[outcome]``: a table of repeated visits, and times at which to look ahead."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from bedside.cohort.section import Section
from bedside.cohort.study import FollowUp
from bedside.sources import Schema, Variable


def read_landmarks(section: Section, last: float | None, horizons: Sequence[float]) -> tuple[float, ...]:
    """The landmarks, ascending from 0 or later; none where the study declares none.

    Parameters
    ----------
    section: ``[outcome]``. last: the time at which follow-up ends for everybody; None: for each at its own.

    Raises
    ------
    StudyError: landmarks without visits or the other way round, one that is no time, one from which the last horizon
        lies after the end of follow-up.
    """
    listed = section.listed("landmarks")
    if (listed is None) != ("visit" not in section):
        missing, there = ("landmarks", "visit") if listed is None else ("visit", "landmarks")
        example = "[0, 2]" if listed is None else '"..."'
        raise section.error(there, f"{there} goes with {missing}", f"Add {missing} = {example}, or drop {there}")
    numbers = tuple(float(item) for item in listed or () if isinstance(item, (int, float)) and item is not True)
    if len(numbers) < len(listed or ()) or not all(0 <= number < float("inf") for number in numbers):
        raise section.error("landmarks", "a landmark is a time from 0 on", "Write them without quotes, in the unit")
    if listed is not None and not listed:
        raise section.error("landmarks", "no landmark is declared", "Write landmarks = [0, 2], in the unit of time")
    if not all(low < high and f"{low:g}" != f"{high:g}" for low, high in pairwise(numbers)):
        raise section.error("landmarks", "the landmarks do not ascend", "Write each once, the earliest first")
    if numbers and last is not None and numbers[-1] + horizons[-1] > last:
        reached = numbers[-1] + horizons[-1]
        what = f"from the landmark {numbers[-1]:g} the last horizon ends at {reached:g}, after end = {last:g}"
        raise section.error("landmarks", what, "Drop the last of one of them")
    return numbers


def with_visit_predictor(section: Section, schema: Schema, follow_up: FollowUp | None) -> Schema:
    """The schema, in which the predictor that reads the column of visits is the landmark itself.

    Where the study gives it no range, it is from the first to the last landmark: the model saw nothing outside.

    Parameters
    ----------
    section: ``[predictors]``.

    Raises
    ------
    StudyError: nothing names the patient of a visit; or that predictor is a category, has another unit than the times
        or a range without some landmark, or there is one landmark only.
    """
    if follow_up is None or not follow_up.landmarks:
        return schema
    if schema.patient is None:
        raise section.document.error(("data",), "visits need their patient", 'Add patient = "...", the column of names')
    position = visit_position(schema, follow_up)
    if position is None:
        return schema
    variable = schema.variables[position]
    _refuse_misfit(section.below(variable.name), variable, follow_up)
    ends = (follow_up.landmarks[0], follow_up.landmarks[-1])
    landmark = msgspec.structs.replace(variable, range=variable.range or ends, unit=variable.unit or follow_up.unit)
    variables = (*schema.variables[:position], landmark, *schema.variables[position + 1 :])
    return msgspec.structs.replace(schema, variables=variables)


def visit_position(schema: Schema, follow_up: FollowUp) -> int | None:
    """Which predictor is the landmark: the one that reads the column of visits, if there is one."""
    read = [variable.column or variable.name for variable in schema.variables]
    return read.index(follow_up.visit) if follow_up.visit in read else None


def _refuse_misfit(section: Section, variable: Variable, follow_up: FollowUp) -> None:
    if variable.kind == "category":
        raise section.error("categories", "the landmark is a time, not a category", "Drop categories")
    if variable.unit_in_data is not None or variable.unit not in (None, follow_up.unit):
        key = "unit" if variable.unit_in_data is None else "unit_in_data"
        what = f"the landmark is in the unit of all times, '{follow_up.unit}'"
        raise section.error(key, what, f'Write unit = "{follow_up.unit}", and nothing else')
    if len(follow_up.landmarks) == 1:
        what = f"there is one landmark only, and so the predictor is {follow_up.landmarks[0]:g} for everybody"
        raise section.error("", what, "Drop the predictor, or declare more landmarks")
    outside = [time for time in follow_up.landmarks if variable.range and not _within(time, variable.range)]
    if outside:
        raise section.error("range", f"the landmark {outside[0]:g} lies outside the range", "Widen it, or drop range")


def _within(time: float, ends: tuple[float, float]) -> bool:
    return ends[0] <= time <= ends[1]
