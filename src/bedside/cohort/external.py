"""Another hospital's table as a cohort: its columns, texts and units in place of the study's."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bedside.cohort.assembly import Rows, cohort_of, extra_columns
from bedside.cohort.cohort import Cohort
from bedside.cohort.landmark_section import visit_position
from bedside.cohort.study import FollowUp, Outcome
from bedside.errors import DataError
from bedside.sources import (
    OutcomeMap,
    Recode,
    Schema,
    TableMap,
    apply_map,
    as_text,
    columns,
    factor_and_offset,
    nearest,
    read_table,
)


def external_cohort(schema: Schema, outcome: Outcome, path: Path | str, table_map: TableMap | None = None) -> Cohort:
    """Another hospital's patients, for a release that is signed already.

    Cells that are no numbers or no declared categories count as missing here (they have their `Problem`), and a
    predictor without a column is `Problem.ABSENT`: another hospital's table is judged as it is. Its texts of the
    outcome are the study's, or those that the map's ``[outcome.codes]`` translates to class names. In a prognosis the
    map may name its columns of time, entry and visit and the unit of all; without a column of entry all are from 0. How
    far the patients are followed is not asked: what cannot be judged at a horizon is left undefined there. A release
    with landmarks asks at those that the other table reaches.

    Raises
    ------
    DataError: no predictor at all has its column there, the outcome column is missing or holds a text that is no class,
        a row names no patient, or nobody is left; in a prognosis a time is no number or negative, or a patient has
        several rows, or with landmarks two at one time or with different courses.
    """
    path = Path(path)
    recode: Recode | None = None
    ours, asked = schema, outcome.follow_up
    column, codes = outcome.column, {**{name: code for code, name in enumerate(outcome.classes)}, **outcome.codes}
    if table_map is not None:
        schema, recode = apply_map(schema, table_map)
        column = table_map.outcome.column or column
        if table_map.outcome.codes:
            codes = _translated_classes(table_map, outcome)
    outcome = msgspec.structs.replace(
        outcome, column=column, codes=codes, follow_up=_follow_up_there(asked, path, table_map)
    )
    schema = _visits_there(ours, _roles_there(schema, path, table_map), asked, outcome.follow_up)
    reading = read_table(path, schema, extra=extra_columns(schema, outcome), recode=recode)
    unit = table_map.outcome.unit if table_map is not None else None
    return cohort_of(Rows(path, schema, outcome, reading, unit), time_needed=False, site_needed=False)


def _follow_up_there(follow_up: FollowUp | None, path: Path, table_map: TableMap | None) -> FollowUp | None:
    """Their columns of time, entry and visit; entry need not be there."""
    theirs = table_map.outcome if table_map is not None else OutcomeMap()
    where = str(table_map.path if table_map is not None else path)
    if follow_up is None:
        if theirs.time or theirs.entry or theirs.visit or theirs.unit:
            raise DataError("[outcome] names a time, and the release asks for none", where=where, remedy="Drop it")
        return None
    if theirs.unit is not None:
        try:
            factor_and_offset(theirs.unit, follow_up.unit)
        except DataError as error:
            raise DataError(error.what, where=f"{where}, outcome.unit", remedy=error.remedy) from error
    entry = theirs.entry or (follow_up.entry if follow_up.entry in columns(path) else None)
    if theirs.visit is not None and follow_up.visit is None:
        raise DataError("outcome.visit names visits, and the release has no landmarks", where=where, remedy="Drop it")
    return msgspec.structs.replace(
        follow_up, time=theirs.time or follow_up.time, entry=entry, end=None, visit=theirs.visit or follow_up.visit
    )


def _visits_there(schema: Schema, theirs: Schema, ours: FollowUp | None, follow_up: FollowUp | None) -> Schema:
    """The predictor that is the landmark reads the other table's column of visits."""
    position = None if ours is None else visit_position(schema, ours)
    if position is None or follow_up is None:
        return theirs
    variables = list(theirs.variables)
    variables[position] = msgspec.structs.replace(variables[position], column=follow_up.visit)
    return msgspec.structs.replace(theirs, variables=tuple(variables))


def _roles_there(schema: Schema, path: Path, table_map: TableMap | None) -> Schema:
    """Without a map, the other table need not have the study's columns of patient, site and date."""
    names = columns(path)
    named = (table_map.patient, table_map.site) if table_map is not None else (None, None)

    def kept(column: str | None) -> str | None:
        return column if column in names or column in named else None

    return Schema(
        variables=schema.variables,
        missing=schema.missing,
        patient=kept(schema.patient),
        site=kept(schema.site),
        time=kept(schema.time),
    )


def _translated_classes(table_map: TableMap, outcome: Outcome) -> dict[str, int]:
    found = {}
    for theirs, ours in table_map.outcome.codes.items():
        if as_text(ours) not in outcome.classes and as_text(ours) not in outcome.codes:
            raise DataError(
                f"[outcome.codes] names the class '{ours}', which the release does not have",
                where=str(table_map.path or ""),
                remedy=nearest(ours, outcome.classes),
            )
        name = as_text(ours)
        found[as_text(theirs)] = outcome.classes.index(name) if name in outcome.classes else outcome.codes[name]
    return found
