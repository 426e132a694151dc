"""A comparison with one variable, as studies write it: ``age >= 65``, ``pregnant == yes``."""

from __future__ import annotations

import re

from bedside.cohort.section import Section
from bedside.errors import DataError
from bedside.genome import OPERATORS, Condition, gene, parse_diplotype
from bedside.sources import Schema, Variable, as_text, nearest

_CONDITION = re.compile(r"(?P<name>.+?)\s*(?P<operator><=|>=|==|!=|<|>)\s*(?P<value>.+)")


def read_condition(section: Section, key: str, text: str, schema: Schema) -> Condition:
    """The comparison that a text is.

    Raises
    ------
    StudyError: about `key`: it is none, or names no variable of the schema, or compares it with what it cannot be.
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise section.error(key, f"'{text}' names no predictor", nearest(text, schema.names))
    if found["name"] not in schema.names:
        what = f"'{text}': there is no predictor '{found['name']}'"
        raise section.error(key, what, nearest(found["name"], schema.names))
    variable = schema[found["name"]]
    operator = next(sign for sign in OPERATORS if sign == found["operator"])
    value = _value(section, key, variable, operator, found["value"].strip(), text)
    return Condition(text=text, variable=variable.name, operator=operator, value=value)


def _value(section: Section, key: str, variable: Variable, operator: str, value: str, text: str) -> float | str:
    if variable.kind == "category":
        category = _canonical(variable, as_text(value.strip("\"'")))
        if operator not in ("==", "!="):
            raise section.error(key, f"'{text}': categories have no order", "Use == or !=")
        if category not in (variable.categories or ()):
            what = f"'{text}': '{category}' is no category of {variable.name}"
            raise section.error(key, what, nearest(category, variable.categories or ()))
        return category
    try:
        return float(value)
    except ValueError:
        raise section.error(key, f"'{text}': '{value}' is no number", "Write age >= 65, say") from None


def _canonical(variable: Variable, text: str) -> str:
    """A genotype as its categories are written: ``*3/*1`` is ``*1/*3``; any other text as it is."""
    if variable.gene is None or text in (variable.categories or ()):
        return text
    try:
        return str(parse_diplotype(gene(variable.gene), text) or text)
    except DataError:
        return text
