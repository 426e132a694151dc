"""``[adoption]`` of a study file: which input of a model from elsewhere is which predictor, and what it gives."""

from __future__ import annotations

import re
from typing import Any, get_args

from bedside.cohort.adoption_plan import AdoptionPlan, Column, OutputKind, Prepared, Transform, Unknown
from bedside.cohort.section import Section
from bedside.cohort.study import Outcome
from bedside.errors import DataError
from bedside.sources import Schema, Variable, as_text, check_unit, factor_and_offset, nearest

_INDICATOR = re.compile(r"(?P<name>.+?)\s*=\s*(?P<category>.+)")
_LEAST = {"log": 0.0, "log10": 0.0, "log1p": -1.0}
"""A transform takes numbers above this."""


def not_adoptable(outcome: Outcome) -> str | None:
    """Why no model from elsewhere can answer what is asked, in a sentence; None where one can."""
    if outcome.treatment is not None:
        return (
            "a model of what a treatment does cannot be adopted in this version: nobody could judge how it was learned"
        )
    if outcome.quantity is not None:
        return "a model of a dose cannot be adopted in this version: its interval would be nobody's"
    if outcome.follow_up is not None:
        return "a model of when something happens cannot be adopted in this version"
    return None


def read_adoption(section: Section, schema: Schema, outcome: Outcome) -> AdoptionPlan:
    """What the study says about a model from elsewhere; without the section, the order of ``[predictors]``.

    Raises
    ------
    StudyError: a name that is no predictor, no category or no class; a preparation that does not suit its variable; the
        study asks for something that no model can be adopted for.
    """
    if (why := not_adoptable(outcome)) is not None:
        raise section.error("", why, "Drop it")
    given = section.below("inputs")
    for name in given.names():
        if name not in schema.names:
            raise given.error(name, f"there is no predictor '{name}'", nearest(name, schema.names))
    prepared = {name: _prepared(given.below(name), schema[name]) for name in given.names()}
    unknown = section.one_of("unknown", get_args(Unknown)) if "unknown" in section else None
    kind = section.one_of("outputs", get_args(OutputKind), "probabilities")
    return AdoptionPlan(
        columns=_columns(section, schema),
        prepared=prepared,
        unknown=unknown,  # type: ignore[arg-type]
        output=section.optional_text("output"),
        outputs=kind,  # type: ignore[arg-type]
        classes=_classes(section, outcome),
        trained_on=section.optional_text("trained_on"),
        trained_how=section.optional_text("trained_how"),
        unseen=section.truth("unseen", default=False),
    )


def _columns(section: Section, schema: Schema) -> tuple[Column, ...]:
    order = section.texts("order")
    if order is None:
        return tuple(column for variable in schema.variables for column in _of(section, variable))
    found: list[Column] = []
    for text in order:
        found += _named(section, schema, text.strip())
    if not found:
        raise section.error("order", "the list is empty", "List the model's inputs, or drop order")
    for place, column in enumerate(found):
        if column in found[:place]:
            name = column.predictor + (f" = {column.category}" if column.category else "")
            raise section.error("order", f"the input '{name}' is listed twice", "A model takes each once")
    return tuple(found)


def _named(section: Section, schema: Schema, text: str) -> list[Column]:
    """The columns of one entry of ``order``: a predictor, or ``predictor = category``."""
    if text in schema.names:
        return _of(section, schema[text])
    found = _INDICATOR.fullmatch(text)
    if found is None or found["name"] not in schema.names:
        name = found["name"] if found else text
        raise section.error("order", f"there is no predictor '{name}'", nearest(name, schema.names))
    variable, category = schema[found["name"]], as_text(found["category"].strip("\"'"))
    if category not in (variable.categories or ()):
        raise section.error(
            "order", f"'{category}' is no category of {variable.name}", nearest(category, variable.categories or ())
        )
    return [Column(predictor=variable.name, category=category)]


def _of(section: Section, variable: Variable) -> list[Column]:
    """A predictor's column; of a category without codes, one indicator for each category where it says one-hot."""
    if variable.kind == "number":
        return [Column(predictor=variable.name)]
    given = section.below("inputs").below(variable.name)
    if "codes" in given:
        return [Column(predictor=variable.name)]
    if given.values.get("one_hot") is True:
        return [Column(predictor=variable.name, category=text) for text in variable.categories or ()]
    example = ", ".join(f'"{text}" = {place}' for place, text in enumerate(variable.categories or ()))
    raise given.error(
        "",
        f"nothing says how the model takes the categories of '{variable.name}'",
        f"Add to [adoption.inputs]: {variable.name} = {{ codes = {{ {example} }} }}, or {{ one_hot = true }}",
    )


def _prepared(section: Section, variable: Variable) -> Prepared:
    if variable.kind == "category":
        return _category(section, variable)
    for key in ("codes", "one_hot"):
        if key in section:
            raise section.error(key, f"'{variable.name}' is a number and has no categories", f"Drop {key}")
    unit = _unit(section, variable)
    transform = section.one_of("transform", get_args(Transform), "none")
    divide = section.number("divide")
    if divide == 0:
        raise section.error("divide", "nothing can be divided by 0", "Write the standard deviation, say")
    prepared = Prepared(
        fill=section.number("fill"),
        unit=unit,
        transform=transform,  # type: ignore[arg-type]
        subtract=section.number("subtract") or 0.0,
        divide=1.0 if divide is None else divide,
    )
    _refuse_transform(section, variable, prepared)
    return prepared


def _category(section: Section, variable: Variable) -> Prepared:
    for key in ("unit", "transform", "subtract", "divide"):
        if key in section:
            raise section.error(key, f"'{variable.name}' has categories, and {key} is for numbers", f"Drop {key}")
    if "codes" in section and section.truth("one_hot", default=False):
        raise section.error("one_hot", "codes and one_hot exclude each other", "Keep one of them")
    fill = section.values.get("fill")
    if fill is not None and as_text(fill) not in (variable.categories or ()):
        raise section.error(
            "fill",
            f"'{fill}' is no category of {variable.name}",
            nearest(as_text(fill), variable.categories or ()),
        )
    return Prepared(fill=None if fill is None else as_text(fill), codes=_codes(section, variable))


def _codes(section: Section, variable: Variable) -> dict[str, float] | None:
    if "codes" not in section:
        return None
    table = section.below("codes")
    found = {as_text(name): table.number(name) or 0.0 for name in table.names()}
    wanted = variable.categories or ()
    for name in found:
        if name not in wanted:
            raise table.error(name, f"'{name}' is no category of {variable.name}", nearest(name, wanted))
    without = [text for text in wanted if text not in found]
    if without:
        raise table.error("", f"no code for: {', '.join(without)}", "Each category needs one")
    return found


def _unit(section: Section, variable: Variable) -> str | None:
    unit = section.optional_text("unit")
    if unit is None:
        return None
    if variable.unit is None:
        raise section.error("unit", f"'{variable.name}' has no unit to convert from", "Declare it in [predictors]")
    try:
        check_unit(unit)
        factor_and_offset(variable.unit, unit)
    except DataError as error:
        raise section.error("unit", error.what, error.remedy) from error
    return unit


def _refuse_transform(section: Section, variable: Variable, prepared: Prepared) -> None:
    """A logarithm of something that is not above its limit is no number: the declared range has to exclude it."""
    least = _LEAST.get(prepared.transform)
    if least is None:
        return
    lowest: list[Any] = [variable.range[0] if variable.range else None, prepared.fill]
    if lowest[0] is None:
        raise section.error(
            "transform",
            f"{prepared.transform} takes numbers above {least:g} only",
            f"Declare the range of '{variable.name}' in [predictors]",
        )
    factor, offset = factor_and_offset(variable.unit, prepared.unit) if variable.unit and prepared.unit else (1.0, 0.0)
    for value in lowest:
        if value is not None and not value * factor + offset > least:
            raise section.error(
                "transform",
                f"{prepared.transform} takes numbers above {least:g} only, and '{variable.name}' may be {value:g}",
                "Begin its range above that, or choose another transform",
            )


def _classes(section: Section, outcome: Outcome) -> tuple[str, ...] | None:
    listed = section.listed("classes")
    if listed is None:
        return None
    found = tuple(as_text(item) for item in listed)
    for name in found:
        if name not in outcome.classes:
            raise section.error("classes", f"there is no class '{name}'", nearest(name, outcome.classes))
        if found.count(name) > 1:
            raise section.error("classes", f"the class '{name}' is listed twice", "Each output is one class")
    single = len(found) == 1 and len(outcome.classes) == 2
    if len(found) != len(outcome.classes) and not single:
        missing = [name for name in outcome.classes if name not in found]
        raise section.error("classes", f"no output is: {', '.join(missing)}", "List the class of each output column")
    return found
