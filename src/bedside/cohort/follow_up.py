"""How long each row was followed, read from a table: who cannot be used, and what no table should hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.cohort.study import FollowUp
from bedside.cohort.wrong_cells import instead, refuse_cells
from bedside.errors import DataError
from bedside.measures import number_at_risk
from bedside.sources import Reading, convert, number_in

LEAST_AT_RISK = 20
"""Patients who must be followed to a horizon: with fewer, one event moves the curve there by more than 5 %."""

LIFETIME = 120.0
"""Years that nobody is followed beyond, in whatever unit the times are."""


@dataclass(frozen=True)
class Times:
    """Follow-up of all rows read, in the study's unit.

    Attributes
    ----------
    followed: time to the event or to the end of follow-up; nan where not known.
    entered: time from which on the row was under observation; None where all are from 0.
    outcome: the rows' outcomes (-1: not known), where events after the end of follow-up are "no event seen".
    later: rows with such an event.
    visit: time of each row's visit; None where the study declares no landmarks.
    """

    followed: Float[np.ndarray, " row"]
    entered: Float[np.ndarray, " row"] | None
    outcome: Int[np.ndarray, " row"]
    later: Bool[np.ndarray, " row"]
    visit: Float[np.ndarray, " row"] | None = None

    def exclusions(self) -> list[tuple[str, Bool[np.ndarray, " row"]]]:
        """Each step of the attrition, in order, with the rows that stay."""
        zero = self.followed == 0
        found = [
            ("after dropping rows without a time", ~np.isnan(self.followed)),
            ("after dropping rows with an event at time 0, when it cannot be foreseen", ~(zero & (self.outcome > 0))),
            ("after dropping rows whose follow-up ends at time 0", ~zero),
        ]
        if self.entered is not None:
            known = ~np.isnan(self.entered)
            found += [
                ("after dropping rows without a time of entry", known),
                ("after dropping rows that entered when their follow-up was over", ~(self.entered >= self.followed)),
            ]
        if self.visit is not None:
            found += [("after dropping visits without a time", ~np.isnan(self.visit))]
        return found


def read_times(
    reading: Reading, path: Path, follow_up: FollowUp, outcome: Int[np.ndarray, " row"], unit: str | None = None
) -> Times:
    """The times of all rows, and their outcomes as far as follow-up goes.

    Parameters
    ----------
    follow_up: its columns are among the reading's further columns.
    outcome: what the column of events says, -1 where it says nothing.
    unit: of the table's times; None: the study's.

    Raises
    ------
    DataError: a cell is no number, a time lies before the index time, or beyond any lifetime.
    """
    factor = 1.0 if unit is None else convert(1.0, unit, follow_up.unit)

    def numbers(column: str, *, before: bool = False) -> Float[np.ndarray, " row"]:
        return factor * _numbers(reading, path, column, before=before)

    followed = numbers(follow_up.time)
    _refuse_beyond_life(followed, reading, path, follow_up)
    entered = None if follow_up.entry is None else numbers(follow_up.entry)
    visit = None if follow_up.visit is None else numbers(follow_up.visit, before=True)
    read = Times(followed, entered, outcome, np.zeros(len(followed), dtype=bool), visit)
    if isinstance(follow_up.end, str):
        return _ended(read, numbers(follow_up.end))
    return read if follow_up.end is None else _ended(read, np.full(len(followed), follow_up.end))


def _refuse_beyond_life(followed: Float[np.ndarray, " row"], reading: Reading, path: Path, follow_up: FollowUp) -> None:
    beyond = np.flatnonzero(followed > LIFETIME * convert(1.0, "a", follow_up.unit)).tolist()
    if beyond:
        remedy = f"are these times in {follow_up.unit}? The unit stands in [outcome], of the study or of the map"
        refuse_cells(reading, path, follow_up.time, beyond, f"beyond {LIFETIME:g} years", remedy)


def _ended(read: Times, end: Float[np.ndarray, " row"]) -> Times:
    """Nothing counts that happens after the end of follow-up, neither an event nor that there was none."""
    beyond = read.followed > end  # an unknown end is none
    return replace(
        read,
        followed=np.where(beyond, end, read.followed),
        outcome=np.where(beyond & (read.outcome > 0), 0, read.outcome),
        later=beyond & (read.outcome > 0),
    )


def _numbers(reading: Reading, path: Path, column: str, *, before: bool) -> Float[np.ndarray, " row"]:
    """The column's numbers; they may lie `before` the index time, or may not."""
    texts = reading.extra[column].tolist()
    read = [None if text is None else number_in(text) for text in texts]
    found = np.array([np.nan if number is None else number for number in read])
    wrong = [
        row for row, (text, number) in enumerate(zip(texts, read, strict=True)) if text is not None and number is None
    ]
    if wrong:
        refuse_cells(reading, path, column, wrong, "no number", instead(texts[wrong[0]]))
    negative = np.flatnonzero(found < 0).tolist()
    if negative and not before:
        remedy = "times count from the index time; who was under observation before it entered at 0"
        refuse_cells(reading, path, column, negative, "negative", remedy)
    return found


def refuse_several_rows(patient: np.ndarray, path: Path) -> None:
    """Each patient has one course.

    Raises
    ------
    DataError: a patient has several rows.
    """
    names, counts = np.unique(patient.astype(str), return_counts=True)
    several = counts > 1
    if several.any():
        raise DataError(
            f"{int(several.sum())} of {len(names)} patients have several rows, and a course counts once",
            where=str(path),
            remedy="Keep the row of the index time for each patient, such as the first visit; or declare landmarks "
            "and visit in [outcome], which use repeated visits",
        )


def refuse_unfollowed(
    followed: Float[np.ndarray, " patient"],
    entered: Float[np.ndarray, " patient"] | None,
    outcome: Int[np.ndarray, " patient"],
    follow_up: FollowUp,
    where: str,
) -> None:
    """A horizon that hardly anybody is followed to has no risk that could be learned or judged.

    Raises
    ------
    DataError: fewer than `LEAST_AT_RISK` are at risk at a horizon, or nobody has the event by the first.
    """
    refuse_short(followed, entered, follow_up, where)
    first = follow_up.horizons[0]
    if not (outcome[followed <= first] == 1).any():
        raise DataError(
            f"nobody has the event by the first horizon, {first:g} {follow_up.unit}",
            where=where,
            remedy="Drop that horizon; are times and horizons in the same unit?",
        )


def refuse_short(
    followed: Float[np.ndarray, " patient"],
    entered: Float[np.ndarray, " patient"] | None,
    follow_up: FollowUp,
    where: str,
) -> None:
    """Raises `DataError` where fewer than `LEAST_AT_RISK` are at risk at a horizon."""
    left = number_at_risk(followed, np.array(follow_up.horizons), entered)
    if (left < LEAST_AT_RISK).any():
        late = int(np.flatnonzero(left < LEAST_AT_RISK)[0])
        horizon = f"{follow_up.horizons[late]:g} {follow_up.unit}"
        reached = float(np.sort(followed)[-LEAST_AT_RISK]) if len(followed) >= LEAST_AT_RISK else 0.0
        raise DataError(
            f"the horizon {horizon} is out of reach: {left[late]} of {len(followed)} patients are at risk "
            f"then, and {LEAST_AT_RISK} are needed",
            where=where,
            remedy=f"{LEAST_AT_RISK} patients are followed to {reached:g} {follow_up.unit}; are times and horizons in "
            "the same unit?",
        )
