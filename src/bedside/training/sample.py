"""What fitting works on: plain arrays of one set of patients."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from bedside.cohort import Cohort, Study
from bedside.errors import DataError
from bedside.preparation import as_served
from bedside.sources import Schema
from bedside.training.head import Head
from bedside.training.heads import head_of

FOLDS = 5
"""Folds of every cross-fitting."""

FEWEST = 30
"""Patients below which nothing is fitted: five folds of six patients say nothing about anyone."""


@dataclass(frozen=True)
class Sample:
    """Rows to fit on or to predict.

    Attributes
    ----------
    values: as the graph will see them. y: class positions; 0 for no event seen. patient: a number per patient.
    head: what is asked of them.
    followed: time to the event or to the end of follow-up, and entered: from when on a row was under observation (None:
        all from 0); both None where the question is not when something happens.
    amount: the outcome where it is a number. arm: position of the treatment that each row got.
    scores: for each arm a number whose mean, among patients alike, is their expected outcome under it; `Head.prepared`
        makes them. All None where the question has none.
    """

    schema: Schema
    values: Float[np.ndarray, "row variable"]
    y: Int[np.ndarray, " row"]
    patient: Int[np.ndarray, " row"]
    head: Head
    followed: Float[np.ndarray, " row"] | None = None
    entered: Float[np.ndarray, " row"] | None = None
    amount: Float[np.ndarray, " row"] | None = None
    arm: Int[np.ndarray, " row"] | None = None
    scores: Float[np.ndarray, "row arm"] | None = None

    @property
    def classes(self) -> int:
        """How many outcomes a row may have."""
        return self.head.classes

    def take(self, chosen: Bool[np.ndarray, " row"] | Int[np.ndarray, " chosen"]) -> Sample:
        """The rows of a mask, or of row numbers."""
        return replace(
            self,
            values=self.values[chosen],
            y=self.y[chosen],
            patient=self.patient[chosen],
            followed=None if self.followed is None else self.followed[chosen],
            entered=None if self.entered is None else self.entered[chosen],
            amount=None if self.amount is None else self.amount[chosen],
            arm=None if self.arm is None else self.arm[chosen],
            scores=None if self.scores is None else self.scores[chosen],
        )

    @property
    def patients(self) -> int:
        """How many patients the rows belong to."""
        return len(np.unique(self.patient))


def sample_of(study: Study, development: Cohort) -> Sample:
    """The development patients of a study as arrays.

    Raises
    ------
    DataError: there are too few patients, in all or with one outcome, for `FOLDS` folds; or a horizon lies beyond
        every follow-up.
    """
    _, patient = np.unique(development.patient, return_inverse=True)
    y = development.outcome.astype(np.int64)
    values, head = as_served(development.reading.values), head_of(study, development)
    sample = Sample(
        study.schema,
        values,
        y,
        patient,
        head,
        followed=development.followed,
        entered=development.entered,
        amount=development.amount,
        arm=development.arm,
    )
    if sample.patients < FEWEST:
        raise DataError(
            f"{sample.patients} patients to develop on, and at least {FEWEST} are needed",
            where=str(study.data.table),
            remedy="Gather more patients, or hold fewer of them out",
        )
    for position in sample.head.needed:
        name = study.outcome.classes[position]
        count = len(np.unique(patient[y == position]))
        if count < FOLDS:
            raise DataError(
                f"{count} patients to develop on are {name!r}, and at least {FOLDS} of each class are needed",
                where=f"{study.data.table}, column {study.outcome.column}",
                remedy="Gather more such patients, join classes, or hold fewer patients out",
            )
    return sample.head.prepared(sample, (study.validation.seed, 50))
