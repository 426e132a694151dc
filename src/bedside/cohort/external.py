"""Another hospital's table as a cohort: its columns, texts and units in place of the study's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bedside.cohort.assembly import Rows, cohort_of, extra_columns
from bedside.cohort.cohort import Cohort
from bedside.cohort.landmark_section import visit_position
from bedside.cohort.study import FollowUp, Outcome, Treatment
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
    with landmarks asks at those that the other table reaches. Of a treatment the map may name the column and the texts
    of the arms, of a number its unit.

    Raises
    ------
    DataError: no predictor at all has its column there, the outcome column is missing or holds a text that is no class,
        a row names no patient, or nobody is left; a treatment is none of the release's, or a unit does not convert;
        in a prognosis a time is no number or negative, or a patient has several rows, or with landmarks two at one time
        or with different courses.
    """
    path = Path(path)
    recode: Recode | None = None
    ours, asked = schema, outcome.follow_up
    column, codes = outcome.column, {**{name: code for code, name in enumerate(outcome.classes)}, **outcome.codes}
    _refuse_of_others(outcome, table_map)
    if table_map is not None:
        schema, recode = apply_map(schema, table_map)
        column = table_map.outcome.column or column
        if table_map.outcome.codes:
            codes = _translated(table_map, "codes", "class", outcome.classes, outcome.codes)
    outcome = msgspec.structs.replace(
        outcome,
        column=column,
        codes=codes,
        follow_up=_follow_up_there(asked, path, table_map),
        treatment=_treatment_there(outcome.treatment, table_map),
        comparators={},
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
        if theirs.time or theirs.entry or theirs.visit:
            raise DataError("[outcome] names a time, and the release asks for none", where=where, remedy="Drop it")
        return None
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


def _treatment_there(treatment: Treatment | None, table_map: TableMap | None) -> Treatment | None:
    """Their column and texts of the arms; those that the release knows count as well, but where the map has a list."""
    if treatment is None:
        return None
    codes = {**{name: code for code, name in enumerate(treatment.arms)}, **treatment.codes}
    theirs = table_map.outcome if table_map is not None else OutcomeMap()
    if table_map is not None and theirs.arms:
        codes = _translated(table_map, "arms", "treatment", treatment.arms, treatment.codes)
    return msgspec.structs.replace(treatment, column=theirs.arm or treatment.column, codes=codes)


def _refuse_of_others(outcome: Outcome, table_map: TableMap | None) -> None:
    """What the map says of an outcome that the release does not ask about, and a unit that does not convert."""
    if table_map is None:
        return
    theirs, where = table_map.outcome, str(table_map.path or "map")
    if outcome.treatment is None and (theirs.arm or theirs.arms):
        raise DataError("[outcome] names treatments, and the release asks for none", where=where, remedy="Drop it")
    if outcome.treatment is not None and theirs.entry:
        raise DataError("outcome.entry goes with a prognosis, not with a treatment", where=where, remedy="Drop it")
    if outcome.quantity is not None and theirs.codes:
        raise DataError(
            "[outcome.codes] names classes, and the outcome of the release is a number", where=where, remedy="Drop it"
        )
    if theirs.unit is None:
        return
    ours = outcome.quantity or outcome.follow_up
    if ours is None:
        raise DataError("[outcome] names a unit, and the release's outcome has none", where=where, remedy="Drop it")
    try:
        factor_and_offset(theirs.unit, ours.unit)
    except DataError as error:
        raise DataError(error.what, where=f"{where}, outcome.unit", remedy=error.remedy) from error


def _translated(
    table_map: TableMap, key: str, what: str, names: Sequence[str], texts: Mapping[str, int]
) -> dict[str, int]:
    """Their texts → position, by a list of the map that gives each one of our names or texts."""
    found = {}
    listed: Mapping[str, str] = getattr(table_map.outcome, key)
    for theirs, ours in listed.items():
        name = as_text(ours)
        if name not in names and name not in texts:
            raise DataError(
                f"[outcome.{key}] names the {what} '{ours}', which the release does not have",
                where=str(table_map.path or ""),
                remedy=nearest(ours, tuple(names)),
            )
        found[as_text(theirs)] = names.index(name) if name in names else texts[name]
    return found
