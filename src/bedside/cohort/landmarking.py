"""From repeated visits to one row for each landmark and patient who is then at risk.

Source: van Houwelingen, Scandinavian Journal of Statistics 2007;34:70-85: at a landmark, those still at risk are taken
with what is known of them by then, and what happens is counted from there; the rows of all landmarks together are one
stacked ("super") data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.cohort.cohort import AttritionStep, Cohort
from bedside.cohort.landmark_section import visit_position
from bedside.cohort.study import FollowUp
from bedside.errors import DataError
from bedside.sources import Problem, Reading, Schema, convert, place

SAYS_NOTHING = (Problem.MISSING, Problem.SENTINEL, Problem.ABSENT, Problem.NOT_CALLABLE)
"""A value that was not measured at a visit: an earlier one is still the last that is known."""


def landmarked(
    visits: Cohort, at: Float[np.ndarray, " visit"], schema: Schema, follow_up: FollowUp
) -> tuple[Cohort, list[AttritionStep]]:
    """The stacked data set, patient by patient and landmark by landmark, and how many are at risk at each.

    A patient is at risk at a landmark who is under observation by then (`entered`), followed beyond it, and was seen at
    a visit at or before it: who has the event, or leaves, exactly then is not. Each value is the one of the last visit
    at or before the landmark that has one; a value of that visit which cannot be used stays unused, with its problem.
    Nothing of a later visit enters. The predictor that reads the column of visits is the landmark.

    Parameters
    ----------
    visits: one row each, all of whose patients have the same course in each of their rows.
    at: when each visit was. schema: of the values.
    """
    parts, steps = [], []
    for landmark in follow_up.landmarks:
        there = _at_risk(visits, landmark)
        rows = _by_patient(visits.patient, at, there & (at <= landmark))
        parts.append(_known_at(landmark, visits, at, rows, schema, follow_up))
        seen = len(parts[-1])
        unseen = len(np.unique(visits.patient[there].astype(str))) - seen
        so_far = sum(len(part) for part in parts)
        remark = f", {unseen} others have no visit by then" if unseen else ""
        step = f"at the landmark {landmark:g} {follow_up.unit}, one row for each patient at risk: {seen}{remark}"
        steps.append(AttritionStep(step=step, rows=so_far, removed=0))
    return _stacked(parts), steps


def _at_risk(visits: Cohort, landmark: float) -> Bool[np.ndarray, " visit"]:
    assert visits.followed is not None
    beyond = visits.followed > landmark
    return beyond if visits.entered is None else beyond & (visits.entered <= landmark)


def _by_patient(
    patient: np.ndarray, at: Float[np.ndarray, " visit"], chosen: Bool[np.ndarray, " visit"]
) -> Int[np.ndarray, " chosen"]:
    """Positions of the chosen visits, each patient's together and in the order of time."""
    rows = np.flatnonzero(chosen)
    return rows[np.lexsort((at[rows], patient[rows].astype(str)))]


def _known_at(
    landmark: float,
    visits: Cohort,
    at: Float[np.ndarray, " visit"],
    rows: Int[np.ndarray, " chosen"],
    schema: Schema,
    follow_up: FollowUp,
) -> Cohort:
    """One row a patient: what the last of these visits tells, and from each value's last visit the value."""
    _, first = np.unique(visits.patient[rows].astype(str), return_index=True)
    latest = np.append(first[1:], len(rows))[: len(first)] - 1
    says = ~np.isin(visits.reading.problems[rows], SAYS_NOTHING)
    told = np.maximum.accumulate(np.where(says, np.arange(len(rows))[:, None], -1), axis=0)[latest]
    # Before a patient's first visit stands another's: then nothing is known, and the last visit says why.
    source = rows[np.where(told >= first[:, None], told, latest[:, None])]
    found = visits.take(rows[latest])
    assert found.followed is not None
    return replace(
        found,
        reading=_read_at(landmark, visits.reading, found.reading, source, at, schema, follow_up),
        followed=found.followed - landmark,
        entered=None,  # all are under observation at the landmark
        landmark=np.full(len(found), landmark),
    )


def _read_at(
    landmark: float,
    visits: Reading,
    found: Reading,
    source: Int[np.ndarray, "patient variable"],
    at: Float[np.ndarray, " visit"],
    schema: Schema,
    follow_up: FollowUp,
) -> Reading:
    columns = np.arange(visits.values.shape[1])
    values, problems = visits.values[source, columns], visits.problems[source, columns]
    days = convert(1.0, follow_up.unit, "d") * (landmark - at[source])
    position = visit_position(schema, follow_up)
    if position is not None:
        values[:, position], problems[:, position], days[:, position] = landmark, Problem.NONE, 0.0
    unusable = np.argwhere((problems >= Problem.NOT_A_NUMBER) & (problems != Problem.ABSENT)).tolist()
    return replace(
        found,
        values=values,
        problems=problems,
        texts={(row, column): visits.texts[int(source[row, column]), column] for row, column in unusable},
        ages_days=np.where(np.isnan(values), np.nan, days),
    )


def _stacked(parts: Sequence[Cohort]) -> Cohort:
    """All rows, each patient's together in the order of the landmarks."""
    first = parts[0]

    def joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate(arrays)

    starts = np.cumsum([0, *(len(part) for part in parts)])
    reading = Reading(
        rows=joined([part.reading.rows for part in parts]),
        values=joined([part.reading.values for part in parts]),
        problems=joined([part.reading.problems for part in parts]),
        texts={
            (row + int(start), column): text
            for start, part in zip(starts, parts, strict=False)
            for (row, column), text in part.reading.texts.items()
        },
        extra={name: joined([part.reading.extra[name] for part in parts]) for name in first.reading.extra},
        ages_days=joined([part.reading.ages_days for part in parts if part.reading.ages_days is not None]),
    )
    whole = replace(
        first,
        reading=reading,
        patient=joined([part.patient for part in parts]),
        outcome=joined([part.outcome for part in parts]),
        followed=joined([part.followed for part in parts if part.followed is not None]),
        landmark=joined([part.landmark for part in parts if part.landmark is not None]),
        site=None if first.site is None else joined([part.site for part in parts if part.site is not None]),
        time=None if first.time is None else joined([part.time for part in parts if part.time is not None]),
    )
    assert whole.landmark is not None
    return whole.take(np.lexsort((whole.landmark, whole.patient.astype(str))))


def refuse_differing(
    patient: np.ndarray, told: dict[str, Float[np.ndarray, " visit"]], reading: Reading, path: Path
) -> None:
    """What happened to a patient, and when, stands in each of their rows alike.

    Parameters
    ----------
    told: column → what it says of each row; nan where nothing.

    Raises
    ------
    DataError: it differs between rows of one patient.
    """
    _, first, which = np.unique(patient.astype(str), return_index=True, return_inverse=True)
    for column, numbers in told.items():
        theirs = numbers[first][which]
        differs = np.flatnonzero(~((numbers == theirs) | (np.isnan(numbers) & np.isnan(theirs))))
        if len(differs):
            row = int(differs[0])
            others = len(np.unique(which[differs]))
            whose = "1 patient" if others == 1 else f"{others} patients"
            here, there = (place(path, int(reading.rows[one])) for one in (first[which[row]], row))
            raise DataError(
                f"the column '{column}' differs between rows of {whose}: {here} and {there}",
                where=str(path),
                remedy="Write the same course into each row of a patient; only visits and values may differ",
            )


def refuse_same_visit(
    patient: np.ndarray, at: Float[np.ndarray, " visit"], rows: Int[np.ndarray, " visit"], path: Path
) -> None:
    """Of two rows at the same time nobody can say which is the later; `rows` are their numbers in the table.

    Raises
    ------
    DataError: a patient has two visits at the same time.
    """
    order = _by_patient(patient, at, np.ones(len(at), dtype=bool))
    twice = np.flatnonzero((patient[order][1:] == patient[order][:-1]) & (at[order][1:] == at[order][:-1]))
    if len(twice):
        here, there = (place(path, int(rows[order[one]])) for one in (twice[0], twice[0] + 1))
        raise DataError(
            f"a patient has two visits at the same time, {len(twice)} times: {here} and {there}",
            where=str(path),
            remedy="Make one row of them, or give the later one a later time",
        )
