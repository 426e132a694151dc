"""``[predictors.<variable>]`` of a study file."""

from __future__ import annotations

import re

from bedside.cohort.gene_keys import genotypes, read_gene
from bedside.cohort.section import Section
from bedside.cohort.study import Scale
from bedside.errors import DataError
from bedside.sources import Variable, as_text, check_unit, convert, factor_and_offset

_NAME = re.compile(r"[^\s\x00-\x1f<>=!][^\x00-\x1f<>=!]{0,99}")
_AGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([^0-9.\s]\S*)")
_CODE = re.compile(r"[^\s|]+\|[^\s|]+")
_SCALES: tuple[Scale, ...] = ("standard", "minmax", "log", "none")


def read_predictors(section: Section) -> tuple[tuple[Variable, ...], dict[str, Scale]]:
    """The declared variables in the file's order, and the scales that the study asks for.

    Raises
    ------
    StudyError: no predictor at all, or one that is not declared properly.
    """
    if not section.names():
        raise section.error("", "there is no predictor", "Add one table [predictors.<variable>] for each")
    variables = tuple(read_variable(section.below(name), name) for name in section.names())
    _check_columns(section, variables)
    scales: dict[str, Scale] = {}
    for variable in variables:
        scale = _scale(section.below(variable.name))
        if scale is not None:
            scales[variable.name] = scale
    return variables, scales


def read_variable(section: Section, name: str, *, gene_alone: bool = False) -> Variable:
    """One declared variable; with `gene_alone` a gene needs no categories, as no model takes it.

    Raises ``StudyError`` where it is not declared properly.
    """
    if not _NAME.fullmatch(name) or name != name.strip():
        raise section.error(
            "", f"'{name}' cannot be the name of a variable", "At most 100 letters without < > = ! or blanks around"
        )
    gene = read_gene(section)
    categories = _categories(section)
    if gene is not None and not gene_alone:
        categories = genotypes(section, gene, categories)
    if categories is not None or gene is not None:
        _refuse_for_category(section)
    unit, unit_in_data = _units(section)
    return Variable(
        name=name,
        kind="number" if categories is None and gene is None else "category",
        label=section.optional_text("label") or name,
        column=section.optional_text("column"),
        unit=unit,
        unit_in_data=unit_in_data,
        range=_range(section, "range"),
        reference=_reference(section),
        categories=categories,
        labels=_labels(section, categories),
        gene=None if gene is None else gene.name,
        missing=tuple(as_text(item) for item in section.listed("missing") or ()),
        max_age_days=_max_age(section),
        changeable=section.truth("changeable", default=True),
        code=_code(section),
    )


def _check_columns(section: Section, variables: tuple[Variable, ...]) -> None:
    taken: dict[str, str] = {}
    for variable in variables:
        column = variable.column or variable.name
        if column in taken:
            raise section.below(variable.name).error(
                "column" if variable.column else "",
                f"the variables '{taken[column]}' and '{variable.name}' read the same column '{column}'",
                "Drop one of them",
            )
        taken[column] = variable.name


def _categories(section: Section) -> tuple[str, ...] | None:
    listed = section.listed("categories")
    if listed is None:
        return None
    texts = tuple(as_text(item) for item in listed)
    if len(texts) < 2:
        raise section.error("categories", f"{len(texts)} category tells nothing", "List at least two")
    for place, text in enumerate(texts):
        if not text:
            raise section.error("categories", "an empty text is no category", "An empty cell is a missing value")
        if text in texts[:place]:
            raise section.error("categories", f"the category '{text}' is listed twice", "1, 1.0 and '1' are the same")
    return texts


def _labels(section: Section, categories: tuple[str, ...] | None) -> tuple[str, ...] | None:
    labels = section.texts("labels")
    if labels is None:
        return None
    if categories is None:
        raise section.error("labels", "labels go with categories", "Drop labels, or list the categories")
    if len(labels) != len(categories):
        what = f"there are {len(labels)} labels for {len(categories)} categories"
        raise section.error("labels", what, "Write one for each category, in the same order")
    if len(set(labels)) != len(labels) or not all(text.strip() for text in labels):
        raise section.error("labels", "a label is empty or stands twice", "Each category needs one of its own")
    return labels


def _refuse_for_category(section: Section) -> None:
    for key in ("unit", "unit_in_data", "range", "reference", "scale"):
        if key in section:
            raise section.error(key, f"a variable with categories has no {key}", f"Drop {key}, or drop categories")


def _units(section: Section) -> tuple[str | None, str | None]:
    unit, unit_in_data = section.optional_text("unit"), section.optional_text("unit_in_data")
    for key, code in (("unit", unit), ("unit_in_data", unit_in_data)):
        if code is not None:
            try:
                check_unit(code)
            except DataError as error:
                raise section.error(key, error.what, error.remedy) from error
    if unit_in_data is not None:
        if unit is None:
            raise section.error("unit_in_data", "unit_in_data needs a unit to convert to", 'Add unit = "..."')
        try:
            factor_and_offset(unit_in_data, unit)
        except DataError as error:
            raise section.error("unit_in_data", error.what, error.remedy) from error
    return unit, unit_in_data


def _range(section: Section, key: str) -> tuple[float, float] | None:
    listed = section.listed(key)
    if listed is None:
        return None
    numbers = [item for item in listed if isinstance(item, (int, float)) and not isinstance(item, bool)]
    if len(numbers) != 2 or len(listed) != 2:
        raise section.error(key, "a range is two numbers", f"Write {key} = [lowest, highest]")
    low, high = float(numbers[0]), float(numbers[1])
    if not low < high or not max(abs(low), abs(high)) < float("inf"):
        raise section.error(
            key, f"the range runs from {low:g} to {high:g}", f"Write {key} = [lowest, highest], both finite"
        )
    return low, high


def _reference(section: Section) -> tuple[float, float] | None:
    reference, plausible = _range(section, "reference"), _range(section, "range")
    if reference and plausible and not plausible[0] <= reference[0] < reference[1] <= plausible[1]:
        raise section.error(
            "reference",
            f"{reference[0]:g} to {reference[1]:g} is not within the plausible range",
            "Both are in the variable's unit; widen range, or correct reference",
        )
    return reference


def _max_age(section: Section) -> float | None:
    text = section.optional_text("max_age")
    if text is None:
        return None
    found = _AGE.fullmatch(text)
    try:
        days = convert(float(found[1]), found[2], "d") if found else 0.0
    except DataError as error:
        raise section.error("max_age", error.what, 'Write it as "30 d", "12 h" or "2 a"') from error
    if not days > 0:
        raise section.error("max_age", f"'{text}' is no length of time", 'Write it as "30 d", "12 h" or "2 a"')
    return days


def _code(section: Section) -> str | None:
    code = section.optional_text("code")
    if code is not None and not _CODE.fullmatch(code):
        raise section.error("code", f"'{code}' is no code of a terminology", 'Write it as "loinc|12345-6"')
    return code


def _scale(section: Section) -> Scale | None:
    if "scale" not in section:
        return None
    asked = section.one_of("scale", _SCALES)
    return next(scale for scale in _SCALES if scale == asked)
