"""Who is in: the patients of a study after reading and cleaning, one row each visit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.sources import Reading


class AttritionStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step from the rows read to the patients used.

    Attributes
    ----------
    step: what was done, in words.
    rows: how many rows remain after it.
    removed: how many rows it removed.
    """

    step: str
    rows: int
    removed: int


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the data check found.

    Attributes
    ----------
    code: a short constant name, for scripts.
    severity: ``"error"`` stops training; ``"warning"`` is printed and stands in the report; ``"note"`` is printed.
    where: the variable, column, site or rows concerned.
    text: what it is, in one sentence, with its figure.
    remedy: what to do about it.
    """

    code: str
    severity: str
    where: str
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Cohort:
    """The patients of a study.

    Attributes
    ----------
    reading: values of the rows that are used, in the schema's order.
    patient: the patient's identifier of each row, as text.
    outcome: position of the row's class in the study's classes; where the question is when something happens, 0 is "not
        seen until the end of follow-up".
    followed: time to the event or to the end of follow-up, in the study's unit; None where the question has no time.
    entered: time from which on the row was under observation; None: all from 0.
    landmark: time at which the row's patient is asked about, and from which `followed` counts; None where the study
        declares no landmarks.
    amount: the outcome where it is a number (`outcome` is then 0 throughout), in the study's unit; else None.
    arm: position of the treatment that each row's patient got; None where the question is not which.
    without_outcome: rows that were left out as their outcome or its time is missing, by treatment; empty where the
        question is not which.
    comparators: of a dose, what other rules would give each row, by their names; nan where one gives none.
    site: text of the site column, None where the study names none.
    time: index date of each row (``datetime64[D]``), None where the study names none.
    attrition: from rows read to rows used.
    digest: SHA-256 over the used values, outcomes, comparators, patients, sites and times, in hexadecimal.
    source_digest: SHA-256 of the table's bytes.
    """

    reading: Reading
    patient: np.ndarray
    outcome: Int[np.ndarray, " patient"]
    site: np.ndarray | None
    time: np.ndarray | None
    attrition: tuple[AttritionStep, ...]
    digest: str
    source_digest: str
    followed: Float[np.ndarray, " patient"] | None = None
    entered: Float[np.ndarray, " patient"] | None = None
    landmark: Float[np.ndarray, " patient"] | None = None
    amount: Float[np.ndarray, " patient"] | None = None
    arm: Int[np.ndarray, " patient"] | None = None
    without_outcome: tuple[int, ...] = ()
    comparators: Mapping[str, Float[np.ndarray, " patient"]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.outcome)

    def at_first_landmark(self) -> Cohort:
        """One row a patient where landmarks stack several: the earliest; else all rows."""
        if self.landmark is None:
            return self
        order = np.lexsort((self.landmark, self.patient.astype(str)))
        _, first = np.unique(self.patient[order].astype(str), return_index=True)
        return self.take(order[first])

    def take(self, chosen: Bool[np.ndarray, " patient"] | Int[np.ndarray, " chosen"]) -> Cohort:
        """The rows chosen by a mask or by positions, in that order; digests stay those of the whole."""
        index = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        position = {int(old): new for new, old in enumerate(index)}
        old = self.reading
        reading = Reading(
            rows=old.rows[index],
            values=old.values[index],
            problems=old.problems[index],
            texts={(position[row], column): text for (row, column), text in old.texts.items() if row in position},
            extra={name: column[index] for name, column in old.extra.items()},
            ages_days=None if old.ages_days is None else old.ages_days[index],
        )
        return replace(
            self,
            reading=reading,
            patient=self.patient[index],
            outcome=self.outcome[index],
            site=None if self.site is None else self.site[index],
            time=None if self.time is None else self.time[index],
            followed=None if self.followed is None else self.followed[index],
            entered=None if self.entered is None else self.entered[index],
            landmark=None if self.landmark is None else self.landmark[index],
            amount=None if self.amount is None else self.amount[index],
            arm=None if self.arm is None else self.arm[index],
            comparators={name: doses[index] for name, doses in self.comparators.items()},
        )
