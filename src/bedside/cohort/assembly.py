"""From a table to a cohort: who is used, and who was dropped on the way and why."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.cohort.cohort import AttritionStep, Cohort
from bedside.cohort.copies import repeated_rows
from bedside.cohort.follow_up import Times, read_times, refuse_several_rows, refuse_short, refuse_unfollowed
from bedside.cohort.landmarking import landmarked, refuse_differing, refuse_same_visit
from bedside.cohort.study import FollowUp, Outcome, Study, Treatment
from bedside.cohort.treated import read_amounts, read_treatments, refuse_constant, refuse_treated_again
from bedside.cohort.wrong_cells import LISTED
from bedside.errors import DataError
from bedside.sources import (
    Problem,
    Reading,
    Schema,
    place,
    read_table,
)

_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})([T ].*)?")


def assemble(study: Study) -> Cohort:
    """The study's patients: read, cleaned, and counted from the rows read to the rows used.

    Dropped, in this order: rows that repeat another one in every column used (see `bedside.cohort.copies`), rows
    without an outcome, where it has a time rows that were not followed (see `bedside.cohort.follow_up`), rows without a
    treatment where the question is which, and, where the split needs them, rows without an index date or a site. A
    patient may have several rows; they stay, except that a treatment takes one, and a prognosis one, or with landmarks
    makes one for each of them (see `bedside.cohort.landmarking`). The digest covers the rows used in the table's order:
    the same rows in another order are another cohort.

    Raises
    ------
    DataError: cells of a predictor are no numbers or no declared categories, an outcome is not declared, a date
        is none, a row names no patient, or nobody is left. A number is none, out of its range or the same for
        everybody, a text is none of the treatments, a patient was treated in several rows. In a prognosis also: a time
        is no number or negative, a patient has several rows, a horizon is out of reach, nobody has the event by the
        first; with landmarks: a patient has two visits at the same time, or rows that tell different courses.
    """
    schema, outcome = study.schema, study.outcome
    reading = read_table(study.data.table, schema, extra=extra_columns(schema, outcome))
    _refuse_wrong_cells(study.data.table, schema, reading)
    cohort = cohort_of(
        Rows(study.data.table, schema, outcome, reading),
        time_needed=study.validation.after is not None,
        site_needed=study.validation.by is not None,
    )
    if cohort.amount is not None:
        refuse_constant(cohort.amount, outcome.column, str(study.data.table))
    if outcome.follow_up is not None:
        _refuse_unfollowed(cohort, outcome.follow_up, str(study.data.table))
    if outcome.treatment is not None and outcome.follow_up is not None:
        _refuse_unfollowed_arms(cohort, outcome.treatment, outcome.follow_up, str(study.data.table))
    return cohort


def _refuse_unfollowed(cohort: Cohort, follow_up: FollowUp, where: str) -> None:
    """At every landmark for itself: all horizons count from it."""
    if cohort.landmark is None:
        assert cohort.followed is not None
        refuse_unfollowed(cohort.followed, cohort.entered, cohort.outcome, follow_up, where)
        return
    for landmark in follow_up.landmarks:
        there = cohort.take(cohort.landmark == landmark)
        assert there.followed is not None
        at = f"{where}, landmark {landmark:g} {follow_up.unit}"
        refuse_unfollowed(there.followed, there.entered, there.outcome, follow_up, at)


def _refuse_unfollowed_arms(cohort: Cohort, treatment: Treatment, follow_up: FollowUp, where: str) -> None:
    """The time without the event is averaged up to the limit in every arm, so each must be followed that far."""
    assert cohort.arm is not None
    for code, name in enumerate(treatment.arms):
        there = cohort.take(cohort.arm == code)
        assert there.followed is not None
        refuse_short(there.followed, None, follow_up, f"{where}, treatment '{name}'")


def extra_columns(schema: Schema, outcome: Outcome) -> tuple[str, ...]:
    """The columns besides predictors that a cohort is made of, each once."""
    named = (*outcome.columns, schema.patient, schema.site, schema.time)
    return tuple(dict.fromkeys(column for column in named if column is not None))


@dataclass(frozen=True)
class Rows:
    """Everything read, before anybody is dropped. `unit`: of its times or amounts, where it is not the study's."""

    path: Path
    schema: Schema
    outcome: Outcome
    reading: Reading
    unit: str | None = None

    def texts(self, column: str | None) -> np.ndarray | None:
        """A further column's texts; None where none is named."""
        return None if column is None else self.reading.extra[column]

    def where(self, row: int) -> str:
        """Which row of the file it is, in words."""
        return place(self.path, int(self.reading.rows[row]))


def cohort_of(rows: Rows, *, time_needed: bool, site_needed: bool) -> Cohort:
    """The patients of these rows: dropped and counted as `assemble` says.

    Parameters
    ----------
    time_needed, site_needed: whether rows without an index date, or without a site, are dropped.

    Raises
    ------
    DataError: as `assemble` does, but for wrong cells of predictors and horizons out of reach.
    """
    patient, site = _patients(rows), rows.texts(rows.schema.site)
    amount, arm = _amounts(rows), _arms(rows)
    codes, time = _outcome_codes(rows) if amount is None else np.where(np.isnan(amount), -1, 0), _times(rows)
    times = _follow_up(rows, codes)
    keep = ~repeated_rows(rows.reading, rows.schema, rows.reading.extra)
    steps = [AttritionStep(step="rows read", rows=len(keep), removed=0)]
    _count(steps, keep, "after dropping rows that repeat another one exactly")
    before = keep.copy()
    _drop(steps, keep, codes >= 0, "after dropping rows without an outcome")
    for step, good in times.exclusions() if times is not None else ():
        _drop(steps, keep, good, step)
    without = _without_outcome(rows, arm, before & ~keep)
    if arm is not None:
        _drop(steps, keep, arm >= 0, "after dropping rows without a treatment")
    if time_needed and time is not None:
        _drop(steps, keep, ~np.isnat(time), "after dropping rows without an index date")
    if site_needed and site is not None:
        _drop(steps, keep, np.array([text is not None for text in site]), "after dropping rows without a site")
    if times is not None and (later := int((times.later & keep).sum())):
        _count(steps, keep, f"of which {later} have an event after the end of follow-up, which does not count")
    if arm is not None:
        refuse_treated_again(patient[keep], rows.path)
    elif times is not None:
        _refuse_rows(rows, patient, times, keep)
    whole = Cohort(
        reading=rows.reading,
        patient=patient,
        outcome=codes if times is None else times.outcome,
        followed=None if times is None else times.followed,
        entered=None if times is None else times.entered,
        amount=amount,
        arm=arm,
        without_outcome=without,
        comparators=_comparators(rows),
        site=None if site is None else np.array([text or "not stated" for text in site], dtype=object),
        time=time,
        attrition=(),
        digest="",
        source_digest=_file_digest(rows.path),
    ).take(keep)
    if times is not None and times.visit is not None and rows.outcome.follow_up is not None:
        whole, more = landmarked(whole, times.visit[keep], rows.schema, rows.outcome.follow_up)
        steps += more
    steps.append(AttritionStep(step="rows used", rows=len(whole), removed=0))
    if not len(whole):
        raise DataError("nobody is left", where=str(rows.path), remedy="; ".join(f"{s.rows} {s.step}" for s in steps))
    return _digested(replace(whole, attrition=tuple(steps)))


def _refuse_rows(rows: Rows, patient: np.ndarray, times: Times, keep: Bool[np.ndarray, " row"]) -> None:
    """Each patient has one course, in one row or in every row of a visit."""
    follow_up = rows.outcome.follow_up
    if times.visit is None or follow_up is None:
        refuse_several_rows(patient[keep], rows.path)
        return
    told = {follow_up.time: times.followed, rows.outcome.column: times.outcome.astype(np.float64)}
    if times.entered is not None and follow_up.entry is not None:
        told[follow_up.entry] = times.entered
    refuse_differing(patient, told, rows.reading, rows.path)
    refuse_same_visit(patient[keep], times.visit[keep], rows.reading.rows[keep], rows.path)


def _follow_up(rows: Rows, codes: Int[np.ndarray, " row"]) -> Times | None:
    follow_up = rows.outcome.follow_up
    return None if follow_up is None else read_times(rows.reading, rows.path, follow_up, codes, rows.unit)


def _count(steps: list[AttritionStep], keep: Bool[np.ndarray, " row"], step: str) -> None:
    left = int(keep.sum())
    steps.append(AttritionStep(step=step, rows=left, removed=steps[-1].rows - left))


def _drop(
    steps: list[AttritionStep], keep: Bool[np.ndarray, " row"], good: Bool[np.ndarray, " row"], step: str
) -> None:
    keep &= good
    _count(steps, keep, step)


def _patients(rows: Rows) -> np.ndarray:
    """Each row's patient; where no column names them, each row is a patient of its own."""
    texts = rows.texts(rows.schema.patient)
    if texts is None:
        return rows.reading.rows.astype(str).astype(object)
    nameless = [position for position, text in enumerate(texts.tolist()) if text is None]
    if nameless:
        raise DataError(
            f"{len(nameless)} rows name no patient in '{rows.schema.patient}'",
            where=f"{rows.path}, {rows.where(nameless[0])}",
            remedy="Fill the column, or drop these rows: nobody can tell whether they are other patients",
        )
    return texts


def _outcome_codes(rows: Rows) -> Int[np.ndarray, " row"]:
    """Class positions; -1 where the outcome is missing."""
    texts = rows.reading.extra[rows.outcome.column].tolist()
    default = 0 if rows.outcome.others_negative else -2
    codes = np.array([-1 if text is None else rows.outcome.codes.get(text, default) for text in texts], dtype=np.int64)
    strange = np.flatnonzero(codes == -2)
    if len(strange):
        counts = Counter(texts[position] for position in strange)
        listed = ", ".join(f"'{text}' ({count})" for text, count in counts.most_common(LISTED))
        raise DataError(
            f"the outcome column '{rows.outcome.column}' holds {listed}, which is none of the classes",
            where=f"{rows.path}, {rows.where(int(strange[0]))}",
            remedy=f"Classes: {', '.join(rows.outcome.classes)}; known texts: {', '.join(rows.outcome.codes)}. "
            "Another hospital's texts are translated by [outcome.codes] of a map",
        )
    return codes


def _amounts(rows: Rows) -> Float[np.ndarray, " row"] | None:
    quantity = rows.outcome.quantity
    if quantity is None:
        return None
    return read_amounts(rows.reading, rows.path, rows.outcome.column, quantity, rows.unit)


def _without_outcome(
    rows: Rows, arm: Int[np.ndarray, " row"] | None, lost: Bool[np.ndarray, " row"]
) -> tuple[int, ...]:
    """Rows without an outcome, or without its time, by treatment."""
    treatment = rows.outcome.treatment
    if arm is None or treatment is None:
        return ()
    return tuple(int((arm[lost] == code).sum()) for code in range(len(treatment.arms)))


def _comparators(rows: Rows) -> dict[str, Float[np.ndarray, " row"]]:
    """What other rules give, whatever it is: they are judged, not the patients."""
    quantity = rows.outcome.quantity
    if quantity is None:
        return {}
    any_number = msgspec.structs.replace(quantity, range=None, tolerance=None)
    named = rows.outcome.comparators.items()
    return {name: read_amounts(rows.reading, rows.path, column, any_number, rows.unit) for name, column in named}


def _arms(rows: Rows) -> Int[np.ndarray, " row"] | None:
    treatment = rows.outcome.treatment
    return None if treatment is None else read_treatments(rows.reading, rows.path, treatment)


def _times(rows: Rows) -> np.ndarray | None:
    texts = rows.texts(rows.schema.time)
    if texts is None:
        return None
    days = np.full(len(texts), np.datetime64("NaT"), dtype="datetime64[D]")
    for position, text in enumerate(texts.tolist()):
        found = None if text is None else _DATE.fullmatch(text)
        try:
            days[position] = np.datetime64(found[1], "D") if found else days[position]
        except ValueError:
            found = None
        if text is not None and found is None:
            raise DataError(
                f"'{text}' in the column '{rows.schema.time}' is no date",
                where=f"{rows.path}, {rows.where(position)}",
                remedy="Write dates as 2026-03-01, or add the text to [data] missing",
            )
    return days


def _refuse_wrong_cells(path: Path, schema: Schema, reading: Reading) -> None:
    """One error about all cells of predictors that are no number or no declared category."""
    wrong = {Problem.NOT_A_NUMBER: "is not a number", Problem.UNKNOWN_CATEGORY: "is not a declared category"}
    for problem, what in wrong.items():
        cells = np.argwhere(reading.problems == problem)
        if not len(cells):
            continue
        shown = [
            f"{place(path, int(reading.rows[row]))}, {_column(schema, column)}: '{reading.texts[row, column]}'"
            for row, column in cells[:LISTED].tolist()
        ]
        first = schema.variables[int(cells[0, 1])]
        more = f" and {len(cells) - LISTED} more" if len(cells) > LISTED else ""
        cell = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
        raise DataError(
            f"{cell} of predictors: the text {what}: {'; '.join(shown)}{more}",
            where=str(path),
            remedy=_remedy(problem, first, reading, cells),
        )


def _column(schema: Schema, position: int) -> str:
    variable = schema.variables[position]
    return f"column '{variable.column or variable.name}'"


def _remedy(problem: Problem, variable: object, reading: Reading, cells: Int[np.ndarray, "cell 2"]) -> str:
    texts = Counter(reading.texts[row, column] for row, column in cells.tolist())
    common = texts.most_common(1)[0][0]
    if problem == Problem.UNKNOWN_CATEGORY:
        name = getattr(variable, "name", "")
        return f'Add "{common}" to the categories of {name}, or to its missing list if it means not known'
    if re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})*,\d+|[+-]?\d+,\d+", common):
        return "Write numbers with a decimal point; a decimal comma is not read"
    if common.startswith(("<", ">")):
        return "Decide what a value beyond the limit of detection stands for, and write that number in the table"
    return f'Mend the table; or, if "{common}" means not known, add it to [data] missing or to the variable\'s missing'


def _file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digested(cohort: Cohort) -> Cohort:
    digest = hashlib.sha256()
    values: Float[np.ndarray, "patient variable"] = cohort.reading.values
    # One nan: the sign and payload of "not known" carry nothing. The byte order is fixed for other machines.
    digest.update(np.where(np.isnan(values), np.nan, values + 0.0).astype("<f8").tobytes())
    digest.update(cohort.outcome.astype("<i8").tobytes())
    digest.update(b"" if cohort.time is None else cohort.time.astype("datetime64[D]").astype("<i8").tobytes())
    for numbers in (cohort.followed, cohort.entered, cohort.landmark, cohort.amount, *cohort.comparators.values()):
        digest.update(b"" if numbers is None else numbers.astype("<f8").tobytes())
    digest.update(b"" if cohort.arm is None else cohort.arm.astype("<i8").tobytes())
    for column in (cohort.patient, cohort.site):
        for text in () if column is None else column.tolist():
            digest.update(f"{len(text)}:{text}".encode())
        digest.update(b";")
    return replace(cohort, digest=digest.hexdigest())
