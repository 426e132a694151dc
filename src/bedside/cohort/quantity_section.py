"""``[outcome]`` of a study file, for an outcome that is a number: that of a treatment, and a dose."""

from __future__ import annotations

from collections.abc import Mapping

from bedside.cohort.outcome_section import listed_texts
from bedside.cohort.section import Section
from bedside.cohort.study import Outcome, Quantity
from bedside.errors import DataError
from bedside.sources import check_unit, number_in

TOLERANCE = 0.2
"""Within a fifth of the therapeutic dose: what counted as right in IWPC, N Engl J Med 2009;360:753-764."""


def read_number(section: Section, counts: Mapping[str, int]) -> Outcome:
    """An outcome that is a number, with its unit.

    Parameters
    ----------
    section: ``[outcome]``.
    counts: the texts of the outcome column, missing ones left out, with their numbers of rows.

    Raises
    ------
    StudyError: the column is empty or holds no number, there is no unit or none that UCUM knows, or a range that does
        not ascend.
    """
    column = _column(section, counts)
    name = section.optional_text("name") or column
    quantity = Quantity(name=name, unit=_unit(section), range=_range(section))
    return Outcome(column=column, classes=(), positive=None, codes={}, quantity=quantity)


def read_dose(section: Section, texts: Mapping[str, Mapping[str, int]]) -> Outcome:
    """The therapeutic dose of a drug.

    Raises
    ------
    StudyError: as `read_number`; also a range that does not begin above 0, or a tolerance that is no share.
    """
    column, drug = _column(section, texts["column"]), section.text("drug")
    limits = _range(section)
    if limits is not None and limits[0] <= 0:
        raise section.error("range", f"a dose of {limits[0]:g} is none", "Begin above 0: [1, 200], say")
    tolerance = section.share("tolerance") or TOLERANCE
    quantity = Quantity(name=drug, unit=_unit(section), range=limits, tolerance=tolerance)
    rules = section.below("comparators")
    comparators = {name: rules.text(name) for name in rules.names()}
    return Outcome(column=column, classes=(), positive=None, codes={}, quantity=quantity, comparators=comparators)


def _column(section: Section, counts: Mapping[str, int]) -> str:
    column = section.text("column")
    if not counts:
        raise section.error("column", f"the column '{column}' is empty", "Name the column that holds the outcome")
    if not any(number_in(text) is not None for text in counts):
        what = f"the column '{column}' holds no number: {listed_texts(counts)}"
        raise section.error("column", what, "Name the column that holds the number")
    return column


def _unit(section: Section) -> str:
    unit = section.text("unit")
    try:
        check_unit(unit)
    except DataError as error:
        raise section.error("unit", error.what, error.remedy) from error
    return unit


def _range(section: Section) -> tuple[float, float] | None:
    listed = section.listed("range")
    if listed is None:
        return None
    numbers = [float(item) for item in listed if isinstance(item, (int, float)) and not isinstance(item, bool)]
    if len(listed) != 2 or len(numbers) != 2 or not -float("inf") < numbers[0] < numbers[1] < float("inf"):
        raise section.error("range", "this is not [lowest, highest]", "Write two ascending numbers: [1, 200], say")
    return numbers[0], numbers[1]
