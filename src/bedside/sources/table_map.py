"""The map of another hospital's table: its names of columns, its units, its codes, translated into the study's."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bedside.errors import DataError
from bedside.sources.cleaning import Recode
from bedside.sources.schema import Schema, Variable
from bedside.sources.table import nearest
from bedside.sources.text import as_text
from bedside.sources.units import factor_and_offset

MAP_KEYS: dict[str, str] = {
    "columns.<variable>": "their column of this variable",
    "units.<variable>": "the UCUM unit in which their column stands",
    "categories.<variable>.<their text>": "our category; the variable is translated by this list alone",
    "missing.markers": "their texts that mean not known in every column",
    "missing.columns.<variable>": "their sentinel codes of this variable",
    "outcome.column": "their outcome column",
    "outcome.codes.<their text>": "our class; the outcome is translated by this list alone",
    "outcome.time": "of a prognosis: their column of the time to the event or to the end of follow-up",
    "outcome.entry": "of a prognosis: their column of the time of entry",
    "outcome.visit": "of a prognosis with landmarks: their column of the time of each row's visit",
    "outcome.unit": "the UCUM unit of their times, or of an outcome that is a number",
    "outcome.arm": "of a treatment: their column that says which one each patient got",
    "outcome.arms.<their text>": "our treatment; theirs are translated by this list alone",
    "patient.column": "their column that names the patient",
    "site.column": "their column that names the site",
}
"""Dotted key → meaning, for the reference page."""


class OutcomeMap(msgspec.Struct, frozen=True, kw_only=True):
    """Their outcome column, and their text → our class; empty where they are called as ours.

    Attributes
    ----------
    time, entry, visit: their columns of times, where the question is when something happens. unit: of all, or of a
        number.
    arm: their column of treatments, and arms: their text → our treatment, where the question is which.
    """

    column: str | None = None
    codes: Mapping[str, str] = {}
    time: str | None = None
    entry: str | None = None
    visit: str | None = None
    unit: str | None = None
    arm: str | None = None
    arms: Mapping[str, str] = {}


class TableMap(msgspec.Struct, frozen=True, kw_only=True):
    """What another hospital calls things; what is not named is called as in the study.

    Attributes
    ----------
    path: the map's file, for messages.
    columns, units: variable → their column, their UCUM unit.
    categories: variable → their text → our category.
    markers: their texts for "not known"; None: as in the study.
    sentinels: variable → their sentinel codes.
    outcome: their outcome column and its codes. patient, site: their columns.
    """

    path: Path | None = None
    columns: Mapping[str, str] = {}
    units: Mapping[str, str] = {}
    categories: Mapping[str, Mapping[str, str]] = {}
    markers: tuple[str, ...] | None = None
    sentinels: Mapping[str, tuple[str, ...]] = {}
    outcome: OutcomeMap = OutcomeMap()
    patient: str | None = None
    site: str | None = None


def read_map(path: Path | str) -> TableMap:
    """Read a map, strictly.

    Raises
    ------
    DataError: it is not there, no TOML, or holds an unknown key or a value of another type.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError("the map cannot be read", where=str(path), remedy="Check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"the map is not TOML: {error}", where=str(path)) from error
    sections = ("columns", "units", "categories", "missing", "outcome", "patient", "site")
    _only(path, "", values, sections)
    missing, outcome = _table(path, values, "missing"), _table(path, values, "outcome")
    _only(path, "missing.", missing, ("markers", "columns"))
    _only(path, "outcome.", outcome, ("column", "codes", "time", "entry", "visit", "unit", "arm", "arms"))
    return TableMap(
        path=path,
        columns=_texts(path, "columns", _table(path, values, "columns")),
        units=_texts(path, "units", _table(path, values, "units")),
        categories={
            name: _texts(path, f"categories.{name}", table)
            for name, table in _table(path, values, "categories").items()
        },
        markers=_list(path, "missing.markers", missing["markers"]) if "markers" in missing else None,
        sentinels={
            name: _list(path, f"missing.columns.{name}", listed)
            for name, listed in _table(path, missing, "columns", "missing.").items()
        },
        outcome=OutcomeMap(
            column=_named(path, "outcome", outcome, "column"),
            codes=_texts(path, "outcome.codes", _table(path, outcome, "codes", "outcome.")),
            time=_named(path, "outcome", outcome, "time"),
            entry=_named(path, "outcome", outcome, "entry"),
            visit=_named(path, "outcome", outcome, "visit"),
            unit=_named(path, "outcome", outcome, "unit"),
            arm=_named(path, "outcome", outcome, "arm"),
            arms=_texts(path, "outcome.arms", _table(path, outcome, "arms", "outcome.")),
        ),
        patient=_role(path, values, "patient"),
        site=_role(path, values, "site"),
    )


def _only(path: Path, prefix: str, values: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in values:
        if name not in known:
            raise DataError(f"unknown key {prefix}{name}", where=str(path), remedy=nearest(name, known))


def _table(path: Path, values: Mapping[str, Any], name: str, prefix: str = "") -> Mapping[str, Any]:
    table = values.get(name, {})
    if not isinstance(table, dict):
        raise DataError(f"{prefix}{name} is not a table", where=str(path), remedy=f"Write it as [{prefix}{name}]")
    return table


def _scalar(path: Path, key: str, value: object) -> str:
    if not isinstance(value, (str, int, float)):
        raise DataError(f"{key} is neither text nor number", where=str(path), remedy='Write it as "..."')
    return as_text(value)


def _texts(path: Path, key: str, table: object) -> dict[str, str]:
    if not isinstance(table, dict):
        raise DataError(f"{key} is not a table", where=str(path), remedy=f"Write it as [{key}]")
    return {name: _scalar(path, f"{key}.{name}", value) for name, value in table.items()}


def _list(path: Path, key: str, listed: object) -> tuple[str, ...]:
    if not isinstance(listed, list):
        raise DataError(f"{key} is not a list", where=str(path), remedy='Write it as ["...", "..."]')
    return tuple(_scalar(path, key, item) for item in listed)


def _role(path: Path, values: Mapping[str, Any], name: str) -> str | None:
    table = _table(path, values, name)
    _only(path, f"{name}.", table, ("column",))
    return _named(path, name, table, "column")


def _named(path: Path, name: str, table: Mapping[str, Any], key: str) -> str | None:
    return _scalar(path, f"{name}.{key}", table[key]) if key in table else None


def visits_mapped(schema: Schema, table_map: TableMap, visit: str, unit: str) -> tuple[Schema, TableMap]:
    """What the map's ``[outcome]`` says of visits is said of the predictor that is their time, too.

    `visit` is the study's own column of visits, `unit` that of its times. Where no predictor reads it: as they are.
    """
    found = next((one for one in schema.variables if (one.column or one.name) == visit), None)
    if found is None:
        return schema, table_map
    theirs, timed = table_map.outcome, msgspec.structs.replace(found, unit=unit)
    schema = msgspec.structs.replace(
        schema, variables=tuple(timed if one is found else one for one in schema.variables)
    )
    columns = {**table_map.columns} | ({found.name: theirs.visit} if theirs.visit else {})
    units = {**table_map.units} | ({found.name: theirs.unit} if theirs.unit else {})
    return schema, msgspec.structs.replace(table_map, columns=columns, units=units)


def apply_map(schema: Schema, table_map: TableMap) -> tuple[Schema, Recode]:
    """The schema as it reads the other table, and the translation of its categories for `read_table`.

    A variable that the map does not name is read as in the study's own table.

    Raises
    ------
    DataError: the map names a variable or a category that the schema does not have, or a unit that does not convert.
    """
    where = str(table_map.path or "map")
    for section in (table_map.columns, table_map.units, table_map.categories, table_map.sentinels):
        for name in section:
            if name not in schema.names:
                raise DataError(f"there is no predictor '{name}'", where=where, remedy=nearest(name, schema.names))
    variables = tuple(_mapped(variable, table_map, where) for variable in schema.variables)
    recode = {name: _recoded(schema[name], codes, where) for name, codes in table_map.categories.items()}
    markers = schema.missing if table_map.markers is None else ("", *table_map.markers)
    return (
        Schema(
            variables=variables,
            missing=markers,
            patient=table_map.patient or schema.patient,
            site=table_map.site or schema.site,
            time=schema.time,
        ),
        recode,
    )


def _mapped(variable: Variable, table_map: TableMap, where: str) -> Variable:
    unit = table_map.units.get(variable.name)
    if unit is not None:
        if variable.unit is None:
            raise DataError(f"'{variable.name}' has no unit to convert to", where=where, remedy="Drop it from [units]")
        try:
            factor_and_offset(unit, variable.unit)
        except DataError as error:
            raise DataError(error.what, where=f"{where}, units.{variable.name}", remedy=error.remedy) from error
    changes = {
        "column": table_map.columns.get(variable.name, variable.column),
        "unit_in_data": unit or variable.unit_in_data,
        "missing": table_map.sentinels.get(variable.name, variable.missing),
    }
    return msgspec.structs.replace(variable, **changes)


def _recoded(variable: Variable, codes: Mapping[str, str], where: str) -> Mapping[str, str]:
    if variable.kind != "category":
        raise DataError(f"'{variable.name}' has no categories", where=where, remedy="Drop it from [categories]")
    for ours in codes.values():
        known = variable.categories or ()
        if ours not in known:
            raise DataError(f"'{ours}' is no category of {variable.name}", where=where, remedy=nearest(ours, known))
    return codes
